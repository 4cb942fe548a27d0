import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Part, TableName } from '../packages/server/dist/ledger/export-file.js';
import type { Row } from '../packages/server/dist/ledger/rows.js';
import { sqliteParts } from '../packages/server/dist/ledger/sqlite/move.js';
import { openSqliteLedger } from '../packages/server/dist/ledger/sqlite/sqlite-ledger.js';
import { newIdempotencyKey } from '../src/client/idempotency.ts';
import { eventOf, prepare } from './ledger-load.ts';

/** What a store holds after weeks of use, in the parts that a store is filled with. */

export interface Contents {
  readonly customers: number;
  /** As many for each customer, and a multiple of 8. */
  readonly events: number;
  /** In the order of time, as the clients make them, or in none. */
  readonly keys: 'ordered' | 'random';
}

/** Less than a month, so that every event is of the present period. */
const SPAN_MS = 27 * 86_400_000;
const PART_ROWS = 10_000;
/** Random keys come in so many runs through all of them, so that the index has grown everywhere, and has gaps. */
const RUNS = 8;

export function customerAt(index: number): string {
  return `customer_${String(index).padStart(8, '0')}`;
}

/** The parts of such a store. @param progress told how many rows have been taken, of how many */
export async function fullStore(
  contents: Contents,
  progress: (rows: number, of: number) => void,
): Promise<Iterable<Part>> {
  const began = Date.now() - SPAN_MS;
  return partsOf(await oneOfEach(began), began, contents, progress);
}

/** The tables of a store that the ledger has written one event to. */
async function oneOfEach(now: number): Promise<readonly Part[]> {
  const folder = mkdtempSync(join(tmpdir(), 'billingos-bench-'));
  try {
    const path = join(folder, 'billingos.db');
    const ledger = await openSqliteLedger(path, () => now);
    await prepare(ledger, [eventOf(customerAt(0), newIdempotencyKey(now))], now);
    await ledger.close();
    // Of a table's parts the last has its row.
    return [...new Map([...sqliteParts(path)].map((part) => [part.table, part])).values()];
  } finally {
    rmSync(folder, { recursive: true });
  }
}

function* partsOf(
  tables: readonly Part[],
  began: number,
  { customers, events, keys }: Contents,
  progress: (rows: number, of: number) => void,
): Generator<Part> {
  const id = (prefix: string, at: number, index: number): string =>
    `${prefix}_${hex(at, 12)}${hex(index, 20)}`;
  const ofCustomer = (index: number): string => id('cus', began, index);
  const recordedAt = (event: number): number => began + Math.floor((event / events) * SPAN_MS);
  // Where an event's key stands among all, and whose key stands there.
  const places = Uint32Array.from({ length: events }, (_, event) => event);
  if (keys === 'random') shuffle(places);
  const holders = new Uint32Array(events);
  places.forEach((place, event) => (holders[place] = event));
  const keyOf = (event: number): string =>
    keys === 'ordered'
      ? uuid(recordedAt(event), 7, event)
      : uuid(Math.floor(((places[event] ?? 0) / events) * 2 ** 48), 4, event);
  const runs = keys === 'ordered' ? 1 : RUNS;
  const placeAt = (index: number): number => ((index * runs) % events) + Math.floor((index * runs) / events);

  const rows: Partial<Record<TableName, [count: number, changes: (index: number) => Row]>> = {
    customer: [customers, (index) => ({ id: ofCustomer(index), external_id: customerAt(index) })],
    subscription: [customers, (index) => ({ id: id('sub', began, index), customer_id: ofCustomer(index) })],
    counter: [
      customers,
      (index) => ({
        customer_id: ofCustomer(index),
        consumed: BigInt(events / customers),
        sequence: BigInt(events / customers),
      }),
    ],
    event: [
      events,
      (event) => {
        const sequence = BigInt(Math.floor(event / customers) + 1);
        return {
          id: id('evt', recordedAt(event), event),
          customer_id: ofCustomer(event % customers),
          sequence,
          consumed: sequence,
          recorded_at: BigInt(recordedAt(event)),
          idempotency_key: keyOf(event),
        };
      },
    ],
    idempotency: [
      events,
      (index) => {
        const event = holders[placeAt(index)] ?? 0;
        return {
          key: keyOf(event),
          customer_id: ofCustomer(event % customers),
          event_id: id('evt', recordedAt(event), event),
          recorded_at: BigInt(recordedAt(event)),
        };
      },
    ],
  };
  const total = 3 * customers + 2 * events;
  let done = 0;
  for (const part of tables) {
    const [count, changes] = rows[part.table] ?? [];
    const [like] = part.rows;
    if (count === undefined || changes === undefined || like === undefined) {
      yield part;
      continue;
    }
    for (let start = 0; start < count; start += PART_ROWS) {
      const length = Math.min(PART_ROWS, count - start);
      yield { ...part, rows: Array.from({ length }, (_, index) => ({ ...like, ...changes(start + index) })) };
      progress((done += length), total);
    }
  }
}

/** Fisher and Yates's. */
function shuffle(values: Uint32Array): void {
  for (let last = values.length - 1; last > 0; last -= 1) {
    const other = Math.floor(Math.random() * (last + 1));
    [values[last], values[other]] = [values[other] ?? 0, values[last] ?? 0];
  }
}

/** As long as any, in the order of its first 48 bits. */
function uuid(first: number, version: 4 | 7, last: number): string {
  const start = hex(first, 12);
  return `${start.slice(0, 8)}-${start.slice(8)}-${version}000-8000-${hex(last, 12)}`;
}

function hex(value: number, digits: number): string {
  return value.toString(16).padStart(digits, '0');
}
