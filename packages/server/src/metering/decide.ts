import type { Catalog, Entitlement, Feature } from './catalog.ts';
import { crossed } from './nudges.ts';
import type { Period } from './period.ts';
import { fits, toScaled, type Decimal, type QuantityFault } from './quantity.ts';
import { standingAt, type Customer, type Standing } from './subscription.ts';
import { changeFits, chargedAt, counterId, emptyCounter, type Counter, type CounterKey } from './usage.ts';

/**
 * The metering decision: given the state that a batch touches, what becomes of each event and of the state.
 *
 *   resolve:  event + customer + catalog   → the counter it would charge, or a refusal
 *   decide:   resolved events + counters + keys already used → verdicts + changed counters
 *
 * A ledger loads what `resolve` names, under its locks, calls `decide`, and writes what changed in one
 * transaction. Events are decided in their order, each seeing what the ones before it did.
 */

export type Origin = 'secret' | 'session';
export type Action = 'add' | 'set';

/** One usage event as asked for. */
export interface TrackCommand {
  readonly externalId: string;
  /** The kind of credential; idempotency keys of one kind never meet those of the other. */
  readonly origin: Origin;
  readonly feature: string;
  readonly quantity: Decimal;
  readonly action: Action;
  readonly idempotencyKey: string | null;
  /** JSON text. */
  readonly metadata: string | null;
  /** As given, in milliseconds since the epoch. */
  readonly timestamp: number | null;
}

/** A recorded event: a line of the append-only ledger, and all that its reply is printed from. */
export interface UsageEvent extends CounterKey {
  readonly id: string;
  /** `open` carries an amount over from another counter, see `opening.ts`. */
  readonly action: Action | 'open';
  /** As asked for, at the feature's precision. */
  readonly quantity: bigint;
  /** What the counter changed by: the quantity of an `add`, the difference of a `set`. */
  readonly delta: bigint;
  readonly decimals: number;
  readonly consumed: bigint;
  readonly limit: bigint | null;
  readonly period: Period;
  readonly sequence: number;
  readonly revision: number;
  readonly recordedAt: number;
  /** When it happened, by the caller's word. */
  readonly occurredAt: number | null;
  /** The timestamp as given, which a repeat must give again. */
  readonly timestamp: number | null;
  readonly origin: Origin;
  readonly idempotencyKey: string | null;
  readonly metadata: string | null;
}

export type RefusalCode =
  | QuantityFault
  | 'quota_exceeded'
  | 'no_active_subscription'
  | 'subscription_not_active'
  | 'feature_not_in_plan'
  | 'feature_not_found'
  | 'customer_not_found'
  | 'feature_not_metered'
  | 'idempotency_key_reused'
  | 'timestamp_out_of_range'
  | 'usage_below_zero'
  | 'set_not_allowed'
  | 'set_with_timestamp';

export interface Refusal {
  readonly outcome: 'refused';
  readonly code: RefusalCode;
  readonly feature: string;
  /** The usage that the refusal rests on, where there is one. */
  readonly usage?: Pick<UsageEvent, 'consumed' | 'limit' | 'decimals' | 'period'>;
}

export type Verdict = { readonly outcome: 'recorded' | 'duplicate'; readonly event: UsageEvent } | Refusal;

/** A command with what its customer and the catalog say of it, before any counter is read. */
export interface Resolved {
  readonly command: TrackCommand;
  readonly customer: Customer | null;
  readonly target: Target | Refusal;
}

/** The counter that a command charges, and by which rules. */
export interface Target {
  readonly customerId: string;
  readonly standing: Standing;
  readonly feature: Feature;
  readonly entitlement: Entitlement | null;
  readonly quantity: bigint;
  readonly key: CounterKey;
  readonly period: Period;
}

/** What a batch may read; the ledger fills it for the keys that the batch names. */
export interface DecideState {
  readonly counters: ReadonlyMap<string, Counter>;
  /** Recorded events by {@link idempotencyId}; `null` for a key whose event a damaged store has lost. */
  readonly recorded: ReadonlyMap<string, UsageEvent | null>;
}

export interface Decision {
  readonly verdicts: readonly Verdict[];
  readonly events: readonly UsageEvent[];
  /** The counters that changed, by {@link counterId}. */
  readonly counters: ReadonlyMap<string, Counter>;
}

export const TIMESTAMP_PAST_MAX_MS = 35 * 86_400_000;
export const TIMESTAMP_FUTURE_MAX_MS = 5 * 60_000;

/** The text under which a used idempotency key is found: its scope and itself (wire contract §3). */
export function idempotencyId(customerId: string, origin: Origin, key: string): string {
  return `${customerId}\n${origin}\n${key}`;
}

/** Finds the counter that a command charges, or says why it can charge none. */
export function resolve(
  command: TrackCommand,
  customer: Customer | null,
  catalog: Catalog,
  now: number,
): Resolved {
  const refuse = (code: RefusalCode): Resolved => ({
    command,
    customer,
    target: refusal(code, command.feature),
  });
  if (customer === null) return refuse('customer_not_found');
  const feature = catalog.features.get(command.feature);
  if (feature === undefined) return refuse('feature_not_found');
  if (feature.type === 'boolean_flag') return refuse('feature_not_metered');
  if (command.action === 'set' && feature.type !== 'numeric_limit') return refuse('set_not_allowed');
  if (command.action === 'set' && command.timestamp !== null) return refuse('set_with_timestamp');
  const quantity = toScaled(command.quantity, feature.decimals);
  if (typeof quantity === 'string') return refuse(quantity);

  const standing = standingAt(customer, catalog, now);
  const entitlement = standing.product?.entitlements.get(feature.key) ?? null;
  // A server's timestamp picks the period; a browser's is only kept, so that no browser can back-date.
  const instant = command.origin === 'secret' ? (command.timestamp ?? now) : now;
  const { key, period } = chargedAt(entitlement ?? unentitled(feature), standing, customer.id, instant);
  return {
    command,
    customer,
    target: { customerId: customer.id, standing, feature, entitlement, quantity, key, period },
  };
}

