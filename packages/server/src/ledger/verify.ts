import { number, text, type Row } from './rows.ts';

/**
 * Verification: every counter added up again from the events that charged it, every event's amounts compared with the
 * one's before, every key that may still be repeated found where a repeat would look for it, and every idempotency
 * record found to lead to the event that holds its key. Both stores answer {@link VERIFIED_ROWS}, sorted by them, and
 * {@link LOST_RECORDS} on one snapshot, and the fold below holds one counter at a time; so a store of any size takes
 * the same memory.
 */
export interface Verification {
  readonly events: number;
  readonly counters: number;
  readonly differencesTotal: number;
  /** The first ones, at most {@link DIFFERENCES_KEPT_MAX}. */
  readonly differences: readonly Difference[];
}

/** Where the stored state is not what the events come to. Amounts are scaled. */
export type Difference = CounterDifference | RecordDifference;

export type CounterDifference = CounterName &
  (
    | { readonly kind: 'counter'; readonly stored: Total | null; readonly recomputed: Total }
    | {
        readonly kind: 'sequence';
        readonly eventId: string;
        readonly expected: number;
        readonly found: number;
      }
    /** `consumed` is not what was before and the delta, or `quantity` not what the action makes that delta of. */
    | {
        readonly kind: 'consumed' | 'quantity';
        readonly eventId: string;
        readonly expected: bigint;
        readonly found: bigint;
      }
    | { readonly kind: 'idempotency'; readonly eventId: string; readonly found: string | null }
  );

/** An idempotency record that leads to no event, or to one that holds another key, or none. */
export interface RecordDifference {
  readonly kind: 'record';
  readonly tenantId: string;
  readonly customerId: string;
  readonly origin: string;
  readonly key: string;
  readonly eventId: string;
  readonly eventExists: boolean;
}

export interface CounterName {
  readonly tenantId: string;
  readonly customerId: string;
  readonly feature: string;
  readonly reset: string;
  readonly periodStart: number;
}

export interface Total {
  readonly consumed: bigint;
  readonly sequence: number;
}

/** Told now and then how many events have been added up, of how many. */
export type Progress = (events: number, of: number) => void;

export const DIFFERENCES_KEPT_MAX = 1_000;
export const PROGRESS_EVENTS = 100_000;

/** How long a repeat of a keyed event must find the first one. */
const IDEMPOTENCY_WINDOW_MS = 36 * 86_400_000;

/** Events recorded since then must have their idempotency record. */
export function keyedSince(now: number): number {
  return now - IDEMPOTENCY_WINDOW_MS;
}

export const COUNT_EVENTS = 'select count(*) as events from event';

/**
 * Each counter, and after it what charged it, by sequence. `key` is there for events recorded since
 * `keyedSince` only, `kept_for` is the event that the store would answer a repeat of it with.
 */
export const VERIFIED_ROWS = (keyedSince: string): string => `
  select 0 as kind, tenant_id, customer_id, feature, reset, period_start, sequence, consumed as amount,
    null as event_id, null as action, null as quantity, null as consumed, null as key, null as kept_for
  from counter
  union all
  select 1, e.tenant_id, e.customer_id, e.feature, e.reset, e.counter_start, e.sequence, e.delta,
    e.id, e.action, e.quantity, e.consumed, case when e.recorded_at > ${keyedSince} then e.idempotency_key end, i.event_id
  from event e left join idempotency i on i.tenant_id = e.tenant_id and i.customer_id = e.customer_id
    and i.origin = e.origin and i.key = e.idempotency_key
  order by tenant_id, customer_id, feature, reset, period_start, kind, sequence, event_id`;

/** Events are never deleted, and records only with what they lead to unchanged: no record may be one of these. */
export const LOST_RECORDS = `
  select i.tenant_id, i.customer_id, i.origin, i.key, i.event_id, e.id as found
  from idempotency i left join event e on e.tenant_id = i.tenant_id and e.id = i.event_id
  where e.id is null or e.idempotency_key is null
    or e.customer_id <> i.customer_id or e.origin <> i.origin or e.idempotency_key <> i.key`;

