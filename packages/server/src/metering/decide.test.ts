import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { compileCatalog } from './catalog.ts';
import { TIMESTAMP_FUTURE_MAX_MS, TIMESTAMP_PAST_MAX_MS, type TrackCommand, type Verdict } from './decide.ts';
import { formatScaled, SCALED_MAX } from './quantity.ts';
import type { Customer } from './subscription.ts';
import { MemoryLedger } from './testing/memory-ledger.ts';
import { CATALOG, command, customerOn, DAY_MS, NOW, PRICING, subscriptionOn } from './testing/pricing.ts';

const free = customerOn('price_free');
const pro = customerOn('price_pro');

/** A ledger with one customer, and what tests say to it. */
function ledgerOf(customer: Customer | null = free, catalog = CATALOG) {
  const ledger = new MemoryLedger();
  const track = (commands: readonly TrackCommand[], now = NOW): readonly Verdict[] =>
    ledger.track(commands, { customer, catalog, now });
  return { ledger, track, one: (single: TrackCommand, now = NOW): Verdict => track([single], now)[0]! };
}

const word = (verdict: Verdict): string => (verdict.outcome === 'refused' ? verdict.code : verdict.outcome);
const event = (verdict: Verdict) => {
  if (verdict.outcome === 'refused') throw new Error(`refused: ${verdict.code}`);
  return verdict.event;
};

describe('the limit', () => {
  it('takes an increase up to exactly the limit', () => {
    const { one } = ledgerOf();
    expect(word(one(command('api_calls', 100)))).toBe('recorded');
    expect(word(one(command('api_calls', 1)))).toBe('quota_exceeded');
  });

  it('refuses an increase whole and records nothing of it', () => {
    const { ledger, one } = ledgerOf();
    one(command('api_calls', 60));
    expect(one(command('api_calls', 41))).toMatchObject({
      code: 'quota_exceeded',
      usage: { consumed: 60n, limit: 100n },
    });
    expect(word(one(command('api_calls', 40)))).toBe('recorded');
    expect(ledger.events).toHaveLength(2);
  });

  it('counts what went before in the same batch', () => {
    const { track } = ledgerOf();
    const commands = [60, 60, 40, 1].map((quantity) => command('api_calls', quantity));
    expect(track(commands).map(word)).toEqual(['recorded', 'quota_exceeded', 'recorded', 'quota_exceeded']);
  });

  it('is passed where overage is allowed', () => {
    const { one } = ledgerOf();
    expect(event(one(command('emails', 70)))).toMatchObject({ consumed: 70n, limit: 50n });
  });

  it('is none when unlimited', () => {
    const { one } = ledgerOf();
    expect(event(one(command('events', SCALED_MAX.toString()))).limit).toBeNull();
  });

  it('holds to the last decimal', () => {
    const { one } = ledgerOf();
    expect(Array.from({ length: 10 }, () => word(one(command('compute', 0.1))))).toEqual(
      Array.from({ length: 10 }, () => 'recorded'),
    );
    expect(word(one(command('compute', '0.000000001')))).toBe('quota_exceeded');
  });

  it('of zero lets nothing through', () => {
    const features = PRICING.features;
    const product = { ...PRICING.products[0]!, features: [{ feature: 'api_calls', limit: 0 }] };
    const { one } = ledgerOf(free, compileCatalog({ features, products: [product] }, 2));
    expect(word(one(command('api_calls', 1)))).toBe('quota_exceeded');
    expect(word(one(command('api_calls', 0)))).toBe('recorded');
  });
});

