import type { Entitlement } from './catalog.ts';
import type { UsageEvent } from './decide.ts';
import { crossed } from './nudges.ts';
import type { Period } from './period.ts';
import type { Standing } from './subscription.ts';
import { chargedAt, type Counter, type CounterKey } from './usage.ts';

/**
 * A change of plan keeps what was consumed in the running period. Where it changes how a quota resets, another
 * counter is charged from then on: it opens with the old one's amount (wire contract §7), so that no change of plan
 * is a refill. One that was open before, earlier in its period, is brought up to that amount.
 *
 *   reopened:  plans before and after → the counters concerned, for a ledger to load under its locks
 *   openings:  those counters         → the events that carry amounts over
 */

/** A quota that another counter is charged for from now on. */
export interface Reopened {
  readonly entitlement: Entitlement;
  readonly revision: number;
  readonly from: CounterKey;
  readonly to: CounterKey;
  readonly period: Period;
}

/** An event that carries an amount over, and the counter that it leaves. */
export interface Opening {
  readonly event: UsageEvent;
  readonly counter: Counter;
}

export function reopened(
  customerId: string,
  { before, after }: { before: Standing; after: Standing },
  now: number,
): Reopened[] {
  return [...(after.product?.entitlements.values() ?? [])].flatMap((entitlement) => {
    const earlier = before.product?.entitlements.get(entitlement.feature.key);
    if (earlier === undefined || entitlement.feature.type !== 'usage_quota') return [];
    const { key: from } = chargedAt(earlier, before, customerId, now);
    const { key: to, period } = chargedAt(entitlement, after, customerId, now);
    return from.reset === to.reset ? [] : [{ entitlement, revision: after.revision, from, to, period }];
  });
}

export function openings(
  quotas: readonly Reopened[],
  now: number,
  counterOf: (key: CounterKey) => Counter,
  newId: (prefix: string) => string,
): Opening[] {
  return quotas.flatMap(({ entitlement, revision, from, to, period }) => {
    const { feature, limit, warnAt } = entitlement;
    const { consumed } = counterOf(from);
    const counter = counterOf(to);
    const delta = consumed - counter.consumed;
    if (delta <= 0n) return [];
    const sequence = counter.sequence + 1;
    const event: UsageEvent = {
      ...to,
      id: newId('evt'),
      action: 'open',
      quantity: delta,
      delta,
      decimals: feature.decimals,
      consumed,
      limit,
      period,
      sequence,
      revision,
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
