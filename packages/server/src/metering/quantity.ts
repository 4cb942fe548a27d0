/**
 * Quantities are scaled 64-bit integers: a feature that keeps `decimals` places stores `quantity × 10^decimals`
 * as a `bigint`. No float touches a quantity (wire contract §1, "Quantity").
 */

/** The largest magnitude a quantity or a sum may have: that of a signed 64-bit integer. */
export const SCALED_MAX = 2n ** 63n - 1n;

export const DECIMALS_MAX = 12;
export const DECIMALS_DEFAULT = 9;

/** Longest decimal text that is read; more digits than any 64-bit quantity with 12 places needs. */
export const DECIMAL_TEXT_CHARS_MAX = 64;

/** An exact decimal as given, before a feature's precision applies: `digits × 10^-places`. */
export interface Decimal {
  readonly digits: bigint;
  /** May be negative: 1e21 is 1 with -21 places. */
  readonly places: number;
}

export type QuantityFault = 'quantity_below_precision' | 'quantity_out_of_range' | 'fraction_not_allowed';

const DECIMAL_PATTERN = /^(-?)(\d+)(?:\.(\d+))?(?:[eE]([+-]?\d{1,3}))?$/;

/**
 * Reads a JSON number by its shortest round-trip decimal, or a decimal text.
 * @returns `null` when it is not a finite decimal of at most {@link DECIMAL_TEXT_CHARS_MAX} characters.
 */
export function parseDecimal(input: number | string): Decimal | null {
  const text = String(input);
  if (text.length > DECIMAL_TEXT_CHARS_MAX) return null;
  const match = DECIMAL_PATTERN.exec(text);
  if (match === null) return null;
  const [, sign = '', whole = '', fraction = '', exponent = '0'] = match;
  const magnitude = BigInt(whole + fraction);
  return { digits: sign === '-' ? -magnitude : magnitude, places: fraction.length - Number(exponent) };
}

/**
 * Brings a decimal to a feature's precision. More places are rounded half-even; a fraction of a feature that
 * counts whole units is a fault, and so is an amount that would vanish.
 */
export function toScaled(decimal: Decimal, decimals: number): bigint | QuantityFault {
  const { digits, places } = decimal;
  if (digits === 0n) return 0n;
  const shift = decimals - places;
  if (shift >= 0) {
    // 19 digits fill 64 bits: a longer shift of a non-zero amount is out of range without computing it.
    return shift > 19 ? 'quantity_out_of_range' : inRange(digits * 10n ** BigInt(shift));
  }
  const divisor = 10n ** BigInt(-shift);
  if (decimals === 0 && digits % divisor !== 0n) return 'fraction_not_allowed';
  const rounded = divideHalfEven(digits, divisor);
  return rounded === 0n ? 'quantity_below_precision' : inRange(rounded);
}

/** Whether a scaled amount fits the 64-bit columns. */
export function fits(scaled: bigint): boolean {
  return scaled <= SCALED_MAX && scaled >= -SCALED_MAX;
}

/** The exact decimal text of a scaled amount, without trailing zeros. */
export function formatScaled(scaled: bigint, decimals: number): string {
  const sign = scaled < 0n ? '-' : '';
  const digits = (scaled < 0n ? -scaled : scaled).toString().padStart(decimals + 1, '0');
  const whole = digits.slice(0, digits.length - decimals);
  const fraction = digits.slice(digits.length - decimals).replace(/0+$/, '');
  return fraction === '' ? sign + whole : `${sign}${whole}.${fraction}`;
}

function inRange(scaled: bigint): bigint | QuantityFault {
  return fits(scaled) ? scaled : 'quantity_out_of_range';
}

function divideHalfEven(dividend: bigint, divisor: bigint): bigint {
  const quotient = dividend / divisor;
  const remainder = dividend % divisor;
  const twice = 2n * (remainder < 0n ? -remainder : remainder);
  const away = twice > divisor || (twice === divisor && quotient % 2n !== 0n);
  if (!away) return quotient;
  return dividend < 0n ? quotient - 1n : quotient + 1n;
}
