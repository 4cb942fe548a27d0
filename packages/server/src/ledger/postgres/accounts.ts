import type { Catalog } from '../../metering/catalog.ts';
import { standingAt, type Customer } from '../../metering/subscription.ts';
import { counterId, meteredKeys, type Counter } from '../../metering/usage.ts';
import type { Account, AccountRead } from '../account.ts';
import { LedgerUnavailableError } from '../ledger.ts';
import { COUNTER_COLUMNS, number, text, toCounter, type Row } from '../rows.ts';
import type { Catalogs } from './catalogs.ts';
import { findDeleted, findStandings, type Standings } from './customers.ts';
import type { Database } from './database.ts';
import type { KnownStandings } from './known-standings.ts';
import { listOf, tableOf, toArrays } from './sql.ts';

/** How often a picture is taken anew because a plan changed between its two statements. */
const PICTURES_MAX = 10;

/**
 * Accounts of one tenant, each one picture of a customer. Who is on which plan is known already, or read first; the
 * statement that reads what they have used says whether that is still so.
 */
export async function readAccounts(
  database: Database,
  catalogs: Catalogs,
  known: KnownStandings,
  tenantId: string,
  reads: readonly AccountRead[],
): Promise<readonly Account[]> {
  const externalIds = [...new Set(reads.map(({ externalId }) => externalId))];
  for (let picture = 1; picture <= PICTURES_MAX; picture += 1) {
    const standings = await known.recall(tenantId, externalIds, (unknown) =>
      findStandings(database, catalogs, tenantId, unknown),
    );
    const nobody = externalIds.filter((externalId) => !standings.customers.has(externalId));
    const deleted = nobody.length === 0 ? NOBODY : await findDeleted(database, tenantId, nobody);
    const used = await readUsage(database, tenantId, standings, reads);
    if (used !== null)
      return reads.map((read, index) => toAccount(read, standings, deleted, used.get(index)));
    known.forget(tenantId);
  }
  throw new LedgerUnavailableError('The customers’ plans change faster than they can be read');
}

const NOBODY: ReadonlySet<string> = new Set();

function toAccount(
  { externalId }: AccountRead,
  { catalog, customers }: Standings,
  deleted: ReadonlySet<string>,
  rows: readonly Row[] = [],
): Account {
  const customer = customers.get(externalId) ?? null;
  const counters = rows.filter((row) => row['feature'] !== null).map(toCounter);
  const snoozed = rows.find((row) => row['dismissals'] !== null);
  const dismissals = snoozed && (JSON.parse(text(snoozed, 'dismissals')) as Record<string, number>);
  return {
    customer,
    deleted: customer === null && deleted.has(externalId),
    catalog,
    counters: new Map(counters.map((counter): [string, Counter] => [counterId(counter), counter])),
    dismissals: new Map(Object.entries(dismissals ?? {})),
  };
}

/** What the customers have used, by the read's index; `null` when they or the catalog are not any more as known. */
async function readUsage(
  database: Database,
  tenantId: string,
  { catalog, customers }: Standings,
  reads: readonly AccountRead[],
): Promise<ReadonlyMap<number, readonly Row[]> | null> {
  const present = reads.map(({ externalId }) => customers.get(externalId) ?? null);
  const asked = reads.flatMap((read, index) => rowsAsked(index, read, present[index] ?? null, catalog));
  const used = new Map<number, Row[]>();
  if (asked.length === 0) return used;
  const rows = await database.query(SELECT_USAGE, tenantId, ...toArrays(ASKED_COLUMNS, asked));
  if (rows.length !== asked.length) return null;
  for (const row of rows) {
    const index = number(row, 'read');
    if (number(row, 'catalog_revision') !== catalog.revision) return null;
    if (number(row, 'customer_revision') !== present[index]?.revision) return null;
    const before = used.get(index);
    if (before === undefined) used.set(index, [row]);
    else before.push(row);
  }
  return used;
}

/** A row for each counter that a read is about, one at least; what is put away is asked for once. */
function rowsAsked(index: number, read: AccountRead, customer: Customer | null, catalog: Catalog) {
  if (customer === null) return [];
  const { now, feature } = read;
  const keys = meteredKeys(standingAt(customer, catalog, now), catalog, customer.id, now, feature);
  const counters =
    keys.length === 0
      ? [[null, null, null]]
      : keys.map(({ feature, reset, periodStart }) => [feature, reset, BigInt(periodStart)]);
  return counters.map((counter, place) => [
    BigInt(index),
    customer.id,
    ...counter,
    feature === undefined && place === 0 ? BigInt(now) : null,
  ]);
}

const ASKED_COLUMNS = ['read', 'customer_id', 'feature', 'reset', 'period_start', 'snoozed_after'];

/** A row for each that is asked for, in no order; lateral, as every statement of the hot path: see `track.ts`. */
const SELECT_USAGE = {
  name: 'usage',
  text: `select a.read, c.revision as customer_revision, k.revision as catalog_revision,
    d.dismissals, ${listOf(COUNTER_COLUMNS, 'n')}
  from (select coalesce((select revision from catalog where tenant_id = $1), 0) as revision) k
  cross join ${tableOf(ASKED_COLUMNS, 'a', 2)}
  cross join lateral (select revision from customer where tenant_id = $1 and id = a.customer_id limit 1) c
  left join lateral (
    select * from counter where tenant_id = $1 and customer_id = a.customer_id and feature = a.feature
      and reset = a.reset and period_start = a.period_start
    limit 1
  ) n on true
  cross join lateral (
    select json_object_agg(nudge_id, until)::text as dismissals from nudge_dismissal
    where a.snoozed_after is not null and tenant_id = $1 and customer_id = a.customer_id and until > a.snoozed_after
  ) d`,
};
