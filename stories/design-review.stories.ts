import type { Meta, StoryObj } from '@storybook/web-components-vite';
import { html, type TemplateResult } from 'lit';
import { expect, waitFor } from 'storybook/test';
import type { NudgeTrigger } from '../src/client/wire.ts';
import type { NudgeVariant } from '../src/elements/index.ts';
import { ScriptedApi, type Script } from './support/scripted-api.ts';
import * as usage from './support/usage.ts';
import './design-review.css';

const meta: Meta = {
  title: 'Pages/Design review',
  tags: ['!autodocs'],
  // Side by side on one page, states repeat each other's landmarks.
  parameters: { a11y: { config: { rules: [{ id: 'landmark-unique', enabled: false }] } } },
};

export default meta;

const SEVERITIES = ['warning', 'critical', 'exceeded'] as const;

/** Every state of the display, the bar and the compact line. */
export const Usage: StoryObj = {
  render: () => html`
    <div class="review">
      ${cell('A plan', { rows: usage.TYPICAL }, display(5))}
      ${cell('Loading', { reach: 'silent' }, display(5))}
      ${cell(
        'All kinds',
        {
          rows: [
            usage.WEBHOOKS,
            usage.EVENTS_INGESTED,
            usage.CUSTOM_DOMAINS,
            usage.DATABASE_ROWS,
            usage.BUILD_MINUTES,
            usage.LONG_TITLE,
          ],
        },
        display(6),
      )}
      ${cell('Stale', { rows: usage.TYPICAL, reach: 'drops' }, display(5))}
      <section>
        ${cell('Failed', { reach: 'down' }, display(3))} ${cell('Empty', {}, display(3))}
        ${cell('Signed out', { signedOut: true }, display(3))}
      </section>
      <section>
        ${cell(
          'One feature',
          { rows: usage.TYPICAL },
          html`<billing-usage-display feature-key="storage_gb"></billing-usage-display>`,
        )}
        ${cell(
          'Without bars',
          { rows: usage.TYPICAL },
          html`<billing-usage-display hide-progress hide-reset rows="5"></billing-usage-display>`,
        )}
      </section>
      ${cell(
        'Compact',
        { rows: usage.TYPICAL },
        html`<p>Your team: <billing-usage-display compact></billing-usage-display></p>`,
      )}
      <section>
        <h2>Bars</h2>
        ${BARS}
      </section>
    </div>
  `,
  play: async ({ canvasElement }) => {
    // One is to stay so.
    await waitFor(() =>
      expect(canvasElement.querySelectorAll('billing-usage-display:state(loading)')).toHaveLength(1),
    );
  },
};

/** Everything that takes no focus; a modal has a story of its own, for it makes the rest inert. */
export const Nudges: StoryObj = {
  render: () => html`
    <div class="review">
      ${(['banner', 'inline', 'toast'] as const).map(
        (variant) =>
          html`<section>
            ${SEVERITIES.map((severity) => nudge(variant, severity))}
            ${nudge(variant, 'exceeded', { suggestedPlan: null })}
          </section>`,
      )}
    </div>
  `,
  play: showAll,
};

/** On pages that are not ours. */
export const Hosts: StoryObj = {
  parameters: { layout: 'fullscreen' },
  render: () => html`
    <div class="hosts">
      ${['white', 'black', 'branded', 'branded-dark'].map(
        (host) =>
          html`<div class="host ${host}">
            ${provided({ rows: usage.TYPICAL }, display(5))}
            ${provided(
              usage.nudgeAt('warning', { id: host }),
              html`<billing-upgrade-nudge variant="inline" upgrade-url="#upgrade"></billing-upgrade-nudge>`,
            )}
            ${provided({ rows: usage.TYPICAL }, html`<billing-usage-display compact></billing-usage-display>`)}
          </div>`,
      )}
    </div>
  `,
  play: showAll,
};

const BARS = [
  { label: 'Webhook deliveries', consumed: 0, limit: 10_000 },
  { label: 'Build minutes', consumed: 320, limit: 500 },
  { label: 'API calls', consumed: 842, limit: 1000 },
  { label: 'API calls', consumed: 968, limit: 1000 },
  { label: 'API calls', consumed: 1000, limit: 1000 },
  { label: 'API calls', consumed: 1120, limit: 1000 },
].map(
  ({ label, consumed, limit }) =>
    html`<billing-usage-bar label=${label} consumed=${consumed} limit=${limit}></billing-usage-bar>`,
);

async function showAll({ canvasElement }: { canvasElement: HTMLElement }): Promise<void> {
  const nudges = [...canvasElement.querySelectorAll('billing-upgrade-nudge')];
  await waitFor(() => expect(nudges.filter(({ open }) => !open)).toEqual([]));
}

function display(rows: number): TemplateResult {
  return html`<billing-usage-display heading="Your usage" rows=${rows}></billing-usage-display>`;
}

function nudge(
  variant: NudgeVariant,
  severity: NudgeTrigger['severity'],
  facts: Partial<NudgeTrigger> = {},
): TemplateResult {
  const id = `${variant}_${severity}_${Object.keys(facts).join('_')}`;
  const place = variant === 'inline' ? '' : variant === 'toast' ? 'place tall' : 'place';
  return html`<div class=${place}>
    ${provided(
      usage.nudgeAt(severity, { ...facts, id }),
      html`<billing-upgrade-nudge variant=${variant} upgrade-url="#upgrade"></billing-upgrade-nudge>`,
    )}
  </div>`;
}

function cell(title: string, script: Script, content: TemplateResult): TemplateResult {
  return html`<section>
    <h2>${title}</h2>
    ${provided(script, content)}
  </section>`;
}

function provided(script: Script, content: TemplateResult): TemplateResult {
  return html`<billing-provider .store=${new ScriptedApi(script).store}>${content}</billing-provider>`;
}
