import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { compileCatalog, type Catalog, type CatalogDocument, type EntitlementDocument } from './catalog.ts';
import { crossed, nudgeMessage, nudgesOf } from './nudges.ts';
import { standingAt } from './subscription.ts';
import { CATALOG, customerOn, NOW } from './testing/pricing.ts';
import { emptyCounter, usageRows, type Crossings } from './usage.ts';

/** The nudges of a customer who consumed this much, by feature. */
function nudges(
  consumed: Record<string, bigint>,
  options: { catalog?: Catalog; price?: string; crossings?: Crossings } = {},
) {
  const { catalog = CATALOG, price = 'price_free', crossings = [0, 0, 0] } = options;
  const customer = customerOn(price);
  const rows = usageRows(standingAt(customer, catalog, NOW), catalog, customer.id, NOW, (key) => ({
    ...emptyCounter(key),
    consumed: consumed[key.feature] ?? 0n,
    crossings,
  }));
  return nudgesOf(rows, catalog);
}

describe('nudgesOf', () => {
  it.each([
    [79n, []],
    [80n, [{ threshold: 80, severity: 'warning' }]],
    [94n, [{ threshold: 80, severity: 'warning' }]],
    [95n, [{ threshold: 95, severity: 'critical' }]],
    [99n, [{ threshold: 95, severity: 'critical' }]],
    [100n, [{ threshold: 100, severity: 'exceeded' }]],
  ])('tells of %s in 100 the highest threshold only', (consumed, expected) => {
    expect(nudges({ api_calls: consumed })).toMatchObject(expected);
    expect(nudges({ api_calls: consumed })).toHaveLength(expected.length);
  });

  it('gives the percentage to a tenth, rounded down', () => {
    expect(nudges({ compute: 999_999_999n }).map(({ actual }) => actual)).toEqual([99.9]);
    expect(nudges({ emails: 57n }).map(({ actual }) => actual)).toEqual([114]);
  });

  it('puts the most urgent first', () => {
    const order = nudges({ api_calls: 85n, emails: 80n, seats: 5n }).map(
      ({ row }) => row.entitlement.feature.key,
    );
    expect(order).toEqual(['emails', 'seats', 'api_calls']);
  });

  it('has none for what is unlimited', () => {
    expect(nudges({ events: 10n ** 18n })).toEqual([]);
  });

  it('tells of crossing the same threshold again under another id', () => {
    const [first] = nudges({ api_calls: 85n }, { crossings: [1, 0, 0] });
    const [again] = nudges({ api_calls: 85n }, { crossings: [1, 0, 0] });
    const [second] = nudges({ api_calls: 85n }, { crossings: [-1, 0, 0] });
    expect(again?.id).toBe(first?.id);
    expect(second?.id).not.toBe(first?.id);
  });

  it('names a crossing made by a change of plan as the next event will store it', () => {
    const stored = crossed([0, 0, 0], 85n, 100n, 80);
    const [before] = nudges({ api_calls: 85n });
    const [after] = nudges({ api_calls: 85n }, { crossings: stored });
    expect(before?.id).toBe(after?.id);
  });
});

