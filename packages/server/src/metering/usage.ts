import type { Catalog, Entitlement } from './catalog.ts';
import { periodAt, type Period, type Reset } from './period.ts';
import { resetOf, type Standing } from './subscription.ts';

/** Everything that is derived from how much was consumed of how much. Amounts are scaled integers. */

export type UsageStatus = 'ok' | 'warning' | 'critical' | 'exceeded' | 'unlimited';

/** Percent of the limit from which usage is critical. */
export const CRITICAL_AT = 95;
export const FULL_AT = 100;

/** Identifies one counter of one customer. A `numeric_limit` has one for ever, a quota one per period. */
export interface CounterKey {
  readonly customerId: string;
  readonly feature: string;
  readonly reset: Reset;
  /** Milliseconds since the epoch; 0 for a counter that never resets, so that it outlives every subscription. */
  readonly periodStart: number;
}

export interface Counter extends CounterKey {
  readonly consumed: bigint;
  /** Recorded events so far. */
  readonly sequence: number;
  /**
   * One per nudge threshold (warn, critical, full), see `nudges.ts`: n > 0 is past the threshold for the n-th time,
   * -n has fallen back since.
   */
  readonly crossings: Crossings;
}

export type Crossings = readonly [number, number, number];

/** One row of a customer's usage: what the metrics reply, the stream and the check are printed from. */
export interface UsageRow {
  readonly entitlement: Entitlement;
  readonly standing: Standing;
  readonly period: Period;
  readonly counter: Counter;
}

/** The text under which a counter is found in maps. */
export function counterId(key: CounterKey): string {
  return `${key.customerId}\n${key.feature}\n${key.reset}\n${key.periodStart}`;
}

export function emptyCounter({ customerId, feature, reset, periodStart }: CounterKey): Counter {
  return { customerId, feature, reset, periodStart, consumed: 0n, sequence: 0, crossings: [0, 0, 0] };
}

/** The counter and period that an entitlement charges at an instant. */
export function chargedAt(
  entitlement: Entitlement,
  standing: Standing,
  customerId: string,
  instant: number,
): { key: CounterKey; period: Period } {
  const reset = resetOf(entitlement, standing.price);
  const period = periodAt(standing.anchor, reset, instant);
  return {
    key: {
      customerId,
      feature: entitlement.feature.key,
      reset,
      periodStart: reset === 'never' ? 0 : period.start,
    },
    period,
  };
}

/** One row for every metered feature of the plan, used or not, in catalog order. */
export function usageRows(
  standing: Standing,
  catalog: Catalog,
  customerId: string,
  now: number,
  counterOf: (key: CounterKey) => Counter,
): UsageRow[] {
  return meteredEntitlements(standing, catalog).map((entitlement) => {
    const { key, period } = chargedAt(entitlement, standing, customerId, now);
    return { entitlement, standing, period, counter: counterOf(key) };
  });
}

/** The counters that {@link usageRows} asks for, so that a ledger can load them first; only one feature's when named. */
export function meteredKeys(
  standing: Standing,
  catalog: Catalog,
  customerId: string,
  now: number,
  feature?: string,
): CounterKey[] {
  return meteredEntitlements(standing, catalog, feature).map(
    (entitlement) => chargedAt(entitlement, standing, customerId, now).key,
  );
}

function meteredEntitlements(
  { product, hasAccess }: Standing,
  { features }: Catalog,
  only?: string,
): Entitlement[] {
  if (!hasAccess || product === null) return [];
  const keys = only === undefined ? [...features.keys()] : [only];
  return keys.flatMap((key) => {
    const type = features.get(key)?.type ?? 'boolean_flag';
    const entitlement = product.entitlements.get(key);
    return entitlement === undefined || type === 'boolean_flag' ? [] : [entitlement];
  });
}

export function remainingOf(consumed: bigint, limit: bigint | null): bigint | null {
  if (limit === null) return null;
  return consumed >= limit ? 0n : limit - consumed;
}

export function overageOf(consumed: bigint, limit: bigint | null): bigint {
  return limit === null || consumed <= limit ? 0n : consumed - limit;
}

/** Whole percent, rounded down: 100 means full. With limit 0 it is 100; unlimited it is 0 (wire contract §5). */
export function percentageUsed(consumed: bigint, limit: bigint | null): number {
  if (limit === null) return 0;
  return limit === 0n ? 100 : Number((consumed * 100n) / limit);
}

/** Whether `consumed` is at or above `percent` of the limit, exactly. */
export function reaches(consumed: bigint, limit: bigint | null, percent: number): boolean {
  return limit !== null && consumed * 100n >= limit * BigInt(percent);
}

export function statusOf(consumed: bigint, limit: bigint | null, warnAt: number): UsageStatus {
  if (limit === null) return 'unlimited';
  if (reaches(consumed, limit, FULL_AT)) return 'exceeded';
  if (reaches(consumed, limit, CRITICAL_AT)) return 'critical';
  return reaches(consumed, limit, warnAt) ? 'warning' : 'ok';
}

/** Whether a change fits: an increase whole or not at all, past the limit only where overage is allowed. */
export function changeFits(consumed: bigint, delta: bigint, entitlement: Entitlement): boolean {
  if (delta <= 0n || entitlement.limit === null || entitlement.overageAllowed) return true;
  return consumed + delta <= entitlement.limit;
}
