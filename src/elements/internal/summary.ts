import type { MessageKey } from '../locales/en.ts';
import { formatAmount } from './format.ts';
import { formatterOf } from './formatters.ts';
import { type Localizer, text } from './localizer.ts';
import { overageOf, percentOf, remainingOf } from './metric-quota.ts';
import { plural } from './plural.ts';
import type { Quota } from './quota.ts';

/** What that means: "84% used, 158 left", "Limit reached", "240 over the included amount". */
export function summaryOf(l: Localizer, quota: Quota): string {
  if (quota.limit === Infinity) return text(l, 'unlimited');
  const overage = overageOf(quota);
  const over = formatAmount(l.locale, overage, quota.unit);
  if (overage > 0) return text(l, quota.overageAllowed ? 'overIncluded' : 'limitReachedOver', { over });
  if (quota.consumed >= quota.limit) return text(l, quota.overageAllowed ? 'includedUsedUp' : 'limitReached');
  const left = formatAmount(l.locale, remainingOf(quota), quota.unit);
  if (quota.segments) return text(l, 'left', { left });
  return text(l, 'percentUsed', { percent: percentText(l, quota), left });
}

/** When it starts anew, or empty where it never does. */
export function resetText(l: Localizer, quota: Quota, inDays: MessageKey, today: MessageKey): string {
  const { resetsInDays: days = null } = quota;
  if (days === null) return '';
  return days < 1 ? text(l, today) : plural(l, inDays, days);
}

/** A whole percentage, given as 0–100. */
export function formatPercent(locale: string, percent: number): string {
  return formatterOf(Intl.NumberFormat, locale, { style: 'percent', maximumFractionDigits: 0 }).format(
    percent / 100,
  );
}

function percentText(l: Localizer, quota: Quota): string {
  const percent = percentOf(quota);
  if (percent === 0 && quota.consumed > 0) {
    return text(l, 'underOnePercent', { percent: formatPercent(l.locale, 1) });
  }
  return formatPercent(l.locale, percent);
}
