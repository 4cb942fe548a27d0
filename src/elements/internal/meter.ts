import { html, nothing, svg, type TemplateResult } from 'lit';
import { type Localizer, rich } from './localizer.ts';
import { type Quota, sharesOf } from './quota.ts';
import { amountsOf, spokenOf, valueKeyOf } from './wording.ts';

/** A name and a number on one line; what is `nothing` is left out. */
export function renderTop(name: unknown, value: unknown): TemplateResult {
  return html`<div class="top">
    ${name === nothing ? nothing : html`<span class="name" part="label"><bdi>${name}</bdi></span>`}
    ${value === nothing ? nothing : html`<span class="value" part="value"><bdi>${value}</bdi></span>`}
  </div>`;
}

/** The number, the changing half of it in bold. */
export function renderValue(l: Localizer, quota: Quota, key = valueKeyOf(quota)): unknown {
  const { used, limit } = amountsOf(l, quota);
  return rich(l, key, { used: html`<b>${used}</b>`, limit, unlimited: limit });
}

/** The meter: a bar, where nothing else is drawn. Unlimited has none. */
export function renderMeter(
  l: Localizer,
  quota: Quota,
  spoken = spokenOf(l, quota),
  picture = renderBar(quota),
): TemplateResult | typeof nothing {
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
    aria-valuetext=${spoken}
  >
    ${picture}
  </div>`;
}

/** The same lines without their contents, and `more` that comes below the meter. */
export function renderBones(hideProgress = false, more?: unknown): TemplateResult {
  return html`<div class="top"><span class="bone name"></span><span class="bone value"></span></div>
    ${hideProgress ? nothing : html`<div class="meter"><div class="track" part="track"></div></div>`} ${more}`;
}

/*
 * Geometry is in attributes: a strict CSP blocks inline styles, and attributes survive server rendering. The
 * sliver shows that there is a bar at 0 %; rounding and the space at the notch come from the track's clipping.
 * Beyond the limit the track itself is what is seen.
 */
function renderBar(quota: Quota): TemplateResult {
  const { within, over } = sharesOf(quota);
  const notch = quota.consumed >= quota.limit ? nothing : svg`<rect class="notch" x="${quota.warnAt}%" />`;
  return html`<div class="track ${over ? 'over' : ''}" part="track">
      <svg class="lines" aria-hidden="true">
        <rect class="sliver" />
        <rect class="fill" part="fill" width="${within}%" />
        ${notch}
      </svg>
    </div>
    ${over ? html`<svg class="lines marks" aria-hidden="true"><rect class="cap" x="${within}%" /></svg>` : nothing}`;
}
