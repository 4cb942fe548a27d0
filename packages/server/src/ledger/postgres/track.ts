import { DatabaseError } from 'pg';
import {
  decide,
  idempotencyId,
  resolve,
  type Origin,
  type Resolved,
  type UsageEvent,
  type Verdict,
} from '../../metering/decide.ts';
import { counterId, type Counter, type CounterKey } from '../../metering/usage.ts';
import { corrections, type SignedCommand } from '../audit-trail.ts';
import { newId } from '../ids.ts';
import { LedgerUnavailableError } from '../ledger.ts';
import {
  COUNTER_COLUMNS,
  EVENT_COLUMNS,
  fromCounter,
  fromEvent,
  number,
  text,
  toCounter,
  toEvent,
} from '../rows.ts';
import { saveAudit } from './audit.ts';
import type { Catalogs } from './catalogs.ts';
import { ensureStandings, holdStandings, type Standings } from './customers.ts';
import type { Database, Transaction } from './database.ts';
import type { KnownStandings } from './known-standings.ts';
import { listOf, tableOf, toArrays } from './sql.ts';

/**
 * One batch of one tenant, in one transaction, beside any number of other processes doing the same:
 *
 *   recall     customers and catalog, or read them; resolve each command to its counter
 *   lock       the counters, in key order ──one is missing──▶ roll back; next time make them first
 *   verify     that plans and catalog are still those seen ──no──▶ roll back; read again
 *   decide     on the locked counters and the keys recorded so far
 *   write      events, keys, counters ──a key was taken meanwhile──▶ nothing is written; read again
 *   commit
 *
 * Locks and verification are sent together, with the beginning of the transaction, and so are write and commit: two
 * round trips in the place of five.
 * Every process takes its locks in this order and each kind in key order: counters, idempotency keys. So none waits
 * for one that waits for it. Plans and catalog are shared, by a batch that holds them, before or between these; who
 * changes them locks nothing that a batch does.
 */
export async function track(
  database: Database,
  catalogs: Catalogs,
  known: KnownStandings,
  tenantId: string,
  commands: readonly SignedCommand[],
  clock: () => number,
): Promise<readonly Verdict[]> {
  const externalIds = [...new Set(commands.map(({ externalId }) => externalId))];
  let makesCounters = false;
  for (let turn = 1; turn <= TURNS_MAX; turn += 1) {
    const now = clock();
    const seen = await known.recall(tenantId, externalIds, (unknown) =>
      ensureStandings(database, catalogs, tenantId, unknown, now),
    );
    const outcome = await database.transaction(async (transaction) => {
      const holds = makesCounters || turn >= HOLDING_FROM_TURN;
      const standings = holds ? await holdStandings(transaction, catalogs, tenantId, externalIds) : seen;
      const batch = commands.map((command) =>
        resolve(command, standings.customers.get(command.externalId) ?? null, standings.catalog, now),
      );
      return runTurn({ transaction, catalogs, tenantId, standings, batch, makesCounters, now });
    });
    if ('verdicts' in outcome) return outcome.verdicts;
    if (outcome.again === 'outdated') known.forget(tenantId);
    makesCounters ||= outcome.again === 'counters';
  }
  throw new LedgerUnavailableError(`The batch met ${TURNS_MAX} changes made by others; send it again`);
}

/** How often a batch starts over. Each time somebody else's commit got in between, so others make progress. */
const TURNS_MAX = 20;

/**
 * From this turn on a batch keeps plans and catalog from changing under it, where they change faster than it can
 * be decided. Not from the first: two processes that share a row write to it, and every batch shares its tenant's
 * catalog. One that makes counters does so, too: a deletion locks those that are there, and must miss none.
 */
const HOLDING_FROM_TURN = 3;

interface Turn {
  readonly transaction: Transaction;
  readonly catalogs: Catalogs;
  readonly tenantId: string;
  readonly standings: Standings;
  readonly batch: readonly Resolved[];
  /** A turn before did not find a counter: this one makes what it does not find. */
  readonly makesCounters: boolean;
  readonly now: number;
}

/** What a turn came to: verdicts, or another turn, because a counter was missing or what was read is outdated. */
type Outcome = { verdicts: readonly Verdict[] } | { again: 'counters' | 'outdated' };

