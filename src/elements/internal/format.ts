import { dateFormat, numberFormat } from './formatters.ts';
import { denoise } from './number.ts';

/** From here on a number is said shortly ("1.2B"), and then by its exponent: nobody reads thirteen digits. */
const COMPACT_FROM = 1e9;
const SCIENTIFIC_FROM = 1e15;
const BYTES_STEP = 1024;
/** Sizes come as decimals of their unit, rounded: 7,301,444,403 bytes were meant to be 6.8 GB. */
const SIZE_DIGITS = 6;
const SIZE_UNITS = ['byte', 'kilobyte', 'megabyte', 'gigabyte', 'terabyte', 'petabyte'];
/** Units by the power of 1024 that they stand for. */
const SIZE_EXPONENTS = ['byte', 'kb', 'mb', 'gb', 'tb'];

/** A quantity as people read it: sizes for byte units, a bare number for every other unit. */
export function formatAmount(locale: string, value: number, unit: string | null): string {
  const exponent = SIZE_EXPONENTS.indexOf(String(unit).toLowerCase());
  return exponent < 0 ? formatNumber(locale, value) : formatSize(locale, value, exponent);
}

/** Never rounds up: 999.999 of 1,000 must not read as all of it. */
export function formatNumber(locale: string, value: number): string {
  const magnitude = Math.abs(value);
  const digits =
    magnitude > 0 && magnitude < 1 ? { maximumSignificantDigits: 3 } : { maximumFractionDigits: 2 };
  const options = { notation: notationOf(magnitude), ...digits, roundingMode: 'trunc' } as const;
  return numberFormat(locale, options).format(denoise(value));
}

/** A whole percentage, given as 0–100. */
export function formatPercent(locale: string, percent: number): string {
  return numberFormat(locale, { style: 'percent', maximumFractionDigits: 0 }).format(percent / 100);
}

/** A time of today, or a day and time. Empty for what is no date. */
export function formatTime(locale: string, iso: string): string {
  const date = new Date(iso);
  if (Number.isNaN(date.getTime())) return '';
  const today = date.toDateString() === new Date().toDateString();
  return dateFormat(
    locale,
    today ? { timeStyle: 'short' } : { dateStyle: 'medium', timeStyle: 'short' },
  ).format(date);
}

function notationOf(magnitude: number): 'standard' | 'compact' | 'scientific' {
  if (magnitude >= SCIENTIFIC_FROM) return 'scientific';
  return magnitude >= COMPACT_FROM ? 'compact' : 'standard';
}

function formatSize(locale: string, value: number, exponent: number): string {
  const exact = Math.min(Math.max(0, value) * BYTES_STEP ** exponent, Number.MAX_VALUE);
  // Whatever is more than nothing is at least a byte; nothing is said in the feature's own unit.
  const bytes = exact > 0 ? Math.max(1, Math.round(exact)) : 0;
  const step = bytes === 0 ? exponent : Math.min(SIZE_UNITS.length - 1, Math.floor(Math.log2(bytes) / 10));
  const size = denoise(bytes / BYTES_STEP ** step, SIZE_DIGITS);
  const format = numberFormat(locale, {
    style: 'unit',
    unit: SIZE_UNITS[step] ?? 'byte',
    unitDisplay: step === 0 ? 'long' : 'short',
    notation: notationOf(size),
    maximumFractionDigits: size < 10 ? 2 : size < 100 ? 1 : 0,
    roundingMode: 'trunc',
  });
  // "3.2 GB" is one word to a line that ends.
  return format.format(size).replaceAll(' ', '\u00a0');
}