describe('zero and negative quantities', () => {
  it('records an add of zero and counts nothing', () => {
    const { one } = ledgerOf();
    expect(event(one(command('api_calls', 0)))).toMatchObject({ delta: 0n, consumed: 0n, sequence: 1 });
  });

  it('takes a decrease down to zero and not below', () => {
    const { one } = ledgerOf();
    one(command('api_calls', 3));
    expect(word(one(command('api_calls', -4)))).toBe('usage_below_zero');
    expect(event(one(command('api_calls', -3))).consumed).toBe(0n);
  });

  it('takes a decrease above the limit', () => {
    const { ledger, one } = ledgerOf(pro);
    one(command('seats', 20));
    const [verdict] = ledger.track([command('seats', -1)], { customer: free, catalog: CATALOG, now: NOW });
    expect(event(verdict!)).toMatchObject({ consumed: 19n, limit: 5n });
  });

  it('takes a decrease whatever the status or plan', () => {
    const { ledger, one } = ledgerOf(pro);
    one(command('exports', 2));
    one(command('seats', 2));
    const subscription = subscriptionOn('price_pro', { status: 'incomplete' });
    const unpaid = customerOn(null, { subscription });
    const without = customerOn('price_trial');
    const track = (customer: Customer, single: TrackCommand) =>
      word(ledger.track([single], { customer, catalog: CATALOG, now: NOW })[0]!);
    expect(track(unpaid, command('seats', -1))).toBe('recorded');
    expect(track(unpaid, command('seats', 1))).toBe('subscription_not_active');
    expect(track(without, command('seats', -1))).toBe('recorded');
    expect(track(without, command('seats', 1))).toBe('feature_not_in_plan');
  });

  it('refuses a sum beyond 64 bits', () => {
    const { one } = ledgerOf();
    one(command('events', SCALED_MAX.toString()));
    expect(word(one(command('events', 1)))).toBe('quantity_out_of_range');
    expect(word(one(command('events', -1)))).toBe('recorded');
  });
});

describe('set', () => {
  const set = (feature: string, quantity: number, changes = {}): TrackCommand =>
    command(feature, quantity, { action: 'set', ...changes });

  it('keeps the difference in the ledger', () => {
    const { one } = ledgerOf();
    expect(event(one(set('seats', 4)))).toMatchObject({ quantity: 4n, delta: 4n, consumed: 4n, sequence: 1 });
    expect(event(one(set('seats', 1)))).toMatchObject({
      quantity: 1n,
      delta: -3n,
      consumed: 1n,
      sequence: 2,
    });
  });

  it('is checked as the increase that it makes', () => {
    const { one } = ledgerOf();
    one(set('seats', 4));
    expect(word(one(set('seats', 6)))).toBe('quota_exceeded');
    expect(word(one(set('seats', 5)))).toBe('recorded');
  });

  it('of what it is already is recorded and changes nothing', () => {
    const { one } = ledgerOf();
    one(set('seats', 4));
    expect(event(one(set('seats', 4)))).toMatchObject({ delta: 0n, consumed: 4n, sequence: 2 });
  });

  it('is for numeric limits only, not negative, and without a timestamp', () => {
    const { one } = ledgerOf();
    expect(word(one(set('api_calls', 1)))).toBe('set_not_allowed');
    expect(word(one(set('seats', -1)))).toBe('usage_below_zero');
    expect(word(one(set('seats', 1, { timestamp: NOW })))).toBe('set_with_timestamp');
  });
});

describe('what cannot be tracked', () => {
  it.each<[string, TrackCommand]>([
    ['feature_not_found', command('nope', 1)],
    ['feature_not_found', command('__proto__', 1)],
    ['feature_not_metered', command('sso', 1)],
    ['feature_not_in_plan', command('exports', 1)],
    ['quantity_below_precision', command('compute', 1e-12)],
    ['quantity_out_of_range', command('compute', 1e308)],
    ['fraction_not_allowed', command('seats', 0.5)],
  ])('is refused as %s', (code, single) => {
    expect(word(ledgerOf().one(single))).toBe(code);
  });

  it('is everything of a customer who does not exist', () => {
    expect(word(ledgerOf(null).one(command('api_calls', 1)))).toBe('customer_not_found');
  });

  it('is an increase without a subscription and without a default product', () => {
    const catalog = compileCatalog(
      { ...PRICING, products: PRICING.products.map((product) => ({ ...product, default: false })) },
      2,
    );
    expect(word(ledgerOf(customerOn(null), catalog).one(command('seats', 1)))).toBe('no_active_subscription');
  });
});

