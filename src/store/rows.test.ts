import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  compareRows,
  mergeReading,
  mergeRow,
  NO_ROWS,
  rowAfterRecorded,
  rowAfterRefused,
  rowWithConsumed,
  toUsageMetric,
  type Rows,
} from './rows.ts';
import { recorded, wireRow } from './testing/fake-client.ts';
import type { UsageMetric } from './types.ts';

const row = (facts: Parameters<typeof wireRow>[0] = {}) => toUsageMetric(wireRow(facts));
const rowsOf = (...rows: UsageMetric[]): Rows => mergeReading(NO_ROWS, rows);

/** Rows of two features, in any order, from a few plans, periods and readings. */
const history = fc.array(
  fc
    .record({
      feature_key: fc.constantFrom('api_calls', 'emails'),
      revision: fc.nat({ max: 2 }),
      month: fc.integer({ min: 1, max: 3 }),
      sequence: fc.nat({ max: 5 }),
      second: fc.nat({ max: 9 }),
    })
    .map(({ month, second, ...rest }) =>
      row({
        ...rest,
        period_start: `2026-0${month}-01T00:00:00.000Z`,
        as_of: `2026-03-01T00:00:0${second}.000Z`,
        // What a row says follows from its place in the order.
        consumed: rest.revision * 1_000 + month * 100 + rest.sequence * 10,
      }),
    ),
  { minLength: 1, maxLength: 12 },
);
const FIRST = rowsOf(
  ...['api_calls', 'emails'].map((feature_key) =>
    row({ feature_key, revision: 0, sequence: 0, period_start: '' }),
  ),
);

describe('merging rows', () => {
  it('ends at the newest row of each feature in whatever order they arrive', () => {
    fc.assert(
      fc.property(
        history.chain((rows) =>
          fc.tuple(fc.constant(rows), fc.shuffledSubarray(rows, { minLength: rows.length })),
        ),
        ([rows, shuffled]) => {
          const facts = (list: UsageMetric[]) => [...list.reduce(mergeRow, FIRST).values()];
          expect(facts(shuffled)).toEqual(facts(rows));
        },
      ),
    );
  });

  it('never lets a feature go backwards', () => {
    fc.assert(
      fc.property(history, (rows) => {
        let state = FIRST;
        for (const next of rows) {
          const merged = mergeRow(state, next);
          for (const [key, known] of state)
            expect(compareRows(merged.get(key)!, known)).toBeGreaterThanOrEqual(0);
          state = merged;
        }
      }),
    );
  });

  it('keeps the identity of everything that does not change', () => {
    const rows = rowsOf(row(), row({ feature_key: 'emails' }));
    expect(mergeRow(rows, row())).toBe(rows);
    expect(mergeReading(rows, [row(), row({ feature_key: 'emails' })])).toBe(rows);
    expect(mergeRow(rows, row({ sequence: 11 })).get('emails')).toBe(rows.get('emails'));
  });

  it('takes a new period although its sequence begins anew', () => {
    const rows = rowsOf(row({ sequence: 900 }));
    const next = row({ sequence: 1, consumed: 1, period_start: '2026-03-01T00:00:00.000Z' });
    expect(mergeRow(rows, next).get('api_calls')).toBe(next);
  });

  it('takes an upgrade although nothing was consumed since', () => {
    const rows = rowsOf(row({ limit: 100 }));
    expect(mergeRow(rows, row({ limit: 1_000, revision: 2 })).get('api_calls')?.limit).toBe(1_000);
  });

  it('takes the later of two readings of the same state', () => {
    const rows = rowsOf(row({ resets_in_days: 26 }));
    const later = row({ resets_in_days: 25, as_of: '2026-02-04T00:00:00.000Z' });
    expect(mergeRow(rows, later).get('api_calls')).toBe(later);
    expect(mergeRow(mergeRow(rows, later), row()).get('api_calls')).toBe(later);
  });

  it('follows a reading in what there is and in which order', () => {
    const rows = rowsOf(row({ feature_key: 'a' }), row({ feature_key: 'b' }));
    const merged = mergeReading(rows, [row({ feature_key: 'c' }), row({ feature_key: 'a' })]);
    expect([...merged.keys()]).toEqual(['c', 'a']);
  });

  it('does not bring a feature of a former plan back', () => {
    const rows = rowsOf(row({ revision: 2 }));
    expect(mergeReading(rows, [row({ feature_key: 'old', revision: 1 })])).toBe(rows);
    expect(mergeRow(rows, row({ feature_key: 'old', revision: 1 }))).toBe(rows);
  });
});

describe('toUsageMetric', () => {
  it('says unlimited as Infinity', () => {
    expect(row({ limit: null, remaining: null, status: 'unlimited' })).toMatchObject({
      limit: Infinity,
      remaining: Infinity,
    });
  });
});

describe('rowWithConsumed', () => {
  it.each([
    [0, 'ok', 0],
    [79, 'ok', 79],
    [80, 'warning', 80],
    [94, 'warning', 94],
    [95, 'critical', 95],
    [99, 'critical', 99],
    [100, 'exceeded', 100],
    [130, 'exceeded', 130],
  ])('at %i of 100 is %s', (consumed, status, percentage_used) => {
    expect(rowWithConsumed(row(), consumed)).toMatchObject({
      consumed,
      remaining: Math.max(0, 100 - consumed),
      overage: Math.max(0, consumed - 100),
      percentage_used,
      status,
    });
  });

  it('is full with a limit of nothing', () => {
    expect(rowWithConsumed(row({ limit: 0 }), 0)).toMatchObject({ percentage_used: 100, status: 'exceeded' });
  });

  it('stays unlimited', () => {
    const next = rowWithConsumed(row({ limit: null, percentage_used: 0, status: 'unlimited' }), 5);
    expect(next).toMatchObject({ consumed: 5, remaining: Infinity, percentage_used: 0, status: 'unlimited' });
  });

  it('calculates in the decimals of the feature', () => {
    const next = rowWithConsumed(row({ decimals: 2, limit: 1 }), 0.1 + 0.2);
    expect(next).toMatchObject({ consumed: 0.3, remaining: 0.7, percentage_used: 30 });
  });
});

describe('rowAfterRecorded', () => {
  it('takes its place in the order from the answer', () => {
    expect(rowAfterRecorded(row(), recorded(96))).toMatchObject({
      consumed: 96,
      remaining: 4,
      sequence: 96,
      status: 'critical',
      as_of: '2026-02-03T00:00:01.000Z',
      resets_in_days: 26,
    });
  });
});

describe('rowAfterRefused', () => {
  const { usage } = recorded(99);

  it('learns how much is used', () => {
    expect(rowAfterRefused(row(), usage)).toMatchObject({ consumed: 99, status: 'critical', sequence: 10 });
  });

  it('does not go back to what an older refusal says', () => {
    const known = row({ consumed: 100 });
    expect(rowAfterRefused(known, usage)).toBe(known);
  });

  it('moves on to a new period', () => {
    const next = { ...usage, consumed_units: 0, period_start: '2026-03-01T00:00:00.000Z' };
    expect(rowAfterRefused(row(), next).consumed).toBe(0);
  });
});
