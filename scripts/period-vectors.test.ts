import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { daysUntil, periodAt, type Interval, type Reset } from '../packages/server/src/metering/period.ts';
import type { PeriodVector } from './period-vectors.ts';

const file = join(import.meta.dirname, '../packages/server/period-vectors.json');
const { vectors } = JSON.parse(readFileSync(file, 'utf8')) as { vectors: PeriodVector[] };

const DAY_MS = 86_400_000;

describe('the published period vectors', () => {
  it('hold for the metering rules', () => {
    for (const vector of vectors) {
      const at = Date.parse(vector.at);
      const { start, end } = periodAt(Date.parse(vector.anchor), vector.reset, at, vector.interval_count);
      expect([start, end], JSON.stringify(vector)).toEqual([
        Date.parse(vector.period_start),
        vector.period_end === null ? null : Date.parse(vector.period_end),
      ]);
      expect(end === null ? null : daysUntil(end, at)).toBe(vector.resets_in_days);
    }
  });

  it('hold for a calendar that counts days by hand', () => {
    for (const vector of vectors) {
      const { anchor, reset, interval_count, at, period_start, period_end, resets_in_days } = vector;
      const byHand = countedPeriod(instantOf(anchor), reset, interval_count, instantOf(at));
      const text = JSON.stringify(vector);
      expect(byHand.start, text).toBe(instantOf(period_start));
      expect(byHand.end, text).toBe(period_end === null ? null : instantOf(period_end));
      expect(byHand.daysLeft, text).toBe(resets_in_days);
    }
  });

  it.each<[string, (vector: PeriodVector) => boolean]>([
    ['anchors on the 29th', ({ anchor }) => anchor.includes('-29T')],
    ['anchors on the 30th', ({ anchor }) => anchor.includes('-30T')],
    ['anchors on the 31st', ({ anchor }) => anchor.includes('-31T')],
    ['a leap day’s yearly period', ({ anchor, reset }) => anchor.includes('02-29') && reset === 'year'],
    ['a month cut short by February', ({ period_start }) => period_start.includes('02-28')],
    ['a year that is no leap year though 4 divides it', ({ at }) => at.startsWith('2100-')],
    ['the last millisecond of a period', ({ at, period_end }) => endsAfter(at, period_end, 1)],
    ['the first millisecond of a period', ({ at, period_start }) => at === period_start],
    ['instants before the anchor', ({ anchor, at }) => at < anchor],
    ['a period over the end of a year', ({ at, period_end }) => period_end?.slice(0, 4) !== at.slice(0, 4)],
    ['days', ({ reset }) => reset === 'day'],
    ['weeks', ({ reset }) => reset === 'week'],
    ['limits that never reset', ({ period_end }) => period_end === null],
    ['several intervals in a period', ({ interval_count }) => interval_count > 1],
  ])('cover %s', (_what, isOne) => {
    expect(vectors.some(isOne)).toBe(true);
  });

  it('are no special cases: the metering rules agree with that calendar everywhere', () => {
    const anchors = fc
      .tuple(
        fc.integer({ min: 1970, max: 2100 }),
        fc.integer({ min: 1, max: 12 }),
        fc.constantFrom(1, 15, 28, 29, 30, 31),
      )
      .filter(([year, month, day]) => day <= daysInMonth(year, month))
      .chain(([year, month, day]) =>
        fc.nat(DAY_MS - 1).map((msOfDay) => dayNumber(year, month, day) * DAY_MS + msOfDay),
      );
    const resets = fc.constantFrom<Reset>('day', 'week', 'month', 'year', 'never');
    const counts = fc.integer({ min: 1, max: 24 });
    const offsets = fc.integer({ min: -DAY_MS, max: 20 * 366 * DAY_MS });
    fc.assert(
      fc.property(anchors, resets, counts, offsets, (anchor, reset, count, offset) => {
        const { start, end } = countedPeriod(anchor, reset, count, anchor + offset);
        expect(periodAt(anchor, reset, anchor + offset, count)).toEqual({ start, end });
      }),
      { numRuns: 2_000 },
    );
  });
});

/** The reference: it walks from the anchor, one period after the other, and knows of no `Date`. */
function countedPeriod(anchor: number, reset: Reset, count: number, at: number) {
  if (reset === 'never') return { start: anchor, end: null, daysLeft: null };
  for (let n = 1; ; n += 1) {
    const end = instantAfter(anchor, reset, n * count);
    if (at < end) {
      const daysLeft = Math.ceil((end - at) / DAY_MS);
      return { start: instantAfter(anchor, reset, (n - 1) * count), end, daysLeft };
    }
  }
}

function instantAfter(anchor: number, interval: Interval, intervals: number): number {
  if (interval === 'day') return anchor + intervals * DAY_MS;
  if (interval === 'week') return anchor + intervals * 7 * DAY_MS;
  const days = Math.floor(anchor / DAY_MS);
  const { year, month, day } = dateOf(days);
  const months = month - 1 + intervals * (interval === 'year' ? 12 : 1);
  const endYear = year + Math.floor(months / 12);
  const endMonth = (months % 12) + 1;
  const endDay = Math.min(day, daysInMonth(endYear, endMonth));
  return dayNumber(endYear, endMonth, endDay) * DAY_MS + (anchor - days * DAY_MS);
}

function isLeap(year: number): boolean {
  return year % 400 === 0 || (year % 4 === 0 && year % 100 !== 0);
}

function daysInMonth(year: number, month: number): number {
  if (month === 2) return isLeap(year) ? 29 : 28;
  return [4, 6, 9, 11].includes(month) ? 30 : 31;
}

/** Days from the first of January 1970. */
function dayNumber(year: number, month: number, day: number): number {
  const before = year - 1;
  const leapDays = Math.floor(before / 4) - Math.floor(before / 100) + Math.floor(before / 400) - 477;
  let days = (year - 1970) * 365 + leapDays + day - 1;
  for (let earlier = 1; earlier < month; earlier += 1) days += daysInMonth(year, earlier);
  return days;
}

function dateOf(days: number): { year: number; month: number; day: number } {
  let year = 1970;
  while (dayNumber(year + 1, 1, 1) <= days) year += 1;
  let month = 1;
  while (month < 12 && dayNumber(year, month + 1, 1) <= days) month += 1;
  return { year, month, day: days - dayNumber(year, month, 1) + 1 };
}

function instantOf(text: string): number {
  const numbers = text.split(/\D/).map(Number);
  const [year = 0, month = 0, day = 0, hours = 0, minutes = 0, seconds = 0, ms = 0] = numbers;
  return dayNumber(year, month, day) * DAY_MS + ((hours * 60 + minutes) * 60 + seconds) * 1_000 + ms;
}

function endsAfter(at: string, end: string | null, ms: number): boolean {
  return end !== null && Date.parse(end) - Date.parse(at) === ms;
}
