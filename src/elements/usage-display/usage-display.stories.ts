import type { Meta, StoryObj } from '@storybook/web-components-vite';
import { html } from 'lit';
import { expect, userEvent } from 'storybook/test';
import { attributes } from '../../../stories/support/attributes.ts';
import { elementIn, expectState, expectText, partOf } from '../../../stories/support/looking.ts';
import { scriptOf } from '../../../stories/support/mounted-api.ts';
import { ScriptedApi } from '../../../stories/support/scripted-api.ts';
import * as usage from '../../../stories/support/usage.ts';

const meta: Meta = {
  title: 'Elements/Usage display',
  component: 'billing-usage-display',
  args: { heading: 'Your usage' },
  parameters: { api: () => new ScriptedApi({ rows: usage.TYPICAL }) },
  render: (args) =>
    html`<billing-usage-display ${attributes(args)}>Usage appears here.</billing-usage-display>`,
};

export default meta;

export const Typical: StoryObj = {
  play: async ({ canvasElement }) => {
    const display = elementIn(canvasElement, 'billing-usage-display');
    await expectText(display, '.plan', 'Starter');
    await expectText(display, '.live', 'Live');
    await expectState(display, 'exceeded');
  },
};

export const Loading: StoryObj = {
  parameters: { api: () => new ScriptedApi({ reach: 'silent' }) },
  play: async ({ canvasElement }) => {
    await expectState(elementIn(canvasElement, 'billing-usage-display'), 'loading');
  },
};

export const LoadingFiveRows: StoryObj = { ...Loading, args: { rows: 5 } };

export const Empty: StoryObj = { parameters: { api: () => new ScriptedApi() } };

export const EmptyInOwnWords: StoryObj = {
  ...Empty,
  render: (args) =>
    html`<billing-usage-display ${attributes(args)}>
      <p slot="empty">You pay one price for everything. <a href="#plans">See what that includes</a></p>
    </billing-usage-display>`,
};

export const Failed: StoryObj = {
  parameters: { api: () => new ScriptedApi({ reach: 'down' }) },
  play: async ({ canvasElement }) => {
    const display = elementIn(canvasElement, 'billing-usage-display');
    await expectState(display, 'error');
    await expectText(display, '.message', 'Your usage could not be loaded');
  },
};

/** The network is back, and so are the numbers. */
export const Retried: StoryObj = {
  parameters: { api: () => new ScriptedApi({ rows: usage.TYPICAL, reach: 'down' }) },
  play: async (context) => {
    const display = elementIn(context.canvasElement, 'billing-usage-display');
    await expectState(display, 'error');
    scriptOf(context).comeBack();
    await userEvent.click(await partOf(display, '[part=retry]'));
    await expectText(display, '.rows', '842 of 1,000');
  },
};

export const SignedOut: StoryObj = {
  parameters: { api: () => new ScriptedApi({ signedOut: true }) },
  play: async ({ canvasElement }) => {
    await expectText(elementIn(canvasElement, 'billing-usage-display'), '.message', 'Sign in');
  },
};

export const Stale: StoryObj = {
  parameters: { api: () => new ScriptedApi({ rows: usage.TYPICAL, reach: 'drops' }) },
  play: async ({ canvasElement }) => {
    const display = elementIn(canvasElement, 'billing-usage-display');
    await expectState(display, 'stale');
    await expectText(display, '.live', 'reconnecting');
  },
};

export const Comfortable: StoryObj = {
  parameters: {
    api: () => new ScriptedApi({ rows: [usage.EVENTS_INGESTED, usage.STORAGE, usage.CUSTOM_DOMAINS] }),
  },
};

export const Warning: StoryObj = {
  parameters: { api: () => new ScriptedApi({ rows: [usage.API_CALLS] }) },
};

export const Critical: StoryObj = {
  parameters: { api: () => new ScriptedApi({ rows: [usage.DATABASE_ROWS] }) },
};

export const Exceeded: StoryObj = {
  parameters: { api: () => new ScriptedApi({ rows: [usage.BUILD_MINUTES] }) },
};

export const Overage: StoryObj = {
  parameters: { api: () => new ScriptedApi({ rows: [usage.FILES_PROCESSED] }) },
};

export const Unlimited: StoryObj = {
  parameters: { api: () => new ScriptedApi({ rows: [usage.EMAILS_SENT] }) },
  play: async ({ canvasElement }) => {
    await expectState(elementIn(canvasElement, 'billing-usage-display'), 'unlimited');
  },
};

export const NeverResets: StoryObj = {
  parameters: { api: () => new ScriptedApi({ rows: [usage.STORAGE] }) },
};

export const Seats: StoryObj = {
  parameters: { api: () => new ScriptedApi({ rows: [usage.TEAM_MEMBERS, usage.CUSTOM_DOMAINS] }) },
};

export const NothingUsedYet: StoryObj = {
  parameters: { api: () => new ScriptedApi({ rows: [usage.WEBHOOKS] }) },
};

export const OneFeature: StoryObj = { args: { heading: null, 'feature-key': 'storage_gb' } };

export const NotInPlan: StoryObj = { args: { heading: null, 'feature-key': 'teleport' } };

export const WithoutBars: StoryObj = { args: { 'hide-progress': true } };

export const WithoutResets: StoryObj = { args: { 'hide-reset': true } };

export const OwnHeading: StoryObj = {
  render: (args) =>
    html`<billing-usage-display ${attributes(args)}>
      <span slot="heading">This month at <em>Initech</em></span>
    </billing-usage-display>`,
};

export const LongTexts: StoryObj = {
  args: { heading: 'Everything that your organisation has used in the present billing period' },
  parameters: {
    api: () =>
      new ScriptedApi({
        rows: [
          { ...usage.LONG_TITLE, product_name: 'Enterprise with extended retention' },
          usage.EVENTS_INGESTED,
        ],
      }),
  },
};

export const Compact: StoryObj = { args: { compact: true } };

export const CompactOneFeature: StoryObj = { args: { compact: true, 'feature-key': 'api_calls' } };

export const CompactLoading: StoryObj = { ...Loading, args: { compact: true } };

export const CompactFailed: StoryObj = {
  args: { compact: true },
  parameters: { api: () => new ScriptedApi({ reach: 'down' }) },
};

export const CompactStale: StoryObj = {
  args: { compact: true },
  parameters: { api: () => new ScriptedApi({ rows: usage.TYPICAL, reach: 'drops' }) },
  play: async ({ canvasElement }) => {
    await expectState(elementIn(canvasElement, 'billing-usage-display'), 'stale');
  },
};

/** Each threshold is said once, politely; nothing is said on load. */
export const CrossingThresholds: StoryObj = {
  parameters: { api: () => new ScriptedApi({ rows: [usage.rowOf({ consumed: 780 })] }) },
  play: async (context) => {
    const api = scriptOf(context);
    const display = elementIn(context.canvasElement, 'billing-usage-display');
    await expectText(display, '.rows', '780 of 1,000');
    const voice = await partOf(display, '[role=status]');
    await expect(voice).toHaveTextContent('');
    api.use('api_calls', 40);
    await expectText(display, '[role=status]', 'API calls: 82% used, 180 left');
    api.use('api_calls', 1);
    await expectText(display, '.rows', '821 of 1,000');
    await expect(voice).toHaveTextContent('API calls: 82% used, 180 left');
    api.use('api_calls', 179);
    await expectText(display, '[role=status]', 'API calls: Limit reached');
  },
};
