import type { MessageKey } from '../locales/en.ts';
import { formatAmount, formatPercent } from './format.ts';
import { type Localizer, text } from './localizer.ts';
import { overageOf, percentOf, type Quota, remainingOf, segmentsOf } from './quota.ts';

/** What is used and the limit, as people read them. */
export function amountsOf(l: Localizer, quota: Quota): { used: string; limit: string } {
  return {
    used: formatAmount(l.locale, quota.consumed, quota.unit),
    limit: quota.limit === Infinity ? text(l, 'unlimited') : formatAmount(l.locale, quota.limit, quota.unit),
  };
}

/** The sentence around the amounts. */
export function valueKeyOf(quota: Quota): MessageKey {
  if (quota.limit === Infinity) return 'valueUnlimited';
  return quota.overageAllowed ? 'valueOfIncluded' : 'valueOfLimit';
}

/** What that means: "84% used, 158 left", "Limit reached", "240 over the included amount". */
export function summaryOf(l: Localizer, quota: Quota): string {
  if (quota.limit === Infinity) return text(l, 'unlimited');
  const overage = overageOf(quota);
  const over = formatAmount(l.locale, overage, quota.unit);
  if (overage > 0) return text(l, quota.overageAllowed ? 'overIncluded' : 'limitReachedOver', { over });
  if (quota.consumed >= quota.limit) return text(l, quota.overageAllowed ? 'includedUsedUp' : 'limitReached');
  const left = formatAmount(l.locale, remainingOf(quota), quota.unit);
  if (segmentsOf(quota) > 0) return text(l, 'left', { left });
  return text(l, 'percentUsed', { percent: percentText(l, quota), left });
}

/** When it starts anew, or empty where it never does. */
export function resetOf(l: Localizer, quota: Quota): string {
  return resetText(l, quota, 'resetsIn', 'resetsToday');
}

/** The value of a meter, spoken: "842 of 1,000 used, resets in 9 days". */
export function spokenOf(l: Localizer, quota: Quota): string {
  const parts = [text(l, 'spokenUsed', amountsOf(l, quota))];
  const overage = overageOf(quota);
  if (overage > 0 && quota.overageAllowed) {
    parts.push(text(l, 'overIncluded', { over: formatAmount(l.locale, overage, quota.unit) }));
  } else if (quota.consumed >= quota.limit && !quota.overageAllowed) {
    parts.push(text(l, 'spokenLimitReached'));
  }
  parts.push(resetText(l, quota, 'spokenResetsIn', 'spokenResetsToday'));
  return parts.filter((part) => part !== '').join(text(l, 'listSeparator'));
}

function percentText(l: Localizer, quota: Quota): string {
  const percent = percentOf(quota);
  if (percent === 0 && quota.consumed > 0) {
    return text(l, 'underOnePercent', { percent: formatPercent(l.locale, 1) });
  }
  return formatPercent(l.locale, percent);
}

function resetText(l: Localizer, quota: Quota, inDays: MessageKey, today: MessageKey): string {
  if (quota.resetsInDays === null || quota.limit === Infinity) return '';
  return quota.resetsInDays < 1 ? text(l, today) : text(l, inDays, { count: quota.resetsInDays });
}
