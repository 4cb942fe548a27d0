import type { MessageKey } from '../locales/en.ts';
import { BoundedCache } from './bounded-cache.ts';
import { formatNumber } from './format.ts';
import { FORMATTERS_MAX } from './formatters.ts';
import { fill, type Localizer, messageOf } from './localizer.ts';

const rules = new BoundedCache<Intl.PluralRules>(FORMATTERS_MAX);

/** The text in the plural form of `count`, which it may name. */
export function plural(l: Localizer, key: MessageKey, count: number): string {
  const message = messageOf(l, key);
  const pattern = typeof message === 'string' ? message : (message[categoryOf(l, count)] ?? message.other);
  return fill(pattern, { count: formatNumber(l.locale, count) }).join('');
}

function categoryOf({ locale }: Localizer, count: number): Intl.LDMLPluralRule {
  return rules.get(locale, () => new Intl.PluralRules(locale)).select(count);
}
