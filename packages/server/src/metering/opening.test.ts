import { describe, expect, it } from 'vitest';
import { openings, reopened } from './opening.ts';
import { standingAt } from './subscription.ts';
import { MemoryLedger } from './testing/memory-ledger.ts';
import { CATALOG, command, customerOn, DAY_MS, NOW } from './testing/pricing.ts';
import { counterId, emptyCounter, type CounterKey } from './usage.ts';

const yearEnd = Date.parse('2027-01-31T10:00:00Z');

/** What opens when a customer who used this much moves from one price to another. */
function moving(from: string, to: string, used: [feature: string, quantity: number][], now = NOW) {
  const ledger = new MemoryLedger();
  const customer = customerOn(from);
  ledger.track(
    used.map(([feature, quantity]) => command(feature, quantity)),
    { customer, catalog: CATALOG, now },
  );
  const change = {
    before: standingAt(customer, CATALOG, now),
    after: standingAt(customerOn(to, { revision: 2 }), CATALOG, now),
  };
  const counterOf = (key: CounterKey) => ledger.counters.get(counterId(key)) ?? emptyCounter(key);
  return openings(reopened(customer.id, change, now), now, counterOf, (prefix) => `${prefix}_1`);
}

describe('openings', () => {
  it('carry what was consumed over to the counter of the new reset', () => {
    const [opening, ...others] = moving('price_pro', 'price_pro_year', [['api_calls', 9_000]]);
    expect(others).toEqual([]);
    expect(opening).toMatchObject({
      event: {
        action: 'open',
        delta: 9_000n,
        consumed: 9_000n,
        limit: 10_000n,
        reset: 'year',
        sequence: 1,
        revision: 4,
        period: { start: NOW, end: yearEnd },
      },
      counter: { feature: 'api_calls', reset: 'year', consumed: 9_000n, sequence: 1, crossings: [1, 0, 0] },
    });
  });

  it('are none where the reset stays, where nothing was used, and for what never resets', () => {
    expect(moving('price_free', 'price_pro', [['api_calls', 50]])).toEqual([]);
    expect(moving('price_pro', 'price_pro_year', [])).toEqual([]);
    expect(moving('price_pro', 'price_pro_year', [['seats', 5]])).toEqual([]);
    expect(moving('price_pro', 'price_pro_year', [['exports', 3]])).toEqual([]);
  });

  it('carry over the running period only', () => {
    const ledger = new MemoryLedger();
    const customer = customerOn('price_pro');
    ledger.track([command('api_calls', 9)], { customer, catalog: CATALOG, now: NOW });
    const now = NOW + 40 * DAY_MS;
    const change = {
      before: standingAt(customer, CATALOG, now),
      after: standingAt(customerOn('price_pro_year'), CATALOG, now),
    };
    const counterOf = (key: CounterKey) => ledger.counters.get(counterId(key)) ?? emptyCounter(key);
    expect(openings(reopened(customer.id, change, now), now, counterOf, () => 'evt_1')).toEqual([]);
  });
});
