import type { UsageEvent } from './decide.ts';
import { crossed } from './nudges.ts';
import type { Standing } from './subscription.ts';
import { chargedAt, type Counter, type CounterKey } from './usage.ts';

/** An event that carries an amount over, and the counter that it leaves. */
export interface Opening {
  readonly event: UsageEvent;
  readonly counter: Counter;
}

/**
 * A change of plan keeps what was consumed in the running period. Where it changes how a quota resets, another
 * counter is charged from then on: it opens with the old one's amount (wire contract §7), so that no change of plan
 * is a refill. One that was open before, earlier in its period, is brought up to that amount.
 */
export function openings(
  customerId: string,
  { before, after }: { before: Standing; after: Standing },
  now: number,
  counterOf: (key: CounterKey) => Counter,
  newId: (prefix: string) => string,
): Opening[] {
  return [...(after.product?.entitlements.values() ?? [])].flatMap((entitlement) => {
    const { feature, limit, warnAt } = entitlement;
    const earlier = before.product?.entitlements.get(feature.key);
    if (earlier === undefined || feature.type !== 'usage_quota') return [];
    const from = chargedAt(earlier, before, customerId, now);
    const to = chargedAt(entitlement, after, customerId, now);
    if (from.key.reset === to.key.reset) return [];
    const { consumed } = counterOf(from.key);
    const counter = counterOf(to.key);
    const delta = consumed - counter.consumed;
    if (delta <= 0n) return [];
    const sequence = counter.sequence + 1;
    const event: UsageEvent = {
      ...to.key,
      id: newId('evt'),
      action: 'open',
      quantity: delta,
      delta,
      decimals: feature.decimals,
      consumed,
      limit,
      period: to.period,
      sequence,
      revision: after.revision,
      recordedAt: now,
      occurredAt: null,
      timestamp: null,
      origin: 'secret',
      idempotencyKey: null,
      metadata: null,
    };
    const crossings = crossed(counter.crossings, consumed, limit, warnAt);
    return [{ event, counter: { ...counter, consumed, sequence, crossings } }];
  });
}
