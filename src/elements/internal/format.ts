import { formatterOf } from './formatters.ts';
import { late } from './late.ts';
import { denoise } from './number.ts';

/** From here on a number is said shortly ("1.2B"), and then by its exponent: nobody reads thirteen digits. */
const COMPACT_FROM = 1e9;
const SCIENTIFIC_FROM = 1e15;

/** A quantity as people read it: sizes for byte units, a bare number for every other unit. */
export function formatAmount(locale: string, value: number, unit: string | null): string {
  const size = isSize(unit) ? late.formatSize?.(locale, value, unit) : undefined;
  return size ?? formatNumber(locale, value);
}

/** Whether a unit reads as a size. */
export function isSize(unit: string | null | undefined): unit is string {
  return /^(byte|[kmgt]b)$/i.test(String(unit));
}

/** Never rounds up: 999.999 of 1,000 must not read as all of it. */
export function formatNumber(locale: string, value: number): string {
  const magnitude = Math.abs(value);
  const digits =
    magnitude > 0 && magnitude < 1 ? { maximumSignificantDigits: 3 } : { maximumFractionDigits: 2 };
  const options = { notation: notationOf(magnitude), ...digits, roundingMode: 'trunc' } as const;
  return formatterOf(Intl.NumberFormat, locale, options).format(denoise(value));
}

/** How numbers of this magnitude are written. */
export function notationOf(magnitude: number): 'standard' | 'compact' | 'scientific' {
  if (magnitude >= SCIENTIFIC_FROM) return 'scientific';
  return magnitude >= COMPACT_FROM ? 'compact' : 'standard';
}
