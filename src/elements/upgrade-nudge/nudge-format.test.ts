import { describe, expect, it } from '../testing/test.ts';
import { formatDay, formatPrice } from './nudge-format.ts';

describe('formatPrice', () => {
  it('leaves out zeros after the point', () => {
    expect(formatPrice('en', 4900, 'usd')).to.equal('$49');
  });

  it('keeps cents', () => {
    expect(formatPrice('en', 4950, 'usd')).to.equal('$49.50');
  });

  it('knows currencies without a minor unit', () => {
    expect(formatPrice('en', 4900, 'jpy')).to.equal('¥4,900');
  });

  it('keeps an Arabic amount in one piece', () => {
    expect(formatPrice('ar', 4900, 'usd')).to.match(/^\u2066.*49.*\u2069$/);
  });

  it('survives what is no currency', () => {
    expect(formatPrice('en', 4900, 'gold!')).to.equal('49 gold!');
  });
});

describe('formatDay', () => {
  it('is empty for what is no date', () => {
    expect(formatDay('en', 'soon')).to.equal('');
  });
});
