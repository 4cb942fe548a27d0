import { notationOf } from './format.ts';
import { formatterOf } from './formatters.ts';
import { denoise } from './number.ts';

const BYTES_STEP = 1024;
/** Sizes come as decimals of their unit, rounded: 7,301,444,403 bytes were meant to be 6.8 GB. */
const SIZE_DIGITS = 6;
/** The units that `Intl` knows, by the power of 1024 that they stand for; and how ours begin. */
const SIZE_UNITS = ['byte', 'kilobyte', 'megabyte', 'gigabyte', 'terabyte', 'petabyte'];
const UNIT_INITIALS = 'bkmgt';

/** A size in the unit that suits it, given in a `byte`, `kb`, `mb`, `gb` or `tb`. */
export function formatSize(locale: string, value: number, unit: string): string {
  const exponent = UNIT_INITIALS.indexOf(unit.charAt(0).toLowerCase());
  const exact = Math.min(Math.max(0, value) * BYTES_STEP ** exponent, Number.MAX_VALUE);
  // Whatever is more than nothing is at least a byte; nothing is said in the feature's own unit.
  const bytes = exact > 0 ? Math.max(1, Math.round(exact)) : 0;
  const step = bytes === 0 ? exponent : Math.min(SIZE_UNITS.length - 1, Math.floor(Math.log2(bytes) / 10));
  const size = denoise(bytes / BYTES_STEP ** step, SIZE_DIGITS);
  const format = formatterOf(Intl.NumberFormat, locale, {
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