export interface Fold {
  /** Takes the next of {@link VERIFIED_ROWS}. */
  readonly take: (row: Row) => void;
  /** Takes one of {@link LOST_RECORDS}. */
  readonly takeRecord: (row: Row) => void;
  /** After the last one. */
  readonly end: () => Verification;
}

export function verificationFold(eventsTotal: number, progress: Progress): Fold {
  let name: CounterName | null = null;
  let stored: Total | null = null;
  let consumed = 0n;
  let sequence = 0;
  /** What the event before says was consumed after it. */
  let consumedBefore = 0n;
  let events = 0;
  let counters = 0;
  let differencesTotal = 0;
  const differences: Difference[] = [];

  function differ(difference: Difference): void {
    differencesTotal += 1;
    if (differences.length < DIFFERENCES_KEPT_MAX) differences.push(difference);
  }

  function closeCounter(): void {
    if (name === null) return;
    counters += 1;
    // A counter made for an event that was then refused has charged nothing; that there is none says the same.
    const { consumed: amount, sequence: last } = stored ?? { consumed: 0n, sequence: 0 };
    if (amount === consumed && last === sequence) return;
    differ({ ...name, kind: 'counter', stored, recomputed: { consumed, sequence } });
  }

  function takeEvent(row: Row, name: CounterName): void {
    const eventId = text(row, 'event_id');
    const found = number(row, 'sequence');
    const follows = found === sequence + 1;
    if (!follows) differ({ ...name, kind: 'sequence', eventId, expected: sequence + 1, found });
    compareAmounts(row, name, follows);
    sequence = found;
    consumed += row['amount'] as bigint;
    consumedBefore = row['consumed'] as bigint;
    const keptFor = row['kept_for'] as string | null;
    if (row['key'] !== null && keptFor !== eventId) {
      differ({ ...name, kind: 'idempotency', eventId, found: keptFor });
    }
    events += 1;
    if (events % PROGRESS_EVENTS === 0) progress(events, eventsTotal);
  }

  function compareAmounts(row: Row, name: CounterName, follows: boolean): void {
    const eventId = text(row, 'event_id');
    const delta = row['amount'] as bigint;
    const after = row['consumed'] as bigint;
    const quantity = row['quantity'] as bigint;
    const sum = consumedBefore + delta;
    if (follows && after !== sum) differ({ ...name, kind: 'consumed', eventId, expected: sum, found: after });
    const asked = row['action'] === 'set' ? after : delta;
    if (quantity !== asked) differ({ ...name, kind: 'quantity', eventId, expected: asked, found: quantity });
  }

  progress(0, eventsTotal);
  return {
    take(row) {
      if (name === null || !isOf(row, name)) {
        closeCounter();
        name = nameOf(row);
        stored = null;
        consumed = 0n;
        consumedBefore = 0n;
        sequence = 0;
      }
      if (row['event_id'] === null) {
        stored = { consumed: row['amount'] as bigint, sequence: number(row, 'sequence') };
      } else takeEvent(row, name);
    },
    takeRecord(row) {
      differ({
        kind: 'record',
        tenantId: text(row, 'tenant_id'),
        customerId: text(row, 'customer_id'),
        origin: text(row, 'origin'),
        key: text(row, 'key'),
        eventId: text(row, 'event_id'),
        eventExists: row['found'] !== null,
      });
    },
    end() {
      closeCounter();
      return { events, counters, differencesTotal, differences };
    },
  };
}

function nameOf(row: Row): CounterName {
  return {
    tenantId: text(row, 'tenant_id'),
    customerId: text(row, 'customer_id'),
    feature: text(row, 'feature'),
    reset: text(row, 'reset'),
    periodStart: number(row, 'period_start'),
  };
}

function isOf(row: Row, name: CounterName): boolean {
  return (
    text(row, 'tenant_id') === name.tenantId &&
    text(row, 'customer_id') === name.customerId &&
    text(row, 'feature') === name.feature &&
    text(row, 'reset') === name.reset &&
    number(row, 'period_start') === name.periodStart
  );
}
