import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  DECIMAL_TEXT_CHARS_MAX,
  DECIMALS_MAX,
  fits,
  formatScaled,
  parseDecimal,
  SCALED_MAX,
  toScaled,
  type Decimal,
} from './quantity.ts';

const decimals = fc.integer({ min: 0, max: DECIMALS_MAX });
const scaledAmount = fc.bigInt({ min: -SCALED_MAX, max: SCALED_MAX });

const read = (input: number | string): Decimal => {
  const decimal = parseDecimal(input);
  if (decimal === null) throw new Error(`${input} is no decimal`);
  return decimal;
};
const scale = (input: number | string, places: number): bigint | string => toScaled(read(input), places);

describe('parseDecimal', () => {
  it('reads a number by its shortest round-trip decimal', () => {
    expect(read(0.1)).toEqual({ digits: 1n, places: 1 });
    expect(read(1e21)).toEqual({ digits: 1n, places: -21 });
    expect(read(5e-324)).toEqual({ digits: 5n, places: 324 });
  });

  it('reads every finite number as exactly the decimal that it prints as', () => {
    fc.assert(
      fc.property(fc.double({ noNaN: true, noDefaultInfinity: true }), (value) => {
        const { digits, places } = read(value);
        expect(Number(`${digits}e${-places}`)).toBe(value === 0 ? 0 : value);
      }),
    );
  });

  it.each([
    ['an empty text', ''],
    ['a blank', ' '],
    ['a padded number', ' 1'],
    ['a plus sign', '+1'],
    ['no whole part', '.5'],
    ['no fraction', '1.'],
    ['hexadecimal', '0x10'],
    ['separators', '1,000'],
    ['a word', 'NaN'],
    ['infinity', 'Infinity'],
    ['an exponent of four digits', '1e1000'],
    ['digits of another script', '١٢'],
    ['a text past the bound', '1'.repeat(DECIMAL_TEXT_CHARS_MAX + 1)],
  ])('does not read %s', (_what, text) => {
    expect(parseDecimal(text)).toBeNull();
  });

  it.each([NaN, Infinity, -Infinity])('does not read %d', (value) => {
    expect(parseDecimal(value)).toBeNull();
  });
});

describe('toScaled', () => {
  it('counts 0.1 ten times as exactly 1', () => {
    const tenth = scale(0.1, 9) as bigint;
    expect(tenth * 10n).toBe(scale(1, 9));
  });

  it('counts one byte in gigabytes at 12 decimals', () => {
    expect(scale(1 / 2 ** 30, 12)).toBe(931n);
  });

  it('rounds half to even, both ways from zero', () => {
    expect(['0.5', '1.5', '2.5', '-0.5', '-1.5', '-2.5'].map((text) => scale(`${text}e-1`, 1))).toEqual([
      'quantity_below_precision',
      2n,
      2n,
      'quantity_below_precision',
      -2n,
      -2n,
    ]);
  });

  it('agrees with exact rational arithmetic for every decimal', () => {
    const text = fc
      .tuple(fc.bigInt({ min: -(10n ** 30n), max: 10n ** 30n }), fc.integer({ min: 0, max: 30 }))
      .map(([digits, places]): Decimal => ({ digits, places }));
    fc.assert(
      fc.property(text, fc.integer({ min: 1, max: DECIMALS_MAX }), (decimal, places) => {
        expect(toScaled(decimal, places)).toBe(referenceScale(decimal, places));
      }),
      { numRuns: 1_000 },
    );
  });

  it('refuses a non-zero amount that would vanish', () => {
    expect(scale('0.0000000004', 9)).toBe('quantity_below_precision');
    expect(scale(5e-324, 12)).toBe('quantity_below_precision');
    expect(scale(1e-320, 12)).toBe('quantity_below_precision');
  });

  it('refuses a fraction of a feature that counts whole units', () => {
    expect(scale('1.5', 0)).toBe('fraction_not_allowed');
    expect(scale('0.0001', 0)).toBe('fraction_not_allowed');
  });

  it('takes a whole amount however it is written', () => {
    expect(['7', '7.000', '70e-1', '0.7e1', 7].map((text) => scale(text, 0))).toEqual([7n, 7n, 7n, 7n, 7n]);
  });

  it('takes zero in every spelling as zero', () => {
    expect([0, -0, '-0', '0.000', '0e999', '-0e-999'].map((text) => scale(text, 0))).toEqual(
      Array.from({ length: 6 }, () => 0n),
    );
  });

  it('takes the largest 64-bit amount and refuses the next one', () => {
    expect(scale('9223372036854775807', 0)).toBe(SCALED_MAX);
    expect(scale('-9223372036854775807', 0)).toBe(-SCALED_MAX);
    expect(scale('9223372036854775808', 0)).toBe('quantity_out_of_range');
    expect(scale('-9223372036854775808', 0)).toBe('quantity_out_of_range');
    expect(scale('9223372.036854775807', 12)).toBe(SCALED_MAX);
    expect(scale('9223372.0368547758075', 12)).toBe('quantity_out_of_range');
  });

  it('refuses astronomical amounts without computing them', () => {
    expect([1e308, '1e999', `${'9'.repeat(60)}e99`, '-1e400'].map((text) => scale(text, 12))).toEqual(
      Array.from({ length: 4 }, () => 'quantity_out_of_range'),
    );
  });
});