describe('the suggested plan', () => {
  const product = (id: string, rank: number, limit: number | null, prices: [string, number][]) => ({
    id,
    name: id,
    rank,
    prices: prices.map(([price, amount]) => ({
      id: price,
      amount,
      currency: 'usd',
      interval: 'month' as const,
    })),
    features: [{ feature: 'api_calls', limit } satisfies EntitlementDocument],
  });
  const start = { ...product('start', 1, 100, [['price_free', 0]]), default: true };
  const suggestion = (products: CatalogDocument['products'], consumed = 85n) => {
    const features = [{ key: 'api_calls', title: 'API calls', type: 'usage_quota' as const, decimals: 0 }];
    const catalog = compileCatalog({ features, products: [start, ...products] }, 2);
    return nudges({ api_calls: consumed }, { catalog })[0]?.suggestion;
  };

  it('is the cheapest that is sufficient', () => {
    const products = [
      product('dear', 2, 1_000, [['p1', 900]]),
      product('cheap', 3, 1_000, [['p2', 500]]),
      product('small', 4, 101, [['p3', 100]]),
    ];
    expect(suggestion(products)).toMatchObject({ product: { id: 'cheap' }, price: { id: 'p2' } });
  });

  it('of two at the same price is the lower rank', () => {
    const products = [product('b', 3, 1_000, [['p1', 900]]), product('a', 2, 1_000, [['p2', 900]])];
    expect(suggestion(products)).toMatchObject({ product: { id: 'a' } });
  });

  it('brings the feature below its warning', () => {
    expect(suggestion([product('next', 2, 106, [['p1', 1]])])).toBeNull();
    expect(suggestion([product('next', 2, 107, [['p1', 1]])])).not.toBeNull();
  });

  it('is of a higher rank, in the same currency and interval', () => {
    const next = product('next', 2, null, [['p1', 1]]);
    const priced = (changes: object) => [{ ...next, prices: [{ ...next.prices[0]!, ...changes }] }];
    expect(suggestion([{ ...next, rank: 1 }])).toBeNull();
    expect(suggestion(priced({ currency: 'eur' }))).toBeNull();
    expect(suggestion(priced({ interval: 'year' }))).toBeNull();
    expect(suggestion(priced({ interval_count: 3 }))).toBeNull();
    expect(suggestion(priced({}))).toMatchObject({
      limits: [{ feature: 'api_calls', from: 100n, to: null }],
    });
  });

  it('lists only the limits that it raises', () => {
    const [nudge] = nudges({ api_calls: 85n });
    expect(nudge?.suggestion?.product.id).toBe('pro');
    expect(nudge?.suggestion?.limits.map(({ feature }) => feature)).toEqual([
      'api_calls',
      'compute',
      'emails',
      'storage_gb',
      'seats',
    ]);
  });

  it('is none on the highest plan', () => {
    expect(nudges({ api_calls: 10_000n }, { price: 'price_pro_year' })[0]?.suggestion).toBeNull();
  });

  it('is named in the message', () => {
    const [nudge] = nudges({ api_calls: 100n });
    expect(nudgeMessage(nudge!)).toEqual({
      title: 'API calls: limit reached',
      body: '100 of 100 used.',
      cta: 'Upgrade to Pro',
    });
  });
});

describe('crossed', () => {
  const path = (...amounts: bigint[]): Crossings =>
    amounts.reduce<Crossings>((crossings, consumed) => crossed(crossings, consumed, 100n, 80), [0, 0, 0]);

  it('counts a threshold once while usage stays above it', () => {
    expect(path(80n, 90n, 85n)).toEqual([1, 0, 0]);
    expect(path(100n)).toEqual([1, 1, 1]);
  });

  it('re-arms only below five points under the threshold', () => {
    expect(path(80n, 76n, 80n)).toEqual([1, 0, 0]);
    expect(path(80n, 74n)).toEqual([-1, 0, 0]);
    expect(path(80n, 74n, 80n)).toEqual([2, 0, 0]);
  });

  it('counts thresholds each by themselves', () => {
    expect(path(100n, 92n, 100n)).toEqual([1, 1, 2]);
  });

  it('leaves crossings alone where there is no limit', () => {
    expect(crossed([2, -1, 0], 5n, null, 80)).toEqual([2, -1, 0]);
  });

  it('never counts a crossing down', () => {
    fc.assert(
      fc.property(fc.array(fc.bigInt({ min: 0n, max: 120n })), (amounts) => {
        let before: Crossings = [0, 0, 0];
        for (const consumed of amounts) {
          const after = crossed(before, consumed, 100n, 80);
          after.forEach((count, index) =>
            expect(Math.abs(count)).toBeGreaterThanOrEqual(Math.abs(before[index]!)),
          );
          before = after;
        }
      }),
    );
  });
});
