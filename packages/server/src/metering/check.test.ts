import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { compileCatalog, type Catalog } from './catalog.ts';
import { check } from './check.ts';
import { parseDecimal } from './quantity.ts';
import type { Customer } from './subscription.ts';
import { MemoryLedger } from './testing/memory-ledger.ts';
import { CATALOG, command, customerOn, DAY_MS, NOW, PRICING, subscriptionOn } from './testing/pricing.ts';
import { counterId, emptyCounter } from './usage.ts';

const NO_DEFAULT = compileCatalog(
  { ...PRICING, products: PRICING.products.map((product) => ({ ...product, default: false })) },
  2,
);

function ask(
  feature: string,
  quantity: number | string | null = null,
  options: { customer?: Customer | null; deleted?: boolean; catalog?: Catalog; ledger?: MemoryLedger } = {},
) {
  const { customer = customerOn('price_free'), deleted = false, catalog = CATALOG } = options;
  const { ledger = new MemoryLedger() } = options;
  const asked = quantity === null ? null : parseDecimal(quantity);
  const counterOf = (key: Parameters<typeof emptyCounter>[0]) =>
    ledger.counters.get(counterId(key)) ?? emptyCounter(key);
  return check(feature, asked, { customer, deleted, catalog, counterOf }, NOW);
}

function used(feature: string, quantity: number | string): MemoryLedger {
  const ledger = new MemoryLedger();
  ledger.track([command(feature, quantity)], {
    customer: customerOn('price_free'),
    catalog: CATALOG,
    now: NOW,
  });
  return ledger;
}

describe('check', () => {
  it('says yes while something remains, and no when nothing does', () => {
    expect(ask('api_calls', null, { ledger: used('api_calls', 99) })).toMatchObject({ hasAccess: true });
    expect(ask('api_calls', null, { ledger: used('api_calls', 100) })).toMatchObject({
      hasAccess: false,
      reason: 'quota_exceeded',
    });
  });

  it('says whether this much would fit', () => {
    const ledger = used('api_calls', 60);
    expect([40, 41, 0].map((quantity) => ask('api_calls', quantity, { ledger }))).toMatchObject([
      { hasAccess: true },
      { hasAccess: false, reason: 'quota_exceeded' },
      { hasAccess: true },
    ]);
  });

  it('says yes past a limit with overage, and without a limit', () => {
    expect(ask('emails', 1, { ledger: used('emails', 60) })).toMatchObject({ hasAccess: true });
    expect(ask('events', '1e18')).toMatchObject({ hasAccess: true });
  });

  it.each([
    ['seats', 0.5, 'fraction_not_allowed'],
    ['compute', 1e-12, 'quantity_below_precision'],
    ['events', '1e19', 'quantity_out_of_range'],
  ])('says of %s that %s is no quantity at all', (feature, quantity, fault) => {
    expect(ask(feature, quantity)).toBe(fault);
  });

  it('grants a flag of the plan, and only of the plan', () => {
    expect(ask('sso', null, { customer: customerOn('price_pro') })).toMatchObject({
      hasAccess: true,
      row: null,
    });
    expect(ask('sso')).toMatchObject({ hasAccess: false, reason: 'feature_not_in_plan' });
  });

  it('knows features that do not exist from those outside the plan', () => {
    expect(ask('nope')).toMatchObject({ reason: 'feature_not_found' });
    expect(ask('exports')).toMatchObject({ reason: 'feature_not_in_plan' });
  });

  it('answers for someone never seen as the default product would', () => {
    expect(ask('api_calls', 100, { customer: null })).toMatchObject({ hasAccess: true });
    expect(ask('api_calls', 101, { customer: null })).toMatchObject({ reason: 'quota_exceeded' });
    expect(ask('api_calls', 1, { customer: null, catalog: NO_DEFAULT })).toMatchObject({
      reason: 'customer_not_found',
    });
  });

  it('names what is wrong with the subscription', () => {
    const incomplete = subscriptionOn('price_pro', { status: 'incomplete' });
    const ended = subscriptionOn('price_pro', { endsAt: NOW });
    const withSubscription = (subscription: typeof ended) => customerOn(null, { subscription });
    expect(ask('api_calls', 1, { customer: withSubscription(incomplete) })).toMatchObject({
      reason: 'subscription_not_active',
    });
    expect(ask('api_calls', 1, { customer: withSubscription(ended), catalog: NO_DEFAULT })).toMatchObject({
      reason: 'no_active_subscription',
    });
    expect(ask('api_calls', 101, { customer: withSubscription(ended) })).toMatchObject({
      reason: 'quota_exceeded',
    });
  });

  it('agrees with what tracking would do', () => {
    fc.assert(
      fc.property(
        fc.constantFrom('api_calls', 'emails', 'events', 'seats', 'exports', 'sso'),
        fc.nat({ max: 150 }),
        fc.integer({ min: 1, max: 150 }),
        (feature, before, quantity) => {
          const ledger = used(feature, before);
          const answer = ask(feature, quantity, { ledger });
          const [verdict] = ledger.track([command(feature, quantity)], {
            customer: customerOn('price_free'),
            catalog: CATALOG,
            now: NOW,
          });
          expect(typeof answer !== 'string' && answer.hasAccess).toBe(verdict?.outcome === 'recorded');
        },
      ),
    );
  });

  it('looks at the running period only', () => {
    const ledger = used('api_calls', 100);
    const customer = customerOn('price_free', { anchor: NOW - 27 * DAY_MS });
    expect(ask('api_calls', 1, { ledger, customer })).toMatchObject({ hasAccess: true });
  });
});
