import { describe, expect, it } from '../testing/test.ts';
import { BoundedCache } from './bounded-cache.ts';
import './connection.ts';
import { formatAmount } from './format.ts';

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

describe('BoundedCache', () => {
  it('keeps no more than it may', () => {
    const cache = new BoundedCache<number>(2);
    let made = 0;
    const make = () => (made += 1);
    for (const key of ['a', 'b', 'c', 'a']) cache.get(key, make);
    expect(made).to.equal(4);
  });
});