async function runTurn(turn: Turn): Promise<Outcome> {
  const { transaction, catalogs, tenantId, batch, now } = turn;
  const startOver = async (again: 'counters' | 'outdated'): Promise<Outcome> => {
    await transaction.rollback();
    return { again };
  };

  const keys = chargedKeys(batch);
  const [counters, seen] = await Promise.all([lockCounters(turn, keys), verify(turn)]);
  if (counters.size < keys.length) return startOver('counters');

  // A catalog may redefine a feature until it is first counted: whoever counts it first holds the catalog.
  const countsFirst = [...counters.values()].some(({ sequence }) => sequence === 0);
  if (countsFirst) await catalogs.hold(transaction, tenantId);
  const recorded = countsFirst ? await verify(turn) : seen;
  if (recorded === null) return startOver('outdated');

  const decision = decide(batch, { counters, recorded }, now, (prefix) => newId(prefix, now));
  const { verdicts, events } = decision;
  if (events.length === 0) {
    await transaction.rollback();
    return { verdicts };
  }
  const commands = batch.map(({ command }) => command);
  await saveAudit(transaction, tenantId, corrections(commands, verdicts, now));
  try {
    await transaction.commitWith(WRITE, ...written(tenantId, events, [...decision.counters.values()]));
  } catch (error) {
    if (isTakenKey(error)) return { again: 'outdated' };
    throw error;
  }
  return { verdicts };
}

function chargedKeys(batch: readonly Resolved[]): CounterKey[] {
  const keys = new Map<string, CounterKey>();
  for (const { target } of batch) if (!('outcome' in target)) keys.set(counterId(target.key), target.key);
  return [...keys.values()];
}

/**
 * Locks counters until the transaction ends. All of them are made, where any may be missing, before the first is
 * locked: between making and locking there is no order in which two batches could wait for each other.
 */
export async function lockCounters(
  { transaction, tenantId, makesCounters }: Pick<Turn, 'transaction' | 'tenantId' | 'makesCounters'>,
  keys: readonly CounterKey[],
): Promise<Map<string, Counter>> {
  if (keys.length === 0) return new Map();
  const arrays = toArrays(KEY_COLUMNS, keys.map(fromKey));
  if (makesCounters) await transaction.query(INSERT_COUNTERS, tenantId, ...arrays);
  const rows = await transaction.queryAhead(LOCK_COUNTERS, tenantId, ...arrays);
  return new Map(rows.map(toCounter).map((counter) => [counterId(counter), counter]));
}

/**
 * Reads what the locks now protect: which of the batch's keys are used already. `null` when a plan or the catalog
 * has changed since they were read, and the batch must be resolved anew.
 */
async function verify({
  transaction,
  tenantId,
  standings,
  batch,
}: Turn): Promise<Map<string, UsageEvent | null> | null> {
  const { catalog } = standings;
  const customers = [...standings.customers.values()];
  const rows = await transaction.queryAhead(
    VERIFY,
    tenantId,
    customers.map(({ id }) => id),
    ...toArrays(SCOPE_COLUMNS, batch.flatMap(scopeOf)),
  );
  const [first] = rows;
  if (first === undefined || number(first, 'catalog_revision') !== catalog.revision) return null;
  if (number(first, 'customers') !== customers.length) return null;
  const revisions = customers.reduce((sum, { revision }) => sum + revision, 0);
  if (number(first, 'revisions') !== revisions) return null;
  const used = rows.filter((row) => row['used_key'] !== null);
  return new Map(
    used.map((row) => [
      idempotencyId(text(row, 'used_by'), text(row, 'used_origin') as Origin, text(row, 'used_key')),
      row['id'] === null ? null : toEvent(row),
    ]),
  );
}

/** Writes events without keys, and their counters. */
export async function write(
  { transaction, tenantId }: Pick<Turn, 'transaction' | 'tenantId'>,
  events: readonly UsageEvent[],
  counters: readonly Counter[],
): Promise<void> {
  await transaction.query(WRITE, ...written(tenantId, events, counters));
}

/** What {@link WRITE} is asked with. */
function written(tenantId: string, events: readonly UsageEvent[], counters: readonly Counter[]): string[] {
  return [
    tenantId,
    ...toArrays(EVENT_COLUMNS, events.map(fromEvent)),
    ...toArrays(COUNTER_COLUMNS, counters.map(fromCounter)),
  ];
}

/** Whether another process has used a key of the batch since the keys were read. */
function isTakenKey(error: unknown): boolean {
  return error instanceof DatabaseError && error.code === '23505' && error.table === 'idempotency';
}

