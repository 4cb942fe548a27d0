import type { Catalog } from '../../metering/catalog.ts';
import {
  decide,
  idempotencyId,
  resolve,
  type Origin,
  type Resolved,
  type TrackCommand,
  type UsageEvent,
  type Verdict,
} from '../../metering/decide.ts';
import type { Customer } from '../../metering/subscription.ts';
import { counterId, type Counter, type CounterKey } from '../../metering/usage.ts';
import { newId } from '../ids.ts';
import { COUNTER_COLUMNS, EVENT_COLUMNS, fromCounter, fromEvent, toCounter, toEvent } from '../rows.ts';
import type { Sqlite } from './database.ts';
import { excluded, list, marks } from './sql.ts';

/** The write transaction in which a batch of one tenant is tracked. */
export interface Turn {
  readonly sqlite: Sqlite;
  readonly tenantId: string;
  readonly catalog: Catalog;
  /** The customer, made on first sight where there is a default product to put them on. */
  readonly customerOf: (externalId: string) => Customer | null;
  readonly now: number;
}

/** Tracks one batch: load what it touches, decide, write what came of it. */
export function track(turn: Turn, commands: readonly TrackCommand[]): readonly Verdict[] {
  const { sqlite, tenantId, catalog, customerOf, now } = turn;
  const customers = new Map<string, Customer | null>();
  const counters = new Map<string, Counter>();
  const recorded = new Map<string, UsageEvent>();
  const batch = commands.map((command) => {
    let customer = customers.get(command.externalId);
    if (customer === undefined) {
      customer = customerOf(command.externalId);
      customers.set(command.externalId, customer);
    }
    const resolved = resolve(command, customer, catalog, now);
    loadTouched(turn, resolved, counters, recorded);
    return resolved;
  });
  const decision = decide(batch, { counters, recorded }, now, (prefix) => newId(prefix, now));
  saveEvents(sqlite, tenantId, decision.events);
  for (const counter of decision.counters.values()) saveCounter(sqlite, tenantId, counter);
  return decision.verdicts;
}

/** Loads what `decide` will ask for: the counter that a command charges, the event that holds its key. */
function loadTouched(
  { sqlite, tenantId }: Turn,
  { command, customer, target }: Resolved,
  counters: Map<string, Counter>,
  recorded: Map<string, UsageEvent>,
): void {
  const { idempotencyKey, origin } = command;
  if (customer !== null && idempotencyKey !== null) {
    const event = findRecorded(sqlite, tenantId, customer.id, origin, idempotencyKey);
    if (event !== null) recorded.set(idempotencyId(customer.id, origin, idempotencyKey), event);
  }
  if ('outcome' in target || counters.has(counterId(target.key))) return;
  const counter = loadCounter(sqlite, tenantId, target.key);
  if (counter !== null) counters.set(counterId(target.key), counter);
}

/** The event that holds an idempotency key. */
export function findRecorded(
  sqlite: Sqlite,
  tenantId: string,
  customerId: string,
  origin: Origin,
  idempotencyKey: string,
): UsageEvent | null {
  const row = sqlite.get(SELECT_RECORDED, tenantId, customerId, origin, idempotencyKey);
  return row === undefined ? null : toEvent(row);
}

export function loadCounter(sqlite: Sqlite, tenantId: string, key: CounterKey): Counter | null {
  const row = sqlite.get(SELECT_COUNTER, tenantId, key.customerId, key.feature, key.reset, key.periodStart);
  return row === undefined ? null : toCounter(row);
}

export function saveCounter(sqlite: Sqlite, tenantId: string, counter: Counter): void {
  sqlite.run(UPSERT_COUNTER, tenantId, ...fromCounter(counter));
}

export function saveEvents(sqlite: Sqlite, tenantId: string, events: readonly UsageEvent[]): void {
  for (const event of events) {
    sqlite.run(INSERT_EVENT, tenantId, ...fromEvent(event));
    if (event.idempotencyKey === null) continue;
    sqlite.run(
      INSERT_IDEMPOTENCY,
      tenantId,
      event.customerId,
      event.origin,
      event.idempotencyKey,
      event.id,
      event.recordedAt,
    );
  }
}

const SELECT_COUNTER = `select ${list(COUNTER_COLUMNS)} from counter
  where tenant_id = ? and customer_id = ? and feature = ? and reset = ? and period_start = ?`;
const UPSERT_COUNTER = `insert into counter (tenant_id, ${list(COUNTER_COLUMNS)}) values (?, ${marks(COUNTER_COLUMNS)})
  on conflict (tenant_id, customer_id, feature, reset, period_start) do update set ${excluded(COUNTER_COLUMNS.slice(4))}`;
const SELECT_RECORDED = `select ${EVENT_COLUMNS.map((column) => `e."${column}"`).join(', ')}
  from idempotency i join event e on e.tenant_id = i.tenant_id and e.id = i.event_id
  where i.tenant_id = ? and i.customer_id = ? and i.origin = ? and i.key = ?`;
const INSERT_EVENT = `insert into event (tenant_id, ${list(EVENT_COLUMNS)}) values (?, ${marks(EVENT_COLUMNS)})`;
const INSERT_IDEMPOTENCY = `insert into idempotency (tenant_id, customer_id, origin, key, event_id, recorded_at)
  values (?, ?, ?, ?, ?, ?)`;
