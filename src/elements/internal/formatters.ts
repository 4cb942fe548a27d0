import { BoundedCache } from './bounded-cache.ts';

/** Formatters are dear to make and few are in use; pages in many languages must not collect them for ever. */
export const FORMATTERS_MAX = 64;

const numbers = new BoundedCache<Intl.NumberFormat>(FORMATTERS_MAX);

export function numberFormat(locale: string, options: Intl.NumberFormatOptions): Intl.NumberFormat {
  return numbers.get(locale + JSON.stringify(options), () => new Intl.NumberFormat(locale, options));
}