/** Decides a batch in order. Pure: the same input gives the same verdicts, on any store. */
export function decide(
  batch: readonly Resolved[],
  state: DecideState,
  now: number,
  newId: (prefix: string) => string,
): Decision {
  const counters = new Map<string, Counter>();
  const events: UsageEvent[] = [];
  const recorded = new Map(state.recorded);

  const verdicts = batch.map(({ command, customer, target }): Verdict => {
    const { idempotencyKey, origin } = command;
    const used =
      idempotencyKey === null || customer === null
        ? null
        : idempotencyId(customer.id, origin, idempotencyKey);
    const earlier = used === null ? undefined : recorded.get(used);
    if (earlier !== undefined) return repeat(command, target, earlier);
    if ('outcome' in target) return target;

    const id = counterId(target.key);
    const counter = counters.get(id) ?? state.counters.get(id) ?? emptyCounter(target.key);
    const verdict = charge(command, target, counter, now, newId);
    if (verdict.outcome !== 'recorded') return verdict;
    const { event } = verdict;
    events.push(event);
    if (used !== null) recorded.set(used, event);
    counters.set(id, {
      ...counter,
      consumed: event.consumed,
      sequence: event.sequence,
      crossings: crossed(counter.crossings, event.consumed, event.limit, target.entitlement?.warnAt),
    });
    return verdict;
  });
  return { verdicts, events, counters };
}

/** The verdict on a key that is taken: the first answer again for the same event, a refusal for another. */
function repeat(command: TrackCommand, target: Target | Refusal, earlier: UsageEvent | null): Verdict {
  const same =
    earlier !== null &&
    !('outcome' in target) &&
    earlier.feature === target.feature.key &&
    earlier.quantity === target.quantity &&
    earlier.action === command.action &&
    earlier.timestamp === command.timestamp;
  return same ? { outcome: 'duplicate', event: earlier } : refusal('idempotency_key_reused', command.feature);
}

function charge(
  command: TrackCommand,
  target: Target,
  counter: Counter,
  now: number,
  newId: (prefix: string) => string,
): Verdict {
  const { standing, feature, entitlement, quantity, key, period } = target;
  const limit = entitlement?.limit ?? null;
  const delta = command.action === 'set' ? quantity - counter.consumed : quantity;
  const consumed = counter.consumed + delta;
  const refuse = (code: RefusalCode): Refusal => ({
    ...refusal(code, feature.key),
    usage: { consumed: counter.consumed, limit, decimals: feature.decimals, period },
  });

  if (!timestampAllowed(command, now)) return refuse('timestamp_out_of_range');
  if (consumed < 0n) return refuse('usage_below_zero');
  if (!fits(consumed)) return refuse('quantity_out_of_range');
  const denied = delta > 0n ? denial(standing, entitlement) : null;
  if (denied !== null) return refuse(denied);
  if (entitlement !== null && !changeFits(counter.consumed, delta, entitlement))
    return refuse('quota_exceeded');
  const { timestamp, origin, action, idempotencyKey, metadata } = command;
  // Spelled out: what begins as a spread and goes on this long, V8 keeps as a hash table, 10 µs an event slower.
  const { customerId, reset, periodStart } = key;
  const event: UsageEvent = {
    id: newId('evt'),
    customerId,
    feature: feature.key,
    reset,
    periodStart,
    action,
    quantity,
    delta,
    decimals: feature.decimals,
    consumed,
    limit,
    period,
    sequence: counter.sequence + 1,
    revision: standing.revision,
    recordedAt: now,
    occurredAt: timestamp !== null && origin === 'session' ? Math.min(timestamp, now) : timestamp,
    timestamp,
    origin,
    idempotencyKey,
    metadata,
  };
  return { outcome: 'recorded', event };
}

/** Why a plan gives no access to a feature; `null` when it does. Shared with the check (wire contract §4). */
export function denial(
  standing: Standing,
  entitlement: Entitlement | null,
): 'no_active_subscription' | 'subscription_not_active' | 'feature_not_in_plan' | null {
  if (standing.status === null) return 'no_active_subscription';
  if (!standing.hasAccess) return 'subscription_not_active';
  return entitlement === null ? 'feature_not_in_plan' : null;
}

function refusal(code: RefusalCode, feature: string): Refusal {
  return { outcome: 'refused', code, feature };
}

function timestampAllowed({ origin, timestamp }: TrackCommand, now: number): boolean {
  if (origin === 'session' || timestamp === null) return true;
  return timestamp >= now - TIMESTAMP_PAST_MAX_MS && timestamp <= now + TIMESTAMP_FUTURE_MAX_MS;
}

/** A feature outside the plan still has a counter, for decreases: as the plan's price would count it. */
function unentitled(feature: Feature): Entitlement {
  return { feature, limit: null, reset: undefined, overageAllowed: false, warnAt: 0 };
}
