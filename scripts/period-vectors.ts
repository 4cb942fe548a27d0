import { daysUntil, periodAt, type Reset } from '../packages/server/src/metering/period.ts';

/** One line of the published vectors, in the words of the API. */
export interface PeriodVector {
  /** The start of the customer's first subscription: where period 0 begins. */
  readonly anchor: string;
  readonly reset: Reset;
  /** Intervals in one period. */
  readonly interval_count: number;
  /** The instant that is asked about. */
  readonly at: string;
  /** The first millisecond of the period that contains it. */
  readonly period_start: string;
  /** The first millisecond of the next one; `null` for a period that never ends. */
  readonly period_end: string | null;
  /** Whole days from `at` to `period_end`, begun days included. */
  readonly resets_in_days: number | null;
}

interface Series {
  readonly anchors: readonly string[];
  readonly lengths: readonly (readonly [reset: Reset, count: number])[];
}

/** Anchors on which calendars disagree, over the intervals that have to clamp them. */
const CALENDAR: Series = {
  anchors: [
    '2026-01-28T00:00:00.000Z',
    '2026-01-29T00:00:00.000Z',
    '2026-01-30T12:34:56.789Z',
    '2026-01-31T10:00:00.000Z',
    '2026-08-31T23:59:59.999Z',
    '2028-02-29T00:00:00.000Z',
    '2026-12-31T23:59:59.999Z',
    '2000-02-29T06:00:00.000Z',
    '1970-01-01T00:00:00.000Z',
  ],
  lengths: [
    ['month', 1],
    ['month', 3],
    ['month', 5],
    ['year', 1],
    ['year', 4],
  ],
};

/** Anchors in the hours that clocks in Berlin and New York skip or repeat: in UTC every day has 24 hours. */
const DAYS: Series = {
  anchors: [
    '2026-03-29T01:30:00.000Z',
    '2026-11-01T05:59:59.999Z',
    '2026-12-31T23:59:59.999Z',
    '2028-02-29T00:00:00.000Z',
  ],
  lengths: [
    ['day', 1],
    ['day', 10],
    ['week', 1],
    ['week', 2],
    ['never', 1],
  ],
};

/** Instants that every series is asked about: ends of February, of a year, of centuries and of a far future. */
const INSTANTS = [
  '2027-02-28T23:59:59.999Z',
  '2028-02-29T12:00:00.000Z',
  '2028-12-31T23:59:59.999Z',
  '2100-03-01T00:00:00.000Z',
  '2400-02-29T00:00:00.000Z',
  '9990-12-31T23:59:59.999Z',
];

/** The published vectors: what `periodAt` says, for other implementations to be held to. */
export function periodVectors(): PeriodVector[] {
  return [CALENDAR, DAYS].flatMap(({ anchors, lengths }) =>
    anchors.flatMap((anchor) =>
      lengths.flatMap(([reset, count]) =>
        instantsOf(Date.parse(anchor), reset, count).map((at) => vector(anchor, reset, count, at)),
      ),
    ),
  );
}

/** As JSON, a vector a line. */
export function periodVectorsJson(generatedBy: string): string {
  const lines = periodVectors().map((vector) => `    ${JSON.stringify(vector)}`);
  return `{\n  "$comment": ${JSON.stringify(generatedBy)},\n  "vectors": [\n${lines.join(',\n')}\n  ]\n}\n`;
}

/** Both sides of the first two boundaries, what lies before the anchor, and the instants that all are asked about. */
function instantsOf(anchor: number, reset: Reset, count: number): number[] {
  const first = periodAt(anchor, reset, anchor, count);
  const second = first.end === null ? first : periodAt(anchor, reset, first.end, count);
  const boundaries = [first.end, second.end].flatMap((end) => (end === null ? [] : [end - 1, end]));
  return [anchor - 1, anchor, ...boundaries, ...INSTANTS.map(Date.parse)];
}

function vector(anchor: string, reset: Reset, count: number, at: number): PeriodVector {
  const { start, end } = periodAt(Date.parse(anchor), reset, at, count);
  return {
    anchor,
    reset,
    interval_count: count,
    at: iso(at),
    period_start: iso(start),
    period_end: end === null ? null : iso(end),
    resets_in_days: end === null ? null : daysUntil(end, at),
  };
}

function iso(instant: number): string {
  return new Date(instant).toISOString();
}
