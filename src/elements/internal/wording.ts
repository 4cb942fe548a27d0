import type { MessageKey } from '../locales/en.ts';
import { formatAmount } from './format.ts';
import { type Localizer, text } from './localizer.ts';
import type { Quota } from './quota.ts';

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

/** The value of a meter, spoken: "842 of 1,000 used", and what there is to say beyond that. */
export function spokenOf(l: Localizer, quota: Quota, ...more: readonly string[]): string {
  const parts = [text(l, 'spokenUsed', amountsOf(l, quota))];
  if (quota.consumed >= quota.limit && !quota.overageAllowed) parts.push(text(l, 'spokenLimitReached'));
  return [...parts, ...more].join(text(l, 'listSeparator'));
}
