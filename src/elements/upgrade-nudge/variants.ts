import { html, nothing, svg, type TemplateResult } from 'lit';
import { type Localizer, text } from '../internal/localizer.ts';
import { renderMetric } from '../internal/metric-meter.ts';
import type { NudgeVariant, NudgeView, PlanView } from './nudge-view.ts';

/** What a person can do about a nudge. */
export interface NudgeActions {
  /** Where the upgrade button leads; without it the button only fires the event. */
  readonly href: string | undefined;
  readonly upgrade: (event: Event) => void;
  readonly dismiss: (event: Event) => void;
  /** The browser wants to close a modal dialog. */
  readonly cancel: (event: Event) => void;
  readonly keydown: (event: KeyboardEvent) => void;
  /** Pointer or focus came or went: the timer stands still meanwhile. */
  readonly hold: (event: Event) => void;
}

/** The nudge in its variant. The element with class `surface` is what opens, takes Escape and holds the timer. */
export function renderNudge(
  l: Localizer,
  variant: NudgeVariant,
  view: NudgeView,
  actions: NudgeActions,
): TemplateResult {
  if (variant === 'modal') return renderModal(l, view, actions);
  if (variant === 'toast') return renderToast(l, view, actions);
  return renderStrip(l, variant, view, actions);
}

/** Banner and inline: one strip, icon, sentence, action, way out. */
function renderStrip(
  l: Localizer,
  variant: 'banner' | 'inline',
  view: NudgeView,
  actions: NudgeActions,
): TemplateResult {
  return html`<section
    class="surface strip ${variant} ${view.severity}"
    part="base"
    popover=${variant === 'banner' ? 'manual' : nothing}
    aria-labelledby="title"
    @keydown=${actions.keydown}
    @pointerenter=${actions.hold}
    @pointerleave=${actions.hold}
    @focusin=${actions.hold}
    @focusout=${actions.hold}
  >
    <span class="icon" aria-hidden="true">!</span>
    <div class="words">
      <p class="title" id="title" part="title"><bdi>${view.title}</bdi></p>
      ${renderBody(view)}
    </div>
    <div class="actions">${renderUpgrade(view, actions)} ${renderClose(l, actions)}</div>
  </section>`;
}

function renderToast(l: Localizer, view: NudgeView, actions: NudgeActions): TemplateResult {
  return html`<section
    class="surface toast ${view.severity}"
    part="base"
    popover="manual"
    aria-labelledby="title"
    @keydown=${actions.keydown}
    @pointerenter=${actions.hold}
    @pointerleave=${actions.hold}
    @focusin=${actions.hold}
    @focusout=${actions.hold}
  >
    <div class="toast-head">
      <p class="title" id="title" part="title"><bdi>${view.title}</bdi></p>
      ${renderClose(l, actions)}
    </div>
    ${view.quota === undefined ? nothing : renderMetric(l, view.quota)} ${renderBody(view)}
    ${renderUpgrade(view, actions)}
  </section>`;
}

function renderModal(l: Localizer, view: NudgeView, actions: NudgeActions): TemplateResult {
  return html`<dialog
    class="surface modal ${view.severity}"
    part="base"
    aria-labelledby="title"
    aria-describedby="body"
    @cancel=${actions.cancel}
  >
    <div class="words">
      <h2 class="title" id="title" part="title" tabindex="-1" autofocus><bdi>${view.title}</bdi></h2>
      ${renderBody(view)}
    </div>
    ${view.plan === undefined ? nothing : renderPlan(l, view.plan)}
    <div class="actions">
      <button class="button ghost" part="dismiss" type="button" @click=${actions.dismiss}>
        <span>${text(l, view.cta === undefined ? 'dismiss' : 'later')}</span>
      </button>
      ${renderUpgrade(view, actions)}
    </div>
  </dialog>`;
}

function renderPlan(l: Localizer, plan: PlanView): TemplateResult {
  return html`<div class="plan" part="plan">
    <div class="plan-head">
      <b class="plan-name"><bdi>${plan.name}</bdi></b>
      <span class="price"><bdi>${plan.price}</bdi></span>
    </div>
    ${
      plan.limits.length === 0
        ? nothing
        : html`<ul class="limits" role="list">
            ${plan.limits.map(
              ({ title, from, to }) =>
                html`<li>
                  <bdi>${title}</bdi>
                  <span class="from" aria-hidden="true">${from}</span>
                  ${arrow}
                  <b aria-hidden="true">${to}</b>
                  <span class="unseen">${text(l, 'limitChange', { from, to })}</span>
                </li>`,
            )}
          </ul>`
    }
  </div>`;
}

function renderBody(view: NudgeView): TemplateResult | typeof nothing {
  return view.body === '' ? nothing : html`<p class="body" id="body" part="body"><bdi>${view.body}</bdi></p>`;
}

function renderUpgrade(view: NudgeView, { href, upgrade }: NudgeActions): TemplateResult | typeof nothing {
  if (view.cta === undefined) return nothing;
  // One flex item, so that the spaces between text and name survive.
  const label = html`<span>${view.cta}</span>`;
  return href === undefined
    ? html`<button class="button primary" part="upgrade" type="button" @click=${upgrade}>${label}</button>`
    : html`<a class="button primary" part="upgrade" href=${href} @click=${upgrade}>${label}</a>`;
}

function renderClose(l: Localizer, { dismiss }: NudgeActions): TemplateResult {
  return html`<button
    class="close"
    part="dismiss"
    type="button"
    aria-label=${text(l, 'dismiss')}
    @click=${dismiss}
  >
    ${svg`<svg viewBox="0 0 12 12" aria-hidden="true"><path d="M1 1l10 10M11 1L1 11" /></svg>`}
  </button>`;
}

const arrow = html`<svg class="arrow" viewBox="0 0 14 10" aria-hidden="true">
  <path d="M1 5h12M9 1l4 4-4 4" />
</svg>`;
