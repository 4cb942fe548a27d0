import type { BillingOSError } from '../client/errors.ts';
import type {
  NudgeTrigger,
  TrackReply,
  UsageMetricsReply,
  UsageSummary,
  UsageMetric as WireUsageMetric,
} from '../client/wire.ts';
import { Board } from './board.ts';
import type { KeyedInput } from './event-storage.ts';
import { createOverlay } from './overlay.ts';
import {
  asOf,
  hasNudgeCause,
  isSameRow,
  mergeReading,
  mergeRow,
  NO_ROWS,
  revisionOf,
  rowAfterRecorded,
  rowAfterRefused,
  toUsageMetric,
  toWireMetric,
  type Rows,
} from './rows.ts';
import type { DataStatus, FetchStatus, UsageMetric } from './types.ts';

/** What the store knows about its own work, as the snapshot shows it. */
export interface Flags {
  status: DataStatus;
  fetchStatus: FetchStatus;
  live: boolean;
  stale: boolean;
  error: BillingOSError | null;
}

/** One customer's numbers: confirmed rows, what is shown ahead of them, nudges and flags, kept as one snapshot. */
export class UsageModel {
  readonly board: Board;
  #rows: Rows = NO_ROWS;
  #shown: ReadonlyMap<string, UsageMetric> = NO_ROWS;
  #nudges: readonly NudgeTrigger[] = Object.freeze([]);
  #hasReadNudges = false;
  /** Whose numbers these are, as the API names them. */
  #ids: Pick<UsageMetricsReply, 'customer_id' | 'external_user_id'> | undefined;
  /** And as the client does: with API and tenant. */
  #customer: string | undefined;
  #customerEpoch = 0;
  #flags: Flags = { status: 'pending', fetchStatus: 'idle', live: false, stale: false, error: null };
  readonly #overlay = createOverlay();
  readonly #hiddenNudges = new Set<string>();

