import type { Meta, StoryObj } from '@storybook/web-components-vite';
import { html } from 'lit';
import { attributes } from '../../../stories/support/attributes.ts';
import { elementIn, expectState, expectText } from '../../../stories/support/looking.ts';
import { scriptOf } from '../../../stories/support/mounted-api.ts';
import { ScriptedApi } from '../../../stories/support/scripted-api.ts';
import * as usage from '../../../stories/support/usage.ts';

const meta: Meta = {
  title: 'Elements/Usage bar',
  component: 'billing-usage-bar',
  render: (args) => html`<billing-usage-bar ${attributes(args)}>Usage appears here.</billing-usage-bar>`,
};

export default meta;

export const Standalone: StoryObj = { args: { label: 'Build minutes', consumed: 320, limit: 500 } };

export const NothingUsed: StoryObj = { args: { label: 'Webhook deliveries', consumed: 0, limit: 10_000 } };

export const OneOfMany: StoryObj = { args: { label: 'Events ingested', consumed: 1, limit: 5_000_000 } };

export const Millions: StoryObj = {
  args: { label: 'Events ingested', consumed: 1_204_512, limit: 5_000_000 },
};

export const Sizes: StoryObj = { args: { label: 'Storage', consumed: 3.2, limit: 10, unit: 'gb' } };

export const Warning: StoryObj = { args: { label: 'API calls', consumed: 842, limit: 1000 } };

export const Critical: StoryObj = { args: { label: 'API calls', consumed: 968, limit: 1000 } };

export const Exceeded: StoryObj = { args: { label: 'API calls', consumed: 1000, limit: 1000 } };

export const Over: StoryObj = { args: { label: 'API calls', consumed: 1120, limit: 1000 } };

export const OwnThresholds: StoryObj = {
  args: { label: 'API calls', consumed: 620, limit: 1000, 'warn-at': 50, 'critical-at': 75 },
};

export const Unlimited: StoryObj = { args: { label: 'Emails sent', consumed: 18_204 } };

export const NothingAllowed: StoryObj = { args: { label: 'Custom domains', consumed: 0, limit: 0 } };

export const Loading: StoryObj = { args: { label: 'API calls', limit: 1000 } };

export const WithoutLabel: StoryObj = {
  args: { label: 'API calls', consumed: 320, limit: 1000, 'hide-label': true },
};

export const WithoutValue: StoryObj = {
  args: { label: 'API calls', consumed: 320, limit: 1000, 'hide-value': true },
};

export const LongLabel: StoryObj = {
  args: { label: usage.LONG_TITLE.feature_title, consumed: 61_480, limit: 100_000 },
};

export const Connected: StoryObj = {
  args: { 'feature-key': 'api_calls' },
  parameters: { api: () => new ScriptedApi({ rows: usage.TYPICAL }) },
  play: async ({ canvasElement }) => {
    await expectText(elementIn(canvasElement, 'billing-usage-bar'), '.value', '842 of 1,000');
  },
};

export const Seats: StoryObj = {
  args: { 'feature-key': 'team_members' },
  parameters: { api: () => new ScriptedApi({ rows: usage.TYPICAL }) },
};

export const Overage: StoryObj = { ...Seats, args: { 'feature-key': 'files_processed' } };

export const NotInPlan: StoryObj = { ...Seats, args: { 'feature-key': 'teleport', label: 'Teleports' } };

export const Unavailable: StoryObj = {
  args: { 'feature-key': 'api_calls', label: 'API calls' },
  parameters: { api: () => new ScriptedApi({ reach: 'down' }) },
  play: async ({ canvasElement }) => {
    await expectState(elementIn(canvasElement, 'billing-usage-bar'), 'error');
  },
};

export const SignedOut: StoryObj = {
  args: { 'feature-key': 'api_calls', label: 'API calls' },
  parameters: { api: () => new ScriptedApi({ signedOut: true }) },
};

export const Stale: StoryObj = {
  args: { 'feature-key': 'api_calls' },
  parameters: { api: () => new ScriptedApi({ rows: usage.TYPICAL, reach: 'drops' }) },
  play: async ({ canvasElement }) => {
    await expectState(elementIn(canvasElement, 'billing-usage-bar'), 'stale');
  },
};

/** Somebody uses the feature elsewhere; the bar eases to its new value. */
export const Live: StoryObj = {
  ...Connected,
  play: async (context) => {
    const bar = elementIn(context.canvasElement, 'billing-usage-bar');
    await expectText(bar, '.value', '842 of 1,000');
    scriptOf(context).use('api_calls', 120);
    await expectText(bar, '.value', '962 of 1,000');
    await expectState(bar, 'critical');
  },
};