describe('idempotency', () => {
  const keyed = (quantity: number | string, changes: Partial<TrackCommand> = {}): TrackCommand =>
    command('seats', quantity, { idempotencyKey: 'k', ...changes });

  it('answers the same event again with the first event', () => {
    const { ledger, one } = ledgerOf();
    const first = event(one(keyed(1)));
    expect(one(keyed(1), NOW + DAY_MS)).toEqual({ outcome: 'duplicate', event: first });
    expect(ledger.events).toHaveLength(1);
  });

  it('counts a key once within one batch', () => {
    const { track } = ledgerOf();
    expect(track([keyed(1), keyed(1), keyed(2)]).map(word)).toEqual([
      'recorded',
      'duplicate',
      'idempotency_key_reused',
    ]);
  });

  it('compares quantities at the feature’s precision', () => {
    const { one } = ledgerOf();
    const compute = (quantity: string) => command('compute', quantity, { idempotencyKey: 'k' });
    one(compute('0.1'));
    expect(word(one(compute('0.10000000001')))).toBe('duplicate');
    expect(word(one(compute('0.100000001')))).toBe('idempotency_key_reused');
  });

  it.each<[string, TrackCommand]>([
    ['another quantity', keyed(2)],
    ['another feature', command('api_calls', 1, { idempotencyKey: 'k' })],
    ['another action', keyed(1, { action: 'set' })],
    ['a timestamp where there was none', keyed(1, { timestamp: NOW })],
    ['a feature that does not exist', command('nope', 1, { idempotencyKey: 'k' })],
  ])('refuses the key for %s', (_what, other) => {
    const { one } = ledgerOf();
    one(keyed(1));
    expect(word(one(other))).toBe('idempotency_key_reused');
  });

  it('does not compare metadata', () => {
    const { one } = ledgerOf();
    one(keyed(1));
    expect(word(one(keyed(1, { metadata: '{"a":1}' })))).toBe('duplicate');
  });

  it('keeps browsers’ and servers’ keys apart', () => {
    const { track } = ledgerOf();
    expect(track([keyed(1), keyed(2, { origin: 'session' })]).map(word)).toEqual(['recorded', 'recorded']);
  });

  it('answers before limit, status, plan and timestamp are looked at', () => {
    const { ledger, track } = ledgerOf();
    const old = { timestamp: NOW - DAY_MS };
    track([keyed(1), keyed(4, { idempotencyKey: 'full' }), keyed(0, { idempotencyKey: 'old', ...old })]);
    const subscription = subscriptionOn('price_free', { status: 'incomplete' });
    const replay = (single: TrackCommand, customer: Customer) =>
      word(ledger.track([single], { customer, catalog: CATALOG, now: NOW + 40 * DAY_MS })[0]!);
    expect(replay(keyed(1), free)).toBe('duplicate');
    expect(replay(keyed(1), customerOn(null, { subscription }))).toBe('duplicate');
    expect(replay(keyed(1), customerOn('price_trial'))).toBe('duplicate');
    expect(replay(keyed(0, { idempotencyKey: 'old', ...old }), free)).toBe('duplicate');
  });

  it('does not remember refusals', () => {
    const { ledger, one } = ledgerOf();
    expect(word(one(keyed(6)))).toBe('quota_exceeded');
    const [verdict] = ledger.track([keyed(6)], { customer: pro, catalog: CATALOG, now: NOW });
    expect(word(verdict!)).toBe('recorded');
  });
});

describe('timestamps', () => {
  const next = NOW + 28 * DAY_MS;

  it('from a server pick the period that is charged', () => {
    const { one } = ledgerOf();
    const late = event(one(command('api_calls', 1, { timestamp: next - 1 }), next));
    expect(late).toMatchObject({ period: { start: NOW, end: next }, occurredAt: next - 1, recordedAt: next });
    expect(event(one(command('api_calls', 1), next)).period.start).toBe(next);
  });

  it('from a browser never pick the period', () => {
    const { one } = ledgerOf();
    const past = command('api_calls', 1, { origin: 'session', timestamp: NOW - DAY_MS });
    expect(event(one(past, next))).toMatchObject({ period: { start: next }, occurredAt: NOW - DAY_MS });
  });

  it('from a browser are clamped to now when they lie ahead', () => {
    const ahead = command('api_calls', 1, { origin: 'session', timestamp: NOW + DAY_MS });
    expect(event(ledgerOf().one(ahead)).occurredAt).toBe(NOW);
  });

  it.each([
    ['the oldest allowed', -TIMESTAMP_PAST_MAX_MS, 'recorded'],
    ['one older', -TIMESTAMP_PAST_MAX_MS - 1, 'timestamp_out_of_range'],
    ['the newest allowed', TIMESTAMP_FUTURE_MAX_MS, 'recorded'],
    ['one newer', TIMESTAMP_FUTURE_MAX_MS + 1, 'timestamp_out_of_range'],
    ['the year 1', Date.parse('0001-01-01T00:00:00Z') - NOW, 'timestamp_out_of_range'],
    ['the year 9999', Date.parse('9999-12-31T23:59:59Z') - NOW, 'timestamp_out_of_range'],
  ])('of %s', (_what, offset, outcome) => {
    expect(word(ledgerOf().one(command('api_calls', 1, { timestamp: NOW + offset })))).toBe(outcome);
  });

  it('before the anchor belong to period 0', () => {
    const early = event(ledgerOf().one(command('api_calls', 1, { timestamp: NOW - DAY_MS })));
    expect(early.period.start).toBe(NOW);
  });

  it('charge each period’s own limit', () => {
    const { one } = ledgerOf();
    one(command('api_calls', 100, { timestamp: next - 1 }), next);
    expect(word(one(command('api_calls', 1, { timestamp: next - 1 }), next))).toBe('quota_exceeded');
    expect(word(one(command('api_calls', 1), next))).toBe('recorded');
  });
});