  constructor(initial: UsageMetricsReply | undefined) {
    this.board = new Board({ ...this.#flags, metrics: Object.freeze([]), nudges: this.#nudges, asOf: null });
    if (initial !== undefined) this.takeReading(initial);
  }

  /** The confirmed rows. */
  get rows(): Rows {
    return this.#rows;
  }

  get flags(): Readonly<Flags> {
    return this.#flags;
  }

  /** One row as it is shown. */
  shown(featureKey: string): UsageMetric | undefined {
    return this.#shown.get(featureKey);
  }

  /** Whose numbers these are, as the client names them; `undefined` before it is known. */
  get customer(): string | undefined {
    return this.#customer;
  }

  /** Counts customers, so that what was begun for one is not shown to the next. */
  get customerEpoch(): number {
    return this.#customerEpoch;
  }

  /** Whether the numbers may be this customer's: they are not known to be another's. */
  mayBeOf(customer: string | undefined): boolean {
    return customer === undefined || this.#customer === undefined || this.#customer === customer;
  }

  /** The confirmed numbers as they came over the wire; `undefined` before there are any. */
  get reading(): UsageMetricsReply | undefined {
    return this.#ids && { ...this.#ids, metrics: Array.from(this.#rows.values(), toWireMetric) };
  }

  /** Whether these numbers are another customer's than those at hand. */
  isForeign(reply: UsageMetricsReply, customer: string | undefined): boolean {
    if (this.#ids === undefined) return false;
    const isKnown = this.#customer !== undefined && customer !== undefined;
    return this.#ids.customer_id !== reply.customer_id || (isKnown && this.#customer !== customer);
  }

  setFlags(flags: Partial<Flags>): void {
    this.#flags = { ...this.#flags, ...flags };
    this.#publish();
  }

  /** Takes in all meters of the customer. Says whether the nudges may have changed with them. */
  takeReading(reply: UsageMetricsReply, customer?: string): boolean {
    if (this.isForeign(reply, customer)) this.#forgetCustomer();
    const isFirst = this.#flags.status !== 'ready';
    this.#ids = { customer_id: reply.customer_id, external_user_id: reply.external_user_id };
    this.#customer = customer ?? this.#customer;
    this.#flags = { ...this.#flags, status: 'ready', stale: false, error: null };
    const mayHaveChanged = this.#setRows(mergeReading(this.#rows, reply.metrics.map(toUsageMetric)));
    return isFirst ? this.#missesNudges() : mayHaveChanged;
  }

  /** Takes in one meter. Says whether the nudges may have changed with it. */
  takeRow(row: WireUsageMetric): boolean {
    return this.#setRows(mergeRow(this.#rows, toUsageMetric(row)));
  }

  /** Shows an event before its outcome is known. */
  begin({ featureKey, idempotencyKey, quantity }: KeyedInput): void {
    const row = this.#rows.get(featureKey);
    if (row !== undefined) this.#overlay.begin(row, idempotencyKey, quantity);
    this.#publish();
  }

  /** The event counts. Says whether the answer knows of a plan or feature that the rows do not. */
  recorded(
    { featureKey, idempotencyKey }: KeyedInput,
    reply: TrackReply,
  ): { nudges: boolean; outdated: boolean } {
    const row = this.#rows.get(reply.feature_key);
    const outdated = row === undefined || reply.revision > revisionOf(this.#rows);
    this.#overlay.settle(featureKey, idempotencyKey, true);
    const rows = row === undefined ? this.#rows : mergeRow(this.#rows, rowAfterRecorded(row, reply));
    return { nudges: this.#setRows(rows), outdated };
  }

  /** The event does not count; `usage` is the counter as the refusal told it. */
  refused({ featureKey, idempotencyKey }: KeyedInput, usage: UsageSummary | undefined): void {
    const row = this.#rows.get(featureKey);
    this.#overlay.settle(featureKey, idempotencyKey, false);
    const told = row === undefined || usage === undefined ? row : rowAfterRefused(row, usage);
    this.#setRows(
      told === undefined || told === row ? this.#rows : new Map(this.#rows).set(featureKey, told),
    );
  }

  setNudges(nudges: readonly NudgeTrigger[]): void {
    this.#hasReadNudges = true;
    const isSame = JSON.stringify(nudges) === JSON.stringify(this.#nudges);
    if (!isSame) this.#nudges = Object.freeze([...nudges]);
    this.#publish();
  }

  /** Hides a nudge while its dismissal is under way, and shows it again when that failed. */
  hideNudge(id: string, hidden: boolean): void {
    if (hidden) this.#hiddenNudges.add(id);
    else this.#hiddenNudges.delete(id);
    this.#publish();
  }

  /** The nudge is dismissed. */
  dropNudge(id: string): void {
    this.#hiddenNudges.delete(id);
    this.setNudges(this.#nudges.filter((nudge) => nudge.id !== id));
  }

  #forgetCustomer(): void {
    this.#customerEpoch += 1;
    this.#customer = undefined;
    this.#rows = NO_ROWS;
    this.#nudges = Object.freeze([]);
    this.#hasReadNudges = false;
    this.#overlay.clear();
    this.#hiddenNudges.clear();
  }

  /** Nudges were read before the first numbers, and too early for what those show. */
  #missesNudges(): boolean {
    if (!this.#hasReadNudges || this.#nudges.length > 0) return false;
    return [...this.#rows.values()].some(({ status }) => status !== 'ok' && status !== 'unlimited');
  }

  #setRows(rows: Rows): boolean {
    const before = this.#rows;
    this.#rows = rows;
    this.#publish();
    return hasNudgeCause(before, rows);
  }

  #publish(): void {
    const shown = new Map<string, UsageMetric>();
    for (const row of this.#rows.values()) {
      const next = this.#overlay.show(row);
      const previous = this.#shown.get(row.feature_key);
      // A row that was only read again keeps its identity, and with it the time it was first known.
      shown.set(row.feature_key, previous !== undefined && isSameRow(previous, next) ? previous : next);
    }
    this.#shown = shown;
    const { metrics, nudges } = this.board.snapshot;
    this.board.show({
      ...this.#flags,
      metrics: keepIfSame(metrics, [...shown.values()]),
      nudges: keepIfSame(
        nudges,
        this.#nudges.filter(({ id }) => !this.#hiddenNudges.has(id)),
      ),
      asOf: asOf(this.#rows),
    });
  }
}

/** The previous list when the next one holds the same things. */
function keepIfSame<T>(previous: readonly T[], next: readonly T[]): readonly T[] {
  const isSame = previous.length === next.length && previous.every((item, index) => item === next[index]);
  return isSame ? previous : Object.freeze(next);
}
