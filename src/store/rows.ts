import type {
  TrackReply,
  UsageMetric as WireUsageMetric,
  UsageStatus,
  UsageSummary,
} from '../client/wire.ts';
import type { UsageMetric } from './types.ts';

/**
 * The confirmed rows of one customer, by feature key, in catalog order. Pure functions: a row that does not change
 * keeps its identity, and so does the map when no row changes.
 */
export type Rows = ReadonlyMap<string, UsageMetric>;

export const NO_ROWS: Rows = new Map();

/** From this share of the limit on, in percent, a meter is critical (wire contract §5). */
export const CRITICAL_AT_PERCENT = 95;

const MS_PER_DAY = 86_400_000;

/** A metric as everything above the client sees it: frozen, and unlimited is `Infinity`. */
export function toUsageMetric(wire: WireUsageMetric): UsageMetric {
  return Object.freeze({ ...wire, limit: wire.limit ?? Infinity, remaining: wire.remaining ?? Infinity });
}

/** The metric as it came over the wire. */
export function toWireMetric(row: UsageMetric): WireUsageMetric {
  const finite = (value: number) => (value === Infinity ? null : value);
  return { ...row, limit: finite(row.limit), remaining: finite(row.remaining) };
}

/**
 * Negative when `a` is older than `b`: by revision, period and sequence, never by arrival (wire contract §3). Of two
 * readings of the same state the later one is newer. Times compare as text: they all have one form (§1).
 */
export function compareRows(a: UsageMetric, b: UsageMetric): number {
  return (
    a.revision - b.revision ||
    compareText(a.period_start, b.period_start) ||
    a.sequence - b.sequence ||
    compareText(a.as_of, b.as_of)
  );
}

/** Takes one row in, unless it is older than what is known. A feature of an outdated plan does not come back. */
export function mergeRow(rows: Rows, row: UsageMetric): Rows {
  const known = rows.get(row.feature_key);
  const isOutdated = known === undefined ? row.revision < revisionOf(rows) : compareRows(row, known) <= 0;
  return isOutdated ? rows : new Map(rows).set(row.feature_key, row);
}

/**
 * Takes a whole reading in: it decides which features there are and in which order, unless it was made before a
 * change of plan that is known already.
 */
export function mergeReading(rows: Rows, reading: readonly UsageMetric[]): Rows {
  const read: Rows = new Map(reading.map((row) => [row.feature_key, row]));
  if (read.size > 0 && revisionOf(read) < revisionOf(rows)) return rows;
  const merged = new Map(
    reading.map((row) => {
      const known = rows.get(row.feature_key);
      return [row.feature_key, known !== undefined && compareRows(row, known) <= 0 ? known : row];
    }),
  );
  const knownRows = [...rows.values()];
  const unchanged =
    knownRows.length === merged.size && [...merged.values()].every((row, i) => row === knownRows[i]);
  return unchanged ? rows : merged;
}

/** The row as the answer to a recorded event leaves it (wire contract §3). Still to be merged. */
export function rowAfterRecorded(row: UsageMetric, reply: TrackReply): UsageMetric {
  const { sequence, revision, recorded_at: as_of } = reply;
  return rowWithUsage({ ...row, sequence, revision, as_of }, reply.usage);
}

/**
 * The row as a refusal tells it. Its usage has no place in the order of rows, so it only counts where it says more
 * than is known: a later period, or more consumed. The next row in order replaces it.
 */
export function rowAfterRefused(row: UsageMetric, usage: UsageSummary): UsageMetric {
  const period = compareText(usage.period_start, row.period_start);
  const saysMore = period > 0 || (period === 0 && usage.consumed_units > row.consumed);
  return saysMore ? rowWithUsage(row, usage) : row;
}

/** The row with another amount consumed, and everything that follows from it (wire contract §5). */
export function rowWithConsumed(row: UsageMetric, amount: number): UsageMetric {
  // In units of the last decimal place all of these are whole numbers, so 0.1 + 0.2 is 0.3 here too.
  const scale = 10 ** row.decimals;
  const consumed = Math.round(amount * scale);
  const limit = Math.round(row.limit * scale);
  const used = { ...row, consumed: consumed / scale };
  if (limit === Infinity) return Object.freeze(used);
  return Object.freeze({
    ...used,
    remaining: Math.max(0, limit - consumed) / scale,
    overage: Math.max(0, consumed - limit) / scale,
    percentage_used: limit === 0 ? 100 : Math.floor((consumed * 100) / limit),
    status: statusOf(consumed, limit, row.warn_at),
  });
}

/** Whether both say the same, whenever they were read. */
export function isSameRow(a: UsageMetric, b: UsageMetric): boolean {
  const names = Object.keys(a) as (keyof UsageMetric)[];
  return (
    names.length === Object.keys(b).length &&
    names.every((name) => name === 'as_of' || Object.is(a[name], b[name]))
  );
}

/** The newest plan and catalog that the rows have seen; -1 without rows. */
export function revisionOf(rows: Rows): number {
  return Math.max(-1, ...Array.from(rows.values(), (row) => row.revision));
}

/** When the newest row was true, by the server's clock; `null` without rows. */
export function asOf(rows: Rows): string | null {
  let newest: string | null = null;
  for (const row of rows.values()) if (newest === null || row.as_of > newest) newest = row.as_of;
  return newest;
}

/** When the first running period ends, in milliseconds since the epoch; `undefined` when none does. */
export function nextPeriodEndMs(rows: Rows): number | undefined {
  const ends = [...rows.values()].flatMap((row) =>
    row.period_end === null ? [] : [Date.parse(row.period_end)],
  );
  return ends.length === 0 ? undefined : Math.min(...ends);
}

/** Whether nudges may have changed with the rows: a status, a period, the plan or the catalog is another. */
export function hasNudgeCause(before: Rows, after: Rows): boolean {
  if (before === after) return false;
  if (revisionOf(before) !== revisionOf(after) || before.size !== after.size) return true;
  return [...after.values()].some((row) => {
    const known = before.get(row.feature_key);
    return known?.status !== row.status || known.period_start !== row.period_start;
  });
}

function rowWithUsage(row: UsageMetric, usage: UsageSummary): UsageMetric {
  const { consumed_units: consumed, period_start, period_end, percentage_used } = usage;
  const limit = usage.limit_units ?? Infinity;
  const leftMs = period_end === null ? null : Date.parse(period_end) - Date.parse(row.as_of);
  return Object.freeze({
    ...row,
    consumed,
    limit,
    remaining: usage.remaining_units ?? Infinity,
    overage: usage.overage_units,
    percentage_used,
    period_start,
    period_end,
    resets_in_days: leftMs === null ? null : Math.max(0, Math.ceil(leftMs / MS_PER_DAY)),
    status: statusOf(consumed, limit, row.warn_at),
  });
}

function statusOf(consumed: number, limit: number, warnAtPercent: number): UsageStatus {
  if (limit === Infinity) return 'unlimited';
  if (consumed >= limit) return 'exceeded';
  if (consumed * 100 >= limit * CRITICAL_AT_PERCENT) return 'critical';
  return consumed * 100 >= limit * warnAtPercent ? 'warning' : 'ok';
}

function compareText(a: string, b: string): number {
  if (a === b) return 0;
  return a < b ? -1 : 1;
}
