import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { standingAt } from './subscription.ts';
import { CATALOG, customerOn, DAY_MS, NOW } from './testing/pricing.ts';
import {
  emptyCounter,
  meteredKeys,
  overageOf,
  percentageUsed,
  remainingOf,
  statusOf,
  usageRows,
} from './usage.ts';

const amount = fc.bigInt({ min: 0n, max: 2n ** 63n - 1n });
const limit = fc.bigInt({ min: 1n, max: 2n ** 63n - 1n });

describe('percentageUsed', () => {
  it('is 100 only when the limit is full', () => {
    fc.assert(
      fc.property(amount, limit, (consumed, max) => {
        expect(percentageUsed(consumed, max) >= 100).toBe(consumed >= max);
      }),
    );
  });

  it('is rounded down', () => {
    expect(percentageUsed(999n, 1_000n)).toBe(99);
    expect(percentageUsed(2n, 3n)).toBe(66);
  });

  it('is 100 of nothing and 0 of unlimited', () => {
    expect(percentageUsed(0n, 0n)).toBe(100);
    expect(percentageUsed(5n, null)).toBe(0);
  });
});

describe('remaining and overage', () => {
  it('are never both positive, and together with the limit make up what was consumed', () => {
    fc.assert(
      fc.property(amount, amount, (consumed, max) => {
        const remaining = remainingOf(consumed, max)!;
        const overage = overageOf(consumed, max);
        expect(remaining === 0n || overage === 0n).toBe(true);
        expect(max - remaining + overage).toBe(consumed);
      }),
    );
  });

  it('know no limit', () => {
    expect([remainingOf(5n, null), overageOf(5n, null)]).toEqual([null, 0n]);
  });
});

describe('statusOf', () => {
  it.each([
    [79n, 'ok'],
    [80n, 'warning'],
    [94n, 'warning'],
    [95n, 'critical'],
    [99n, 'critical'],
    [100n, 'exceeded'],
    [250n, 'exceeded'],
  ])('says of %s in 100 that it is %s', (consumed, status) => {
    expect(statusOf(consumed, 100n, 80)).toBe(status);
  });

  it('decides by the exact ratio and not by the rounded percentage', () => {
    expect(statusOf(949_999n, 1_000_000n, 80)).toBe('warning');
    expect(statusOf(950_000n, 1_000_000n, 80)).toBe('critical');
    expect(statusOf(2n, 3n, 67)).toBe('ok');
  });

  it('has its own word for unlimited', () => {
    expect(statusOf(5n, null, 80)).toBe('unlimited');
  });
});

describe('usageRows', () => {
  const rows = (customer = customerOn('price_free'), now = NOW) =>
    usageRows(standingAt(customer, CATALOG, now), CATALOG, customer.id, now, emptyCounter);

  it('has one row for every metered feature of the plan, used or not, and none for flags', () => {
    expect(rows(customerOn('price_pro')).map(({ entitlement }) => entitlement.feature.key)).toEqual([
      'api_calls',
      'compute',
      'emails',
      'events',
      'exports',
      'storage_gb',
      'seats',
    ]);
  });

  it('asks for the counters that meteredKeys names', () => {
    const customer = customerOn('price_pro');
    const keys = meteredKeys(standingAt(customer, CATALOG, NOW), CATALOG, customer.id, NOW);
    expect(rows(customer).map(({ counter }) => emptyCounter(counter))).toEqual(keys.map(emptyCounter));
  });

  it('rolls over by itself at the period’s end', () => {
    const [before, after] = [28 * DAY_MS - 1, 28 * DAY_MS].map(
      (elapsed) => rows(customerOn('price_free'), NOW + elapsed)[0]!.period.start,
    );
    expect(before).toBe(NOW);
    expect(after).toBe(NOW + 28 * DAY_MS);
  });

  it('is empty without access', () => {
    const subscription = { ...customerOn('price_pro').subscription!, status: 'incomplete' as const };
    expect(rows(customerOn(null, { subscription }))).toEqual([]);
  });
});
