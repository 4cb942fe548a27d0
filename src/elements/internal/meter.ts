import { html, nothing, svg, type TemplateResult } from 'lit';
import { type Localizer, rich } from './localizer.ts';
import { overageOf, type Quota, sharesOf } from './quota.ts';
import { amountsOf, spokenOf, valueKeyOf } from './wording.ts';

/** Lines of a skeleton that are not to come. */
interface HiddenLines {
  readonly hideProgress?: boolean;
  readonly hideSub?: boolean;
}

/** The name and the number of a quota, on one line. */
export function renderTop(
  l: Localizer,
  quota: Quota,
  { hideLabel = false, hideValue = false } = {},
): TemplateResult {
  return html`<div class="top">
    ${hideLabel ? nothing : html`<span class="name" part="label"><bdi>${quota.name}</bdi></span>`}
    ${hideValue ? nothing : html`<span class="value" part="value"><bdi>${renderValue(l, quota)}</bdi></span>`}
  </div>`;
}

/** The number, the changing half of it in bold. */
export function renderValue(l: Localizer, quota: Quota, key = valueKeyOf(quota)): unknown {
  const { used, limit } = amountsOf(l, quota);
  return rich(l, key, { used: html`<b>${used}</b>`, limit, unlimited: limit });
}

/** The meter: a bar, or one segment for each of a few whole units. Unlimited has none. */
export function renderMeter(l: Localizer, quota: Quota): TemplateResult | typeof nothing {
  if (quota.limit === Infinity) return nothing;
  // A meter from 0 to 0 would be none; nothing of nothing is all of it.
  const max = quota.limit || 1;
  return html`<div
    class="meter ${quota.status}"
    role="meter"
    aria-label=${quota.name}
    aria-valuemin="0"
    aria-valuemax=${max}
    aria-valuenow=${quota.limit === 0 ? max : Math.min(quota.consumed, max)}
    aria-valuetext=${spokenOf(l, quota)}
  >
    ${quota.segments > 0 ? renderSegments(quota) : renderBar(quota)}
  </div>`;
}

/** The same lines without their contents, for what is still on its way. */
export function renderSkeleton(hidden: HiddenLines = {}): TemplateResult {
  return html`<div class="skeleton" aria-hidden="true">${renderBones(hidden)}</div>`;
}

/**
 * The room of a skeleton whose meter turned out to be none, so that nothing below it moves. It goes before the top
 * line, which then stands in the middle of it.
 */
export function renderRoom(hidden: HiddenLines = {}): TemplateResult {
  return html`<div class="room" aria-hidden="true">${renderBones(hidden)}</div>`;
}

function renderBones({ hideProgress = false, hideSub = false }: HiddenLines): unknown {
  return [
    html`<div class="top"><span class="bone name"></span><span class="bone value"></span></div>`,
    hideProgress ? nothing : html`<div class="meter"><div class="track" part="track"></div></div>`,
    hideSub ? nothing : html`<div class="sub"><span class="bone"></span><span class="bone"></span></div>`,
  ];
}

/*
 * Geometry is in attributes: a strict CSP blocks inline styles, and attributes survive server rendering. The
 * sliver shows that there is a bar at 0 %; rounding and the space at the notch come from the track's clipping.
 */
function renderBar(quota: Quota): TemplateResult {
  const { within, over } = sharesOf(quota);
  const notch = overageOf(quota) > 0 || quota.status === 'exceeded' ? nothing : renderNotch(quota.warnAt);
  return html`<div class="track" part="track">
      <svg class="lines" aria-hidden="true">
        ${over > 0 ? hatch : nothing}
        <rect class="sliver" />
        <rect class=${over > 0 ? 'fill cut' : 'fill'} part="fill" width="${within}%" />
        <rect class="over" x="${within}%" width="${over}%" fill="url(#hatch)" />
        ${notch}
      </svg>
    </div>
    ${
      over > 0
        ? html`<svg class="lines marks" aria-hidden="true"><rect class="cap" x="${within}%" /></svg>`
        : nothing
    }`;
}

const hatch = svg`<pattern
  id="hatch"
  width="6"
  height="6"
  patternUnits="userSpaceOnUse"
  patternTransform="rotate(45)"
><rect class="hatch-ground" width="6" height="6" /><rect class="hatch-line" width="3" height="6" /></pattern>`;

function renderNotch(warnAt: number): TemplateResult {
  return svg`<rect class="notch" x="${warnAt}%" />`;
}

function renderSegments({ segments: length, consumed }: Quota): TemplateResult {
  const segments = Array.from({ length }, (_, index) => index < consumed);
  return html`<div class="segments" part="track">
    ${segments.map((used) => html`<span class=${used ? 'segment on' : 'segment'} part=${used ? 'fill' : nothing}></span>`)}
  </div>`;
}
