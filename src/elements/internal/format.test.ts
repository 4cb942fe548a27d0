import { describe, expect, it } from '../testing/test.ts';
import './connection.ts';
import { formatAmount } from './format.ts';
import { FORMATTERS_MAX, formatterOf } from './formatters.ts';

describe('formatAmount', () => {
  const cases: [number, string | null, string][] = [
    [0, null, '0'],
    [1_200_000, 'call', '1,200,000'],
    [0.1 + 0.2, 'hour', '0.3'],
    [0.000000931, 'call', '0.000000931'],
    [999.999, 'call', '999.99'],
    [0.99999, 'call', '0.999'],
    [0.1 + 0.2 - 0.01, 'call', '0.29'],
    [9.999e18, 'call', '9.99E18'],
    [1e9, 'call', '1B'],
    [0, 'gb', '0 GB'],
    [3.2, 'gb', '3.2 GB'],
    [6.8, 'gb', '6.8 GB'],
    [0.5, 'gb', '512 MB'],
    [0.000000000931, 'gb', '1 byte'],
    [512, 'byte', '512 bytes'],
    [1536, 'GB', '1.5 TB'],
    [9.9999, 'gb', '9.99 GB'],
  ];
  for (const [value, unit, text] of cases) {
    it(`shows ${value} ${unit ?? 'without a unit'} as ${text}`, () => {
      expect(formatAmount('en', value, unit)).to.equal(text.replace(' ', '\u00a0'));
    });
  }

  it('follows the locale', () => {
    expect(formatAmount('de', 1234.5, null)).to.equal('1.234,5');
  });
});

describe('formatterOf', () => {
  const scaled = (digits: number) =>
    formatterOf(Intl.NumberFormat, 'en', { minimumFractionDigits: 1, maximumFractionDigits: digits });

  it('makes a formatter once', () => {
    expect(scaled(2)).to.equal(scaled(2));
  });

  it('tells formatters of one locale apart', () => {
    expect(formatterOf(Intl.PluralRules, 'en').select(1)).to.equal('one');
    expect(formatterOf(Intl.NumberFormat, 'en').format(1)).to.equal('1');
  });

  it('keeps no more than it may', () => {
    const first = scaled(1);
    for (let count = 0; count < FORMATTERS_MAX; count += 1) {
      formatterOf(Intl.NumberFormat, 'en', {
        minimumIntegerDigits: 1 + (count % 21),
        maximumFractionDigits: count,
      });
    }
    expect(scaled(1)).to.not.equal(first);
  });
});
