import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Row } from './rows.ts';
import { DIFFERENCES_KEPT_MAX, PROGRESS_EVENTS, verificationFold } from './verify.ts';

const NAME = { tenant_id: 'ten', customer_id: 'cus', feature: 'calls', reset: 'month', period_start: 0n };

function counter(consumed: bigint, sequence: number, name: Partial<typeof NAME> = {}): Row {
  const nothing = { event_id: null, action: null, quantity: null, consumed: null, key: null, kept_for: null };
  return { ...NAME, ...name, kind: 0n, sequence: BigInt(sequence), amount: consumed, ...nothing };
}

/** An `add`, after which so much is consumed. */
function event(delta: bigint, sequence: number, consumed: bigint, name: Partial<typeof NAME> = {}): Row {
  const id = {
    event_id: `evt_${sequence}`,
    action: 'add',
    quantity: delta,
    consumed,
    key: null,
    kept_for: null,
  };
  return { ...NAME, ...name, kind: 1n, sequence: BigInt(sequence), amount: delta, ...id };
}

function verify(rows: readonly Row[]) {
  const fold = verificationFold(rows.length, () => undefined);
  for (const row of rows) fold.take(row);
  return fold.end();
}

/** Counters with their events as a ledger would have written them. */
const ledgers = fc
  .array(fc.array(fc.bigInt({ min: 0n, max: 2n ** 40n }), { minLength: 1, maxLength: 5 }), {
    minLength: 1,
    maxLength: 6,
  })
  .map((counters) =>
    counters.flatMap((deltas, index) => {
      const name = { customer_id: `cus_${index}` };
      let consumed = 0n;
      const events = deltas.map((delta, at) => event(delta, at + 1, (consumed += delta), name));
      return [counter(consumed, deltas.length, name), ...events];
    }),
  );

describe('a verification', () => {
  it('finds nothing in what a ledger wrote', () => {
    fc.assert(
      fc.property(ledgers, (rows) => {
        expect(verify(rows).differences).toEqual([]);
      }),
    );
  });

  it('misses no row that is gone', () => {
    fc.assert(
      fc.property(ledgers, fc.nat(), (rows, lost) => {
        expect(
          verify(rows.filter((_, index) => index !== lost % rows.length)).differencesTotal,
        ).toBeGreaterThan(0);
      }),
    );
  });

  it.each(['amount', 'quantity', 'consumed'])('misses no %s that was changed', (column) => {
    fc.assert(
      fc.property(ledgers, fc.nat(), (rows, changed) => {
        const holders = rows.filter((row) => row[column] !== null);
        const one = holders[changed % holders.length]!;
        const rest = rows.map((row) =>
          row === one ? { ...row, [column]: (row[column] as bigint) + 1n } : row,
        );
        expect(verify(rest).differencesTotal).toBeGreaterThan(0);
      }),
    );
  });

  it('has nothing against a counter that was made for an event which was refused', () => {
    expect(verify([counter(0n, 0)])).toEqual({
      events: 0,
      counters: 1,
      differencesTotal: 0,
      differences: [],
    });
  });

  it.each(['tenant_id', 'customer_id', 'feature', 'reset'] as const)(
    'keeps counters apart by %s',
    (column) => {
      const other = { [column]: 'other' };
      const rows = [counter(1n, 1), event(1n, 1, 1n), counter(2n, 1, other), event(2n, 1, 2n, other)];
      expect(verify(rows)).toMatchObject({ counters: 2, differencesTotal: 0 });
    },
  );

  it('counts all differences, and keeps the first ones', () => {
    const rows = Array.from({ length: DIFFERENCES_KEPT_MAX + 5 }, (_, index) =>
      counter(1n, 1, { customer_id: `cus_${index}` }),
    );
    const { differencesTotal, differences } = verify(rows);
    expect([differencesTotal, differences.length]).toEqual([DIFFERENCES_KEPT_MAX + 5, DIFFERENCES_KEPT_MAX]);
  });

  it('tells how far it is', () => {
    const told: [number, number][] = [];
    const fold = verificationFold(PROGRESS_EVENTS, (events, of) => told.push([events, of]));
    for (let sequence = 1; sequence <= PROGRESS_EVENTS; sequence += 1)
      fold.take(event(1n, sequence, BigInt(sequence)));
    fold.end();
    expect(told).toEqual([
      [0, PROGRESS_EVENTS],
      [PROGRESS_EVENTS, PROGRESS_EVENTS],
    ]);
  });
});
