import { html, nothing, type TemplateResult } from 'lit';
import { formatAmount } from './format.ts';
import { type Localizer, text } from './localizer.ts';
import { renderMeter } from './meter.ts';
import { overageOf } from './metric-quota.ts';
import type { Quota } from './quota.ts';
import { resetText } from './summary.ts';
import { spokenOf } from './wording.ts';

/** The meter of a metric: a bar, or one segment for each of a few whole units; it also says when it resets. */
export function renderMetric(l: Localizer, quota: Quota): TemplateResult | typeof nothing {
  const overage = overageOf(quota);
  const included =
    overage > 0 && quota.overageAllowed
      ? text(l, 'overIncluded', { over: formatAmount(l.locale, overage, quota.unit) })
      : '';
  const resets = resetText(l, quota, 'spokenResetsIn', 'spokenResetsToday');
  const spoken = spokenOf(l, quota, ...[included, resets].filter((part) => part !== ''));
  return renderMeter(l, quota, spoken, quota.segments ? renderSegments(quota) : undefined);
}

function renderSegments({ segments: length = 0, consumed }: Quota): TemplateResult {
  const segments = Array.from({ length }, (_, index) => index < consumed);
  return html`<div class="segments" part="track">
    ${segments.map((used) => html`<span class="track segment ${used ? 'on' : ''}" part=${used ? 'fill' : nothing}></span>`)}
  </div>`;
}
