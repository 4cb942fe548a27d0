import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { daysUntil, periodAt, type Interval } from './period.ts';

const at = (text: string): number => Date.parse(text);
const days = ({ start, end }: { start: number; end: number | null }): (string | null)[] =>
  [start, end].map((instant) => (instant === null ? null : new Date(instant).toISOString().slice(0, 10)));

const anchors = fc.integer({ min: at('1970-01-01T00:00:00Z'), max: at('2100-12-31T00:00:00Z') });
const hardAnchors = fc
  .record({
    year: fc.integer({ min: 1970, max: 2099 }),
    month: fc.nat(11),
    day: fc.constantFrom(28, 29, 30, 31),
    ms: fc.nat(86_399_999),
  })
  .map(({ year, month, day, ms }) => Date.UTC(year, month, day) + ms);
const offsets = fc.integer({ min: 0, max: 60 * 366 * 86_400_000 });
const intervals = fc.constantFrom<Interval>('day', 'week', 'month', 'year');
const counts = fc.integer({ min: 1, max: 36 });

describe('periodAt', () => {
  it('contains every instant from the anchor on', () => {
    fc.assert(
      fc.property(anchors, intervals, offsets, counts, (anchor, interval, offset, count) => {
        const { start, end } = periodAt(anchor, interval, anchor + offset, count);
        expect(start).toBeLessThanOrEqual(anchor + offset);
        expect(end).toBeGreaterThan(anchor + offset);
      }),
      { numRuns: 1_000 },
    );
  });

  it('contains each of several instants, whichever was asked for before', () => {
    fc.assert(
      fc.property(anchors, intervals, fc.array(offsets, { minLength: 2 }), (anchor, interval, several) => {
        for (const offset of several) {
          const { start, end } = periodAt(anchor, interval, anchor + offset);
          expect(start).toBeLessThanOrEqual(anchor + offset);
          expect(end).toBeGreaterThan(anchor + offset);
        }
        const first = periodAt(anchor, interval, anchor);
        expect(first.start).toBe(anchor);
      }),
      { numRuns: 1_000 },
    );
  });

  it('leaves no gap and no overlap between neighbours', () => {
    fc.assert(
      fc.property(anchors, intervals, offsets, counts, (anchor, interval, offset, count) => {
        const period = periodAt(anchor, interval, anchor + offset, count);
        const next = periodAt(anchor, interval, period.end!, count);
        expect(next.start).toBe(period.end);
        expect(periodAt(anchor, interval, period.end! - 1, count)).toEqual(period);
      }),
      { numRuns: 1_000 },
    );
  });

  it('is period n of the anchor, whatever came before', () => {
    fc.assert(
      fc.property(hardAnchors, intervals, counts, fc.nat(500), (anchor, interval, count, n) => {
        const start = nthStart(anchor, interval, count * n);
        const end = nthStart(anchor, interval, count * (n + 1));
        for (const instant of [start, start + 1, end - 1]) {
          expect(periodAt(anchor, interval, instant, count)).toEqual({ start, end });
        }
      }),
      { numRuns: 2_000 },
    );
  });

  it('follows on itself from the anchor to any instant, without gap or overlap', () => {
    fc.assert(
      fc.property(
        hardAnchors,
        fc.constantFrom<Interval>('month', 'year'),
        counts,
        (anchor, interval, count) => {
          let period = periodAt(anchor, interval, anchor, count);
          expect(period.start).toBe(anchor);
          for (let n = 1; n <= 60; n += 1) {
            const next = periodAt(anchor, interval, period.end!, count);
            expect(next.start).toBe(period.end);
            expect(next.end).toBeGreaterThan(next.start);
            period = next;
          }
        },
      ),
    );
  });

  it('keeps the time of day, and the day or the month’s last', () => {
    fc.assert(
      fc.property(
        anchors,
        fc.constantFrom<Interval>('month', 'year'),
        offsets,
        (anchor, interval, offset) => {
          const start = new Date(periodAt(anchor, interval, anchor + offset).start);
          const first = new Date(anchor);
          const lastDay = new Date(Date.UTC(start.getUTCFullYear(), start.getUTCMonth() + 1, 0)).getUTCDate();
          expect(start.getTime() % 86_400_000).toBe(anchor % 86_400_000);
          expect(start.getUTCDate()).toBe(Math.min(first.getUTCDate(), lastDay));
        },
      ),
    );
  });

  it('comes back to the 31st after a short month', () => {
    const anchor = at('2026-01-31T10:00:00Z');
    const starts = ['2026-02-27', '2026-02-28', '2026-03-30', '2026-03-31', '2026-04-30'].map(
      (day) => days(periodAt(anchor, 'month', at(`${day}T12:00:00Z`)))[0],
    );
    expect(starts).toEqual(['2026-01-31', '2026-02-28', '2026-02-28', '2026-03-31', '2026-04-30']);
  });

  it.each([
    ['29th', '2026-01-29', '2026-02-28', '2026-03-29'],
    ['30th', '2026-01-30', '2026-02-28', '2026-03-30'],
    ['31st', '2026-01-31', '2026-02-28', '2026-03-31'],
  ])('clamps an anchor on the %s to February’s last day', (_day, anchor, start, end) => {
    expect(days(periodAt(at(anchor), 'month', at('2026-03-01')))).toEqual([start, end]);
  });

  it('uses the 29th of February in a leap year', () => {
    expect(days(periodAt(at('2028-01-31'), 'month', at('2028-02-29')))).toEqual(['2028-02-29', '2028-03-31']);
  });

  it('counts years from a leap day to the 28th, and back to the 29th', () => {
    const anchor = at('2028-02-29');
    expect(days(periodAt(anchor, 'year', at('2029-03-01')))).toEqual(['2029-02-28', '2030-02-28']);
    expect(days(periodAt(anchor, 'year', at('2032-03-01')))).toEqual(['2032-02-29', '2033-02-28']);
  });

  it('crosses the end of a year', () => {
    expect(days(periodAt(at('2026-11-30'), 'month', at('2027-01-05')))).toEqual(['2026-12-30', '2027-01-30']);
  });

  it('takes an interval several times', () => {
    const anchor = at('2026-01-31');
    expect(days(periodAt(anchor, 'month', at('2026-05-01'), 3))).toEqual(['2026-04-30', '2026-07-31']);
    expect(days(periodAt(anchor, 'week', at('2026-02-20'), 2))).toEqual(['2026-02-14', '2026-02-28']);
  });

  it('puts what lies before the anchor into period 0', () => {
    const anchor = at('2026-01-31T10:00:00Z');
    for (const early of [anchor, anchor - 1, at('0001-01-01T00:00:00Z'), -8.64e15]) {
      expect(periodAt(anchor, 'month', early).start).toBe(anchor);
    }
  });

  it('never ends for a limit that never resets', () => {
    expect(periodAt(at('2026-01-31'), 'never', at('2030-01-01'))).toEqual({
      start: at('2026-01-31'),
      end: null,
    });
  });
});

describe('daysUntil', () => {
  it('counts begun days', () => {
    const end = at('2026-02-10T00:00:00Z');
    expect([end - 1, end - 86_400_000, end - 86_400_001].map((now) => daysUntil(end, now))).toEqual([
      1, 1, 2,
    ]);
  });

  it('is never negative', () => {
    expect(daysUntil(0, 1)).toBe(0);
  });
});

/** `n` intervals after the anchor, by the calendar: the anchor's day, or the last one before it that the month has. */
function nthStart(anchor: number, interval: Interval, n: number): number {
  const first = new Date(anchor);
  const days = { day: 1, week: 7, month: 0, year: 0 }[interval] * n;
  const months = { day: 0, week: 0, month: 1, year: 12 }[interval] * n;
  for (let day = first.getUTCDate(); ; day -= 1) {
    const date = new Date(anchor);
    date.setUTCFullYear(first.getUTCFullYear(), first.getUTCMonth() + months, day);
    if (date.getUTCDate() === day) return date.getTime() + days * 86_400_000;
  }
}
