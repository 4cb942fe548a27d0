import type { MessageKey } from '../locales/en.ts';
import { formatNumber } from './format.ts';
import { formatterOf } from './formatters.ts';
import { type Localizer, text } from './localizer.ts';

/** The text in the plural form of `count`, which it may name. */
export function plural(l: Localizer, key: MessageKey, count: number): string {
  const form = formatterOf(Intl.PluralRules, l.locale).select(count);
  return text(l, key, { count: formatNumber(l.locale, count) }, form);
}
