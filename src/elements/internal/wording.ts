import type { MessageKey } from '../locales/en.ts';
import { formatAmount } from './format.ts';
import { type Localizer, text } from './localizer.ts';
import { overageOf, type Quota } from './quota.ts';

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

/** When it starts anew, or empty where it never does. */
export function resetText(l: Localizer, quota: Quota, inDays: MessageKey, today: MessageKey): string {
  if (quota.resetsInDays === null || quota.limit === Infinity) return '';
  return quota.resetsInDays < 1 ? text(l, today) : text(l, inDays, { count: quota.resetsInDays });
}
