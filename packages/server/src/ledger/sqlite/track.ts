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
import type { Share } from '../group-commit.ts';
import { newId } from '../ids.ts';
import {
  COUNTER_COLUMNS,
  EVENT_COLUMNS,
  fromCounter,
  fromEvent,
  text,
  toCounter,
  toEvent,
  type Row,
} from '../rows.ts';
import { saveAudit } from './audit.ts';
import { inChunks, insertStatement, rowStatement, saveRows } from './chunks.ts';
import type { Sqlite } from './database.ts';
import { memoryOf, type Known } from './memory.ts';
import { excluded, list } from './sql.ts';

/** What tracking asks of the rest of the store, within its transaction. */
interface Plans {
  catalogOf: (tenantId: string) => Catalog;
  /** The customer, made on first sight where that may be. */
  ensureCustomer: (tenantId: string, externalId: string, now: number) => Customer | null;
}

type Track = (batch: readonly Share<SignedCommand>[], now: number) => readonly (readonly Verdict[])[];

/** Tracks one batch in one transaction: for each tenant, load what it touches, decide, write what came of it. */
export function tracker(sqlite: Sqlite, { catalogOf, ensureCustomer }: Plans): Track {
  const memory = memoryOf(sqlite);

  function trackShare({ tenantId, commands }: Share<SignedCommand>, known: Known, now: number) {
    const { customers, counters } = known;
    const catalog = catalogOf(tenantId);
    const batch = commands.map((command) => {
      const { externalId } = command;
      const customer = customers.get(externalId) ?? ensureCustomer(tenantId, externalId, now);
      if (customer !== null) customers.set(externalId, customer);
      const resolved = resolve(command, customer, catalog, now);
      if (!('outcome' in resolved.target)) recallCounter(sqlite, tenantId, resolved.target.key, counters);
      return resolved;
    });
    const recorded = loadRecorded(sqlite, tenantId, batch);
    const decision = decide(batch, { counters, recorded }, now, (prefix) => newId(prefix, now));
    saveEvents(sqlite, tenantId, decision.events);
    saveCounters(sqlite, tenantId, [...decision.counters.values()]);
    saveAudit(sqlite, tenantId, corrections(commands, decision.verdicts, now));
    for (const [id, counter] of decision.counters) counters.set(id, counter);
    return decision.verdicts;
  }

  return (batch, now) => {
    const { verdicts, committed } = sqlite.write(() => {
      const knownOf = memory.recall();
      const verdicts = batch.map((share) => trackShare(share, knownOf(share.tenantId), now));
      return { verdicts, committed: memory.seal() };
    });
    committed();
    return verdicts;
  };
}

/** A counter, loaded where it is not known already. */
export function recallCounter(
  sqlite: Sqlite,
  tenantId: string,
  key: CounterKey,
  known: Map<string, Counter>,
): Counter | null {
  const id = counterId(key);
  const counter = known.get(id) ?? loadCounter(sqlite, tenantId, key);
  if (counter !== null) known.set(id, counter);
  return counter;
}

/** The events that already hold a batch's idempotency keys, by {@link idempotencyId}. */
function loadRecorded(
  sqlite: Sqlite,
  tenantId: string,
  batch: readonly Resolved[],
): Map<string, UsageEvent | null> {
  const keys = batch.flatMap(({ command: { idempotencyKey }, customer }) =>
    idempotencyKey === null || customer === null ? [] : [[idempotencyKey, customer.id]],
  );
  const recorded = new Map<string, UsageEvent | null>();
  for (const row of recordedRows(sqlite, tenantId, keys)) {
    const id = idempotencyId(
      text(row, 'holder'),
      text(row, 'holder_origin') as Origin,
      text(row, 'holder_key'),
    );
    recorded.set(id, row['id'] === null ? null : toEvent(row));
  }
  return recorded;
}

/** @param keys each with the customer whose it is. */
function recordedRows(sqlite: Sqlite, tenantId: string, keys: readonly string[][]): Row[] {
  return [...inChunks(SELECT_RECORDED, [tenantId], keys)].flatMap(([select, values]) =>
    sqlite.all(select, ...values),
  );
}

/** The event that holds an idempotency key; `undefined` for a free one, `null` where a damaged store has lost it. */
export function findRecorded(
  sqlite: Sqlite,
  tenantId: string,
  customerId: string,
  origin: Origin,
  idempotencyKey: string,
): UsageEvent | null | undefined {
  const row = recordedRows(sqlite, tenantId, [[idempotencyKey, customerId]]).find(
    (found) => found['holder_origin'] === origin,
  );
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

const SELECT_COUNTER = `select ${list(COUNTER_COLUMNS)} from counter
  where tenant_id = ? and customer_id = ? and feature = ? and reset = ? and period_start = ?`;
const UPSERT_COUNTERS = insertStatement(
  'counter',
  COUNTER_COLUMNS,
  ['feature', 'reset'],
  `on conflict (tenant_id, customer_id, feature, reset, period_start)
    do update set ${excluded(COUNTER_COLUMNS.slice(4))}`,
);
/** Both origins of a key, as one more value to bind costs more than the second row does. */
const SELECT_RECORDED = rowStatement(
  (rows) => `select i.customer_id as holder, i.origin as holder_origin, i.key as holder_key,
    ${EVENT_COLUMNS.map((column) => `e."${column}"`).join(', ')}
  from idempotency i left join event e on e.tenant_id = i.tenant_id and e.id = i.event_id
    and e.customer_id = i.customer_id and e.origin = i.origin and e.idempotency_key = i.key
  where i.tenant_id = ?1 and (i.key, i.customer_id) in (values ${rows})`,
  '(?, ?)',
);
const INSERT_EVENTS = insertStatement('event', EVENT_COLUMNS, [
  'feature',
  'reset',
  'action',
  'decimals',
  'limit',
  'recorded_at',
  'occurred_at',
  'timestamp',
  'origin',
  'metadata',
]);
const INSERT_KEYS = insertStatement(
  'idempotency',
  ['customer_id', 'origin', 'key', 'event_id', 'recorded_at'],
  ['origin', 'recorded_at'],
);