const KEY_COLUMNS = COUNTER_COLUMNS.slice(0, 4);
const SCOPE_COLUMNS = ['customer_id', 'origin', 'idempotency_key'];

function fromKey({ customerId, feature, reset, periodStart }: CounterKey) {
  return [customerId, feature, reset, BigInt(periodStart)];
}

function scopeOf({ command, customer }: Resolved): string[][] {
  const { origin, idempotencyKey } = command;
  return customer === null || idempotencyKey === null ? [] : [[customer.id, origin, idempotencyKey]];
}

/*
 * Every statement below finds its rows by their whole key, one by one, and is written so that no other plan exists:
 * `lateral … limit 1` cannot become a join over a tenant's whole table, nor can `on conflict`. Plans are kept for
 * as long as a connection lives; those of plain joins, made while the tables were small and never analyzed, were
 * measured at 600 events/s where these reach 16 000.
 */

const INSERT_COUNTERS = {
  name: 'counters_insert',
  text: `insert into counter (tenant_id, ${listOf(COUNTER_COLUMNS)})
  select $1, ${listOf(KEY_COLUMNS, 'k')}, 0, 0, 0, 0, 0 from ${tableOf(KEY_COLUMNS, 'k', 2)}
  order by ${listOf(KEY_COLUMNS, 'k')}
  on conflict do nothing`,
};

/** Locked one after the other, sorted; a row that had to be waited for is read as its last writer left it. */
const LOCK_COUNTERS = {
  name: 'counters_lock',
  text: `select ${listOf(COUNTER_COLUMNS, 'n')}
  from (select * from ${tableOf(KEY_COLUMNS, 'k', 2)} order by ${listOf(KEY_COLUMNS)}) k
  cross join lateral (
    select * from counter where tenant_id = $1 and customer_id = k.customer_id and feature = k.feature
      and reset = k.reset and period_start = k.period_start
    limit 1 for update
  ) n`,
};

/**
 * At least one row. Revisions only ever grow, so their sum is the same only when each of them is. A record whose event
 * is not there, or another's, comes without one.
 */
const VERIFY = {
  name: 'verify',
  text: `select k.revision as catalog_revision, c.customers, c.revisions,
    u.customer_id as used_by, u.origin as used_origin, u.idempotency_key as used_key, ${listOf(EVENT_COLUMNS, 'e')}
  from (select coalesce((select revision from catalog where tenant_id = $1), 0) as revision) k
  cross join (
    select count(*) as customers, coalesce(sum(found.revision), 0)::bigint as revisions
    from unnest($2::text[]) as known (id)
    cross join lateral (select revision from customer where tenant_id = $1 and id = known.id limit 1) found
  ) c
  left join (
    ${tableOf(SCOPE_COLUMNS, 'u', 3)}
    cross join lateral (
      select event_id from idempotency
      where tenant_id = $1 and customer_id = u.customer_id and origin = u.origin and key = u.idempotency_key
      limit 1
    ) i
    left join lateral (
      select * from event where tenant_id = $1 and id = i.event_id
        and customer_id = u.customer_id and origin = u.origin and idempotency_key = u.idempotency_key
      limit 1
    ) e on true
  ) on true`,
};

/** All of a batch's writes in one round trip, one version of each counter. A key that is taken fails all of them. */
const WRITE = {
  name: 'write',
  text: `with line as (
    select * from ${tableOf(EVENT_COLUMNS, 'line', 2)}
  ), recorded as (
    insert into event (tenant_id, ${listOf(EVENT_COLUMNS)}) select $1, ${listOf(EVENT_COLUMNS)} from line
  ), kept as (
    insert into idempotency (tenant_id, customer_id, origin, key, event_id, recorded_at)
    select $1, customer_id, origin, idempotency_key, id, recorded_at from line
    where idempotency_key is not null
    order by idempotency_key, customer_id, origin
  )
  insert into counter (tenant_id, ${listOf(COUNTER_COLUMNS)})
  select $1, ${listOf(COUNTER_COLUMNS)} from ${tableOf(COUNTER_COLUMNS, 'changed', 2 + EVENT_COLUMNS.length)}
  on conflict (tenant_id, ${listOf(KEY_COLUMNS)}) do update set ${COUNTER_COLUMNS.slice(4)
    .map((column) => `${column} = excluded.${column}`)
    .join(', ')}`,
};
