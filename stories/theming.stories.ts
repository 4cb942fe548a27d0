import type { Meta, StoryObj } from '@storybook/web-components-vite';
import { html } from 'lit';
import { styleMap } from 'lit/directives/style-map.js';
import { ScriptedApi } from './support/scripted-api.ts';
import * as usage from './support/usage.ts';

/** The five brand tokens, live: an empty one is the elements' own. */
const TOKENS = {
  '--billing-color-primary': 'color',
  '--billing-color-background': 'color',
  '--billing-color-text': 'color',
  '--billing-radius': 'text',
  '--billing-font': 'text',
} as const;

const meta: Meta = {
  title: 'Pages/Theming',
  argTypes: Object.fromEntries(Object.entries(TOKENS).map(([name, control]) => [name, { control }])),
  parameters: {
    api: () => new ScriptedApi({ ...usage.nudgeAt('warning'), rows: usage.TYPICAL }),
  },
  render: (args) => html`
    <div style=${styleMap({ display: 'grid', gap: '1.25em', maxInlineSize: '34em', ...args })}>
      <billing-usage-display heading="Your usage" rows="5"></billing-usage-display>
      <billing-upgrade-nudge variant="inline" upgrade-url="#upgrade"></billing-upgrade-nudge>
      <p><billing-usage-display compact feature-key="api_calls"></billing-usage-display></p>
      <billing-usage-bar label="Build minutes" consumed="320" limit="500"></billing-usage-bar>
    </div>
  `,
};

export default meta;

export const OwnColours: StoryObj = {};

export const Forest: StoryObj = {
  args: {
    '--billing-color-primary': '#0f7b5f',
    '--billing-color-background': '#fffaf1',
    '--billing-color-text': '#2b2118',
    '--billing-radius': '4px',
    '--billing-font': 'Georgia, serif',
  },
  globals: { theme: 'light' },
};

export const Dusk: StoryObj = {
  args: {
    '--billing-color-primary': '#ff9d5c',
    '--billing-color-background': '#241a3a',
    '--billing-color-text': '#f6efff',
    '--billing-radius': '1.25rem',
  },
  globals: { theme: 'dark' },
};
