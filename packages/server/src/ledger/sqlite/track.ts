import type { Catalog } from '../../metering/catalog.ts';
import {
  decide,
  idempotencyId,
  resolve,
  type Origin,
  type Resolved,
  type UsageEvent,
  type Verdict,
} from '../../metering/decide.ts';
import type { Customer } from '../../metering/subscription.ts';
import { counterId, type Counter, type CounterKey } from '../../metering/usage.ts';
import { corrections, type SignedCommand } from '../audit-trail.ts';
import { newId } from '../ids.ts';
import { COUNTER_COLUMNS, EVENT_COLUMNS, fromCounter, fromEvent, toCounter, toEvent } from '../rows.ts';
import { saveAudit } from './audit.ts';
import type { Sqlite } from './database.ts';
import { memoryOf } from './memory.ts';
import { excluded, list, marks } from './sql.ts';

/** What tracking asks of the rest of the store, within its transaction. */
interface Plans {
  catalogOf: (tenantId: string) => Catalog;
  /** The customer, made on first sight where that may be. */
  ensureCustomer: (tenantId: string, externalId: string, now: number) => Customer | null;
}

type Track = (tenantId: string, commands: readonly SignedCommand[], now: number) => readonly Verdict[];

/** Tracks one batch in one transaction: load what it touches, decide, write what came of it. */
export function tracker(sqlite: Sqlite, { catalogOf, ensureCustomer }: Plans): Track {
  const memory = memoryOf(sqlite);

  return (tenantId, commands, now) => {
    const { verdicts, committed } = sqlite.write(() => {
      const { customers, counters } = memory.recall(tenantId);
      const recorded = new Map<string, UsageEvent | null>();
      const catalog = catalogOf(tenantId);
      const batch = commands.map((command) => {
        const { externalId } = command;
        const customer = customers.get(externalId) ?? ensureCustomer(tenantId, externalId, now);
        if (customer !== null) customers.set(externalId, customer);
        const resolved = resolve(command, customer, catalog, now);
        loadTouched(sqlite, tenantId, resolved, counters, recorded);
        return resolved;
      });
      const decision = decide(batch, { counters, recorded }, now, (prefix) => newId(prefix, now));
      saveEvents(sqlite, tenantId, decision.events);
      saveCounters(sqlite, tenantId, [...decision.counters.values()]);
      saveAudit(sqlite, tenantId, corrections(commands, decision.verdicts, now));
      for (const [id, counter] of decision.counters) counters.set(id, counter);
      return { verdicts: decision.verdicts, committed: memory.seal() };
    });
    committed();
    return verdicts;
  };
}

/** Loads what `decide` will ask for: the counter that a command charges, the event that holds its key. */
function loadTouched(
  sqlite: Sqlite,
  tenantId: string,
  { command, customer, target }: Resolved,
  counters: Map<string, Counter>,
  recorded: Map<string, UsageEvent | null>,
): void {
  const { idempotencyKey, origin } = command;
  if (customer !== null && idempotencyKey !== null) {
    const event = findRecorded(sqlite, tenantId, customer.id, origin, idempotencyKey);
    if (event !== undefined) recorded.set(idempotencyId(customer.id, origin, idempotencyKey), event);
  }
  if ('outcome' in target) return;
  const id = counterId(target.key);
  if (counters.has(id)) return;
  const counter = loadCounter(sqlite, tenantId, target.key);
  if (counter !== null) counters.set(id, counter);
}

/** The event that holds an idempotency key; `undefined` for a free one, `null` where a damaged store has lost it. */
export function findRecorded(
  sqlite: Sqlite,
  tenantId: string,
  customerId: string,
  origin: Origin,
  idempotencyKey: string,
): UsageEvent | null | undefined {
  const row = sqlite.get(SELECT_RECORDED, tenantId, customerId, origin, idempotencyKey);
  return row && (row['id'] === null ? null : toEvent(row));
}

export function loadCounter(sqlite: Sqlite, tenantId: string, key: CounterKey): Counter | null {
  const row = sqlite.get(SELECT_COUNTER, tenantId, key.customerId, key.feature, key.reset, key.periodStart);
  return row === undefined ? null : toCounter(row);
}

export function saveCounters(sqlite: Sqlite, tenantId: string, counters: readonly Counter[]): void {
  saveRows(sqlite, UPSERT_COUNTERS, tenantId, counters.map(fromCounter));
}

export function saveEvents(sqlite: Sqlite, tenantId: string, events: readonly UsageEvent[]): void {
  saveRows(sqlite, INSERT_EVENTS, tenantId, events.map(fromEvent));
  const keys = events.flatMap(({ customerId, origin, idempotencyKey, id, recordedAt }) =>
    idempotencyKey === null ? [] : [[customerId, origin, idempotencyKey, id, recordedAt]],
  );
  saveRows(sqlite, INSERT_KEYS, tenantId, keys);
}

/** A statement that writes one row of a tenant, and the same for {@link CHUNK_ROWS} of them. */
interface RowStatement {
  readonly one: string;
  readonly chunk: string;
}

/** Rows that one statement writes: a call of the driver costs 1.5 µs, as much as 6 values do. */
const CHUNK_ROWS = 16;

/** The tenant is the first column, and bound once. */
function rowStatement(table: string, columns: readonly string[], onConflict = ''): RowStatement {
  const into = `insert into ${table} (tenant_id, ${list(columns)}) values`;
  const row = `(?1, ${marks(columns)})`;
  const rows = Array<string>(CHUNK_ROWS).fill(row).join(', ');
  return { one: `${into} ${row} ${onConflict}`, chunk: `${into} ${rows} ${onConflict}` };
}

function saveRows(
  sqlite: Sqlite,
  { one, chunk }: RowStatement,
  tenantId: string,
  rows: readonly (readonly unknown[])[],
): void {
  let index = 0;
  for (; index + CHUNK_ROWS <= rows.length; index += CHUNK_ROWS) {
    const values: unknown[] = [tenantId];
    for (const row of rows.slice(index, index + CHUNK_ROWS)) values.push(...row);
    sqlite.run(chunk, ...values);
  }
  for (const row of rows.slice(index)) sqlite.run(one, tenantId, ...row);
}

const SELECT_COUNTER = `select ${list(COUNTER_COLUMNS)} from counter
  where tenant_id = ? and customer_id = ? and feature = ? and reset = ? and period_start = ?`;
const UPSERT_COUNTERS = rowStatement(
  'counter',
  COUNTER_COLUMNS,
  `on conflict (tenant_id, customer_id, feature, reset, period_start)
    do update set ${excluded(COUNTER_COLUMNS.slice(4))}`,
);
const SELECT_RECORDED = `select ${EVENT_COLUMNS.map((column) => `e."${column}"`).join(', ')}
  from idempotency i left join event e on e.tenant_id = i.tenant_id and e.id = i.event_id
    and e.customer_id = i.customer_id and e.origin = i.origin and e.idempotency_key = i.key
  where i.tenant_id = ? and i.customer_id = ? and i.origin = ? and i.key = ?`;
const INSERT_EVENTS = rowStatement('event', EVENT_COLUMNS);
const INSERT_KEYS = rowStatement('idempotency', ['customer_id', 'origin', 'key', 'event_id', 'recorded_at']);
