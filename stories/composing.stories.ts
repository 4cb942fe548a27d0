import type { Meta, StoryObj } from '@storybook/web-components-vite';
import { html } from 'lit';
import { expect, userEvent, within } from 'storybook/test';
import { elementIn, expectText, partOf } from './support/looking.ts';
import { apiOf } from './support/mounted-api.ts';
import { ScriptedApi } from './support/scripted-api.ts';
import * as usage from './support/usage.ts';

/** A host's own page: one provider, one store, any number of elements, and the store for the host's own code. */
const meta: Meta = {
  title: 'Pages/Composing',
  parameters: { api: () => new ScriptedApi({ rows: usage.TYPICAL }) },
  render: (_args, context) => html`
    <header style="display: flex; flex-wrap: wrap; gap: 1em; align-items: center; margin-block-end: 1.5em">
      <b>Initech</b>
      <billing-usage-display compact feature-key="api_calls"></billing-usage-display>
    </header>
    <main style="display: grid; gap: 1.25em; max-inline-size: 38em">
      <h1 style="margin: 0; font-size: 1.4em">Billing</h1>
      <billing-upgrade-nudge variant="inline" upgrade-url="#upgrade"></billing-upgrade-nudge>
      <billing-usage-display heading="Usage this month" heading-level="2" rows="5"></billing-usage-display>
      <p>
        <button
          type="button"
          @click=${() => apiOf(context)?.store.trackUsage({ featureKey: 'api_calls', quantity: 110 })}
        >
          Make 110 API calls
        </button>
      </p>
    </main>
  `,
};

export default meta;

export const BillingPage: StoryObj = {};

/** The host tracks usage through the store: every element shows it, and the nudge comes by itself. */
export const TrackingUsage: StoryObj = {
  play: async ({ canvasElement }) => {
    const [pill] = canvasElement.querySelectorAll('billing-usage-display');
    await expectText(pill ?? canvasElement, '.pill', '842/1,000');
    await userEvent.click(within(canvasElement).getByRole('button', { name: 'Make 110 API calls' }));
    await expectText(pill ?? canvasElement, '.pill', '952/1,000');
    const nudge = elementIn(canvasElement, 'billing-upgrade-nudge');
    await expect(await partOf(nudge, '.title')).toHaveTextContent('API calls: 95% used');
  },
};
