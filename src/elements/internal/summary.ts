import { formatAmount, formatPercent } from './format.ts';
import { type Localizer, text } from './localizer.ts';
import { percentOf, remainingOf } from './metric-quota.ts';
import { overageOf, type Quota } from './quota.ts';

/** What that means: "84% used, 158 left", "Limit reached", "240 over the included amount". */
export function summaryOf(l: Localizer, quota: Quota): string {
  if (quota.limit === Infinity) return text(l, 'unlimited');
  const overage = overageOf(quota);
  const over = formatAmount(l.locale, overage, quota.unit);
  if (overage > 0) return text(l, quota.overageAllowed ? 'overIncluded' : 'limitReachedOver', { over });
  if (quota.consumed >= quota.limit) return text(l, quota.overageAllowed ? 'includedUsedUp' : 'limitReached');
  const left = formatAmount(l.locale, remainingOf(quota), quota.unit);
  if (quota.segments > 0) return text(l, 'left', { left });
  return text(l, 'percentUsed', { percent: percentText(l, quota), left });
}

function percentText(l: Localizer, quota: Quota): string {
  const percent = percentOf(quota);
  if (percent === 0 && quota.consumed > 0) {
    return text(l, 'underOnePercent', { percent: formatPercent(l.locale, 1) });
  }
  return formatPercent(l.locale, percent);
}
