import type { Meta, StoryObj } from '@storybook/web-components-vite';
import { html } from 'lit';
import { expect, fn, userEvent, waitFor } from 'storybook/test';
import type { NudgeTrigger } from '../../client/wire.ts';
import { attributes } from '../../../stories/support/attributes.ts';
import { elementIn, expectGone, expectState, partOf } from '../../../stories/support/looking.ts';
import { scriptOf } from '../../../stories/support/mounted-api.ts';
import { ScriptedApi } from '../../../stories/support/scripted-api.ts';
import * as usage from '../../../stories/support/usage.ts';
import type { NudgeVariant } from './upgrade-nudge.ts';

const meta: Meta = {
  title: 'Elements/Upgrade nudge',
  component: 'billing-upgrade-nudge',
  args: { 'upgrade-url': '#upgrade-{priceId}' },
  argTypes: { variant: { options: ['banner', 'toast', 'modal', 'inline'], control: 'select' } },
  // On a page of documentation each has a screen of its own to be fixed to.
  parameters: { docs: { story: { inline: false, height: '420px' } } },
  render: (args) => html`<billing-upgrade-nudge ${attributes(args)}></billing-upgrade-nudge>`,
};

export default meta;

/** The nudge is on screen. */
const shows: NonNullable<StoryObj['play']> = async ({ canvasElement }) => {
  const surface = await partOf(elementIn(canvasElement, 'billing-upgrade-nudge'), '.surface');
  await waitFor(() => expect(surface).toBeVisible());
};

export const BannerWarning = opened('banner', 'warning');
export const BannerCritical = opened('banner', 'critical');
export const BannerExceeded = opened('banner', 'exceeded');
export const ToastWarning = opened('toast', 'warning');
export const ToastCritical = opened('toast', 'critical');
export const ToastExceeded = opened('toast', 'exceeded');
export const ModalWarning = opened('modal', 'warning');
export const ModalCritical = opened('modal', 'critical');
export const ModalExceeded = opened('modal', 'exceeded');
export const InlineWarning = opened('inline', 'warning');
export const InlineCritical = opened('inline', 'critical');
export const InlineExceeded = opened('inline', 'exceeded');

export const BannerWithoutPlan = opened('banner', 'exceeded', { suggestedPlan: null });
export const ToastWithoutPlan = opened('toast', 'exceeded', { suggestedPlan: null });
export const ModalWithoutPlan = opened('modal', 'exceeded', { suggestedPlan: null });
export const InlineWithoutPlan = opened('inline', 'exceeded', { suggestedPlan: null });

export const Overage: StoryObj = {
  args: { variant: 'modal' },
  parameters: {
    api: () =>
      new ScriptedApi({
        rows: [usage.FILES_PROCESSED],
        nudges: usage.nudgeAt('exceeded', { feature: 'files_processed' }).nudges,
      }),
  },
  play: shows,
};

/** The page's own words, and nothing fetched. */
export const OwnTrigger: StoryObj = {
  args: {
    variant: 'inline',
    trigger: {
      type: 'trial_ending',
      feature: 'trial',
      threshold: 80,
      message: {
        title: 'Your trial ends on Friday',
        body: 'Keep your 14 projects: choose a plan before then.',
        cta: 'Choose a plan',
      },
      suggestedPlan: null,
    },
  },
  play: shows,
};

export const LongTexts: StoryObj = {
  args: { variant: 'modal' },
  parameters: {
    api: () => {
      const { feature_key: feature, feature_title: title } = usage.LONG_TITLE;
      const [nudge] = usage.nudgeAt('critical', { feature }).nudges;
      const plan = nudge?.suggestedPlan ?? null;
      const limits = [{ feature, title, from: 100_000, to: 1_000_000 }, ...(plan?.limits ?? [])];
      const long = plan && { ...plan, name: 'Enterprise with extended retention', limits };
      return new ScriptedApi({
        rows: [usage.rowOf({ ...usage.LONG_TITLE, consumed: 96_800 }), usage.STORAGE],
        nudges: nudge === undefined ? [] : [{ ...nudge, suggestedPlan: long }],
      });
    },
  },
  play: shows,
};

/** No nudge from the server: nothing on the page. */
export const NothingToSay: StoryObj = {
  parameters: { api: () => new ScriptedApi({ rows: usage.TYPICAL }) },
  play: async ({ canvasElement }) => {
    const nudge = elementIn(canvasElement, 'billing-upgrade-nudge');
    await waitFor(() => expect(nudge.matches(':state(loading)')).toBe(false));
    await expect(nudge.open).toBe(false);
  },
};

/** Appears when usage crosses a threshold while somebody looks. */
export const CrossingAThreshold: StoryObj = {
  args: { variant: 'toast' },
  parameters: { api: () => new ScriptedApi({ rows: [usage.rowOf({ consumed: 780 })] }) },
  play: async (context) => {
    const nudge = elementIn(context.canvasElement, 'billing-upgrade-nudge');
    await waitFor(() => expect(nudge.matches(':state(loading)')).toBe(false));
    scriptOf(context).use('api_calls', 40);
    await expect(await partOf(nudge, '.title')).toHaveTextContent('API calls: running low');
  },
};

export const Upgrading: StoryObj = {
  ...opened('inline', 'warning'),
  play: async ({ canvasElement }) => {
    const onUpgrade = fn((event: Event) => event.preventDefault());
    const nudge = elementIn(canvasElement, 'billing-upgrade-nudge');
    nudge.addEventListener('billing-upgrade', onUpgrade);
    await userEvent.click(await partOf(nudge, '[part=upgrade]'));
    await expect(onUpgrade).toHaveBeenCalledOnce();
    await expect(onUpgrade.mock.lastCall?.[0]).toMatchObject({ detail: { priceId: 'price_pro_month' } });
    await expect(nudge.open).toBe(true);
  },
};

export const Dismissing: StoryObj = {
  ...opened('banner', 'warning'),
  play: async (context) => {
    const nudge = elementIn(context.canvasElement, 'billing-upgrade-nudge');
    await userEvent.click(await partOf(nudge, '[part=dismiss]'));
    await expectGone(nudge, '.surface');
    await waitFor(() => expect(scriptOf(context).dismissed).toEqual(['nudge_warning']));
  },
};

/** Escape counts with the focus inside, and only then. */
export const Escaping: StoryObj = {
  ...opened('toast', 'warning'),
  play: async ({ canvasElement }) => {
    const nudge = elementIn(canvasElement, 'billing-upgrade-nudge');
    const close = await partOf(nudge, '[part=dismiss]');
    await userEvent.keyboard('{Escape}');
    await expect(nudge.open).toBe(true);
    close.focus();
    await userEvent.keyboard('{Escape}');
    await expectGone(nudge, '.surface');
  },
};

export const MaybeLater: StoryObj = {
  ...opened('modal', 'warning'),
  play: async (context) => {
    const nudge = elementIn(context.canvasElement, 'billing-upgrade-nudge');
    await userEvent.click(await partOf(nudge, '[part=dismiss]'));
    await expectGone(nudge, '.surface');
    await waitFor(() => expect(scriptOf(context).dismissed).toEqual(['nudge_warning']));
  },
};

function opened(
  variant: NudgeVariant,
  severity: NudgeTrigger['severity'],
  facts: Partial<NudgeTrigger> = {},
): StoryObj {
  return {
    args: { variant },
    parameters: { api: () => new ScriptedApi(usage.nudgeAt(severity, facts)) },
    play: async (context) => {
      await shows(context);
      await expectState(elementIn(context.canvasElement, 'billing-upgrade-nudge'), severity);
    },
  };
}