describe('any sequence of commands', () => {
  const KEYS = ['a', 'b', 'c'];
  const step = fc.record({
    feature: fc.constantFrom('api_calls', 'emails', 'seats', 'compute'),
    quantity: fc.integer({ min: -30, max: 60 }),
    action: fc.constantFrom('add' as const, 'set' as const),
    idempotencyKey: fc.option(fc.constantFrom(...KEYS)),
    split: fc.boolean(),
  });

  it('ends as a model of a few lines says, in whatever batches it comes', () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
        const { ledger, track } = ledgerOf();
        const model = new Model();
        const verdicts: Verdict[] = [];
        let batch: TrackCommand[] = [];
        for (const { feature, quantity, action, idempotencyKey, split } of steps) {
          batch.push(command(feature, quantity, { action, idempotencyKey }));
          if (!split) continue;
          verdicts.push(...track(batch));
          batch = [];
        }
        verdicts.push(...track(batch));
        expect(verdicts.map(word)).toEqual(steps.map((one) => model.track(one)));
        expect(consumedOf(ledger)).toEqual(model.consumed);
        for (const [feature, sequences] of sequencesOf(ledger)) {
          expect(sequences, feature).toEqual(sequences.map((_, index) => index + 1));
        }
      }),
      { numRuns: 300 },
    );
  });

  it('leaves every counter at the sum of its events’ deltas', () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
        const { ledger, track } = ledgerOf();
        track(
          steps.map(({ feature, quantity, action, idempotencyKey }) =>
            command(feature, quantity, { action, idempotencyKey }),
          ),
        );
        for (const counter of ledger.counters.values()) {
          const deltas = ledger.events
            .filter((one) => one.feature === counter.feature)
            .map(({ delta }) => delta);
          expect(deltas.reduce((sum, delta) => sum + delta, 0n)).toBe(counter.consumed);
        }
      }),
    );
  });
});

/** The rules of the limit once more, as plainly as can be: whole numbers, one customer, one period. */
class Model {
  readonly consumed: Record<string, number> = {};
  readonly #keys = new Map<string, string>();

  track(step: { feature: string; quantity: number; action: string; idempotencyKey: string | null }): string {
    const { feature, quantity, action, idempotencyKey } = step;
    const fingerprint = JSON.stringify([feature, quantity, action]);
    const earlier = idempotencyKey === null ? undefined : this.#keys.get(idempotencyKey);
    if (earlier !== undefined) return earlier === fingerprint ? 'duplicate' : 'idempotency_key_reused';
    if (action === 'set' && feature !== 'seats') return 'set_not_allowed';
    const present = this.consumed[feature] ?? 0;
    const next = action === 'set' ? quantity : present + quantity;
    if (next < 0) return 'usage_below_zero';
    const limit = { api_calls: 100, emails: Infinity, seats: 5, compute: 1 }[feature] ?? 0;
    if (next > present && next > limit) return 'quota_exceeded';
    this.consumed[feature] = next;
    if (idempotencyKey !== null) this.#keys.set(idempotencyKey, fingerprint);
    return 'recorded';
  }
}

function consumedOf(ledger: MemoryLedger): Record<string, number> {
  return Object.fromEntries(
    [...ledger.counters.values()].map(({ feature, consumed }) => [
      feature,
      Number(formatScaled(consumed, CATALOG.features.get(feature)!.decimals)),
    ]),
  );
}

function sequencesOf(ledger: MemoryLedger): Map<string, number[]> {
  const sequences = new Map<string, number[]>();
  for (const { feature, sequence } of ledger.events) {
    sequences.set(feature, [...(sequences.get(feature) ?? []), sequence]);
  }
  return sequences;
}
