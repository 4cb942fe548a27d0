import { BoundedCache } from './bounded-cache.ts';

/** Formatters are dear to make and few are in use; pages in many languages must not collect them for ever. */
const FORMATTERS_MAX = 64;

const numbers = new BoundedCache<Intl.NumberFormat>(FORMATTERS_MAX);
const dates = new BoundedCache<Intl.DateTimeFormat>(FORMATTERS_MAX);
const plurals = new BoundedCache<Intl.PluralRules>(FORMATTERS_MAX);

export function numberFormat(locale: string, options: Intl.NumberFormatOptions): Intl.NumberFormat {
  return numbers.get(locale + JSON.stringify(options), () => new Intl.NumberFormat(locale, options));
}

export function dateFormat(locale: string, options: Intl.DateTimeFormatOptions): Intl.DateTimeFormat {
  return dates.get(locale + JSON.stringify(options), () => new Intl.DateTimeFormat(locale, options));
}

export function pluralCategory(locale: string, count: number): Intl.LDMLPluralRule {
  return plurals.get(locale, () => new Intl.PluralRules(locale)).select(count);
}
