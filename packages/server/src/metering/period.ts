/**
 * Period n of a customer is `[anchor + n × interval, anchor + (n + 1) × interval)`, always computed from the
 * anchor and never from the previous boundary, so that a month anchored on the 31st comes back to the 31st after
 * February (wire contract §7). All instants are milliseconds since the epoch, in UTC.
 */

export type Interval = 'day' | 'week' | 'month' | 'year';
export type Reset = Interval | 'never';

export interface Period {
  readonly start: number;
  /** `null` for a limit that never resets. */
  readonly end: number | null;
}

const DAY_MS = 86_400_000;
const DAYS: Partial<Record<Interval, number>> = { day: 1, week: 7 };

/**
 * The period that contains an instant. Instants before the anchor belong to period 0. With `count`, the interval
 * is taken that many times (a price billed every 3 months).
 */
export function periodAt(anchor: number, reset: Reset, instant: number, count = 1): Period {
  if (reset === 'never') return { start: anchor, end: null };
  return count === 1 ? recalled(anchor, reset, instant) : computed(anchor, reset, instant, count);
}

/** The last period of each anchor: it comes again with every event, and to compute one takes 0.7 µs. */
const lastPeriods: Record<Interval, Map<number, EndingPeriod>> = {
  day: new Map(),
  week: new Map(),
  month: new Map(),
  year: new Map(),
};
const LAST_PERIODS_MAX = 10_000;

type EndingPeriod = Period & { readonly end: number };

function recalled(anchor: number, reset: Interval, instant: number): EndingPeriod {
  const periods = lastPeriods[reset];
  const last = periods.get(anchor);
  if (last !== undefined && last.start <= instant && instant < last.end) return last;
  const period = computed(anchor, reset, instant, 1);
  if (periods.size >= LAST_PERIODS_MAX) periods.clear();
  periods.set(anchor, period);
  return period;
}

function computed(anchor: number, reset: Interval, instant: number, count: number): EndingPeriod {
  const n = instant <= anchor ? 0 : periodIndex(anchor, reset, count, instant);
  return { start: boundary(anchor, reset, count * n), end: boundary(anchor, reset, count * (n + 1)) };
}

/** Whole days from `instant` to `end`, begun days included: what is left of a period, as people count it. */
export function daysUntil(end: number, instant: number): number {
  return Math.max(0, Math.ceil((end - instant) / DAY_MS));
}

function periodIndex(anchor: number, reset: Interval, count: number, instant: number): number {
  const days = DAYS[reset];
  if (days !== undefined) return Math.floor((instant - anchor) / (days * count * DAY_MS));
  const months = monthsBetween(anchor, instant);
  const estimate = Math.floor(months / (monthsOf(reset) * count));
  return boundary(anchor, reset, count * estimate) > instant ? estimate - 1 : estimate;
}

function boundary(anchor: number, reset: Interval, intervals: number): number {
  const days = DAYS[reset];
  return days === undefined
    ? addMonths(anchor, intervals * monthsOf(reset))
    : anchor + intervals * days * DAY_MS;
}

function monthsOf(reset: Interval): number {
  return reset === 'year' ? 12 : 1;
}

function monthsBetween(from: number, to: number): number {
  const a = new Date(from);
  const b = new Date(to);
  return (b.getUTCFullYear() - a.getUTCFullYear()) * 12 + b.getUTCMonth() - a.getUTCMonth();
}

/** The same day and time of day, `months` later; the day clamped to the month's last. */
function addMonths(instant: number, months: number): number {
  const date = new Date(instant);
  const year = date.getUTCFullYear();
  const month = date.getUTCMonth() + months;
  const lastDay = new Date(Date.UTC(year, month + 1, 0)).getUTCDate();
  return date.setUTCFullYear(year, month, Math.min(date.getUTCDate(), lastDay));
}