describe('formatScaled', () => {
  it('prints what reads back as the same amount', () => {
    fc.assert(
      fc.property(scaledAmount, decimals, (scaled, places) => {
        expect(scale(formatScaled(scaled, places), places)).toBe(scaled);
      }),
    );
  });

  it('prints JSON numbers without exponent or trailing zeros', () => {
    fc.assert(
      fc.property(scaledAmount, decimals, (scaled, places) => {
        expect(formatScaled(scaled, places)).toMatch(/^-?(0|[1-9]\d*)(\.\d*[1-9])?$/);
      }),
    );
  });
});

describe('a quantity', () => {
  it('comes back from JSON text as the same amount, as a number where a double holds its digits', () => {
    const within15Digits = fc.bigInt({ min: -(10n ** 15n) + 1n, max: 10n ** 15n - 1n });
    fc.assert(
      fc.property(within15Digits, decimals, (scaled, places) => {
        const text = `{"quantity":${formatScaled(scaled, places)}}`;
        const { quantity } = JSON.parse(text) as { quantity: number };
        expect(scale(quantity, places)).toBe(scaled);
      }),
      { numRuns: 1_000 },
    );
  });

  it('comes back from JSON text as the same amount, as a string whatever its size', () => {
    fc.assert(
      fc.property(scaledAmount, decimals, (scaled, places) => {
        const text = `{"quantity":"${formatScaled(scaled, places)}"}`;
        const { quantity } = JSON.parse(text) as { quantity: string };
        expect(scale(quantity, places)).toBe(scaled);
      }),
    );
  });

  it('is rounded alike on both sides of zero, and halves to the even neighbour', () => {
    const halves = fc.tuple(
      fc.bigInt({ min: 1n, max: 10n ** 12n }),
      fc.integer({ min: 1, max: DECIMALS_MAX }),
    );
    fc.assert(
      fc.property(halves, ([unit, places]) => {
        const half = { digits: unit * 10n + 5n, places: places + 1 };
        const rounded = toScaled(half, places);
        expect(rounded).toBe(unit % 2n === 0n ? unit : unit + 1n);
        expect(toScaled({ ...half, digits: -half.digits }, places)).toBe(-(rounded as bigint));
      }),
    );
  });
});

describe('fits', () => {
  it('is exactly the range of the signed 64-bit columns, the same in both directions', () => {
    expect([SCALED_MAX, -SCALED_MAX, SCALED_MAX + 1n, -SCALED_MAX - 1n].map(fits)).toEqual([
      true,
      true,
      false,
      false,
    ]);
  });
});

/** Half-even by comparing with both neighbours as fractions: `digits × 10^decimals / 10^places`. */
function referenceScale({ digits, places }: Decimal, decimals: number): bigint | string {
  const numerator = digits * 10n ** BigInt(decimals);
  const denominator = 10n ** BigInt(places);
  let floor = numerator / denominator;
  if (floor * denominator > numerator) floor -= 1n;
  const below = numerator - floor * denominator;
  const above = (floor + 1n) * denominator - numerator;
  const even = floor % 2n === 0n ? floor : floor + 1n;
  const rounded = below < above ? floor : below > above ? floor + 1n : even;
  if (digits !== 0n && rounded === 0n) return 'quantity_below_precision';
  return rounded > SCALED_MAX || rounded < -SCALED_MAX ? 'quantity_out_of_range' : rounded;
}
