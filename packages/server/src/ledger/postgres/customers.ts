import type { Catalog } from '../../metering/catalog.ts';
import { firstSight, type Customer } from '../../metering/subscription.ts';
import { newId } from '../ids.ts';
import { LedgerUnavailableError } from '../ledger.ts';
import {
  CUSTOMER_COLUMNS,
  fromCustomer,
  fromSubscription,
  number,
  SUBSCRIPTION_COLUMNS,
  text,
  toCustomer,
  toSubscription,
  type Row,
} from '../rows.ts';
import { tombstoneOf } from '../tombstone.ts';
import type { Catalogs } from './catalogs.ts';
import type { Database, Queryable, Transaction } from './database.ts';
import { listOf, prefixed, storable, tableOf, toArrays, withPrefix } from './sql.ts';

/** Customers and the catalog they are on, as of one instant. */
export interface Standings {
  readonly catalog: Catalog;
  /** Those that exist, by external id. */
  readonly customers: ReadonlyMap<string, Customer>;
}

export async function findStandings(
  database: Queryable,
  catalogs: Catalogs,
  tenantId: string,
  externalIds: readonly string[],
): Promise<Standings> {
  const rows = await database.query(SELECT_STANDINGS, tenantId, externalIds.map(storable));
  const [first] = rows;
  const revision = first === undefined ? 0 : number(first, 'catalog_revision');
  const found = new Map<string, Customer>();
  for (const row of rows) {
    if (row['id'] === null) continue;
    const customer = readCustomer(row);
    found.set(customer.externalId, customer);
  }
  const customers = new Map<string, Customer>();
  for (const externalId of externalIds) {
    const customer = found.get(storable(externalId));
    if (customer !== undefined) customers.set(externalId, customer);
  }
  return { catalog: await catalogs.at(database, tenantId, revision), customers };
}

export async function findCustomer(
  database: Queryable,
  tenantId: string,
  id: string,
): Promise<Customer | null> {
  const [row] = await database.query(SELECT_CUSTOMER, tenantId, storable(id));
  return row === undefined ? null : readCustomer(row);
}

/** Finds customers, and makes those never seen, where there is a default product to put them on. */
export async function ensureStandings(
  database: Database,
  catalogs: Catalogs,
  tenantId: string,
  externalIds: readonly string[],
  now: number,
): Promise<Standings> {
  for (let sight = 1; sight <= SIGHTS_MAX; sight += 1) {
    const standings = await findStandings(database, catalogs, tenantId, externalIds);
    const unknown = externalIds.filter((externalId) => !standings.customers.has(externalId));
    if (unknown.length === 0 || standings.catalog.defaultProduct === null) return standings;
    if (await makeCustomers(database, catalogs, tenantId, unknown, now))
      return findStandings(database, catalogs, tenantId, externalIds);
  }
  throw new LedgerUnavailableError('Customers were deleted again and again while they were first seen');
}

/** How often customers are looked up anew because one was deleted in the middle of it. */
const SIGHTS_MAX = 10;

/** Makes those who are not there and have not been deleted; false, and nothing, when one was deleted meanwhile. */
function makeCustomers(
  database: Database,
  catalogs: Catalogs,
  tenantId: string,
  unknown: readonly string[],
  now: number,
): Promise<boolean> {
  return database.transaction(async (transaction) => {
    // Held, so that the default product cannot be taken out of the catalog while a customer is put on it.
    const catalog = await catalogs.hold(transaction, tenantId);
    if (catalog.defaultProduct === null) return true;
    const asked = [...new Set(unknown.map(storable))];
    const deleted = await findDeleted(transaction, tenantId, asked);
    const made = asked.filter((externalId) => !deleted.has(externalId));
    const customers = made.map((externalId) =>
      firstSight(externalId, catalog, now, (prefix) => newId(prefix, now)),
    );
    await insertCustomers(transaction, tenantId, customers);
    // Inserting may have waited for one who was just being deleted, which no statement before could see.
    const gone = await findDeleted(transaction, tenantId, made);
    if (gone.size > 0) await transaction.rollback();
    return gone.size === 0;
  });
}

/** Those of the external ids whose customers have been deleted, and not created again. */
export async function findDeleted(
  database: Queryable,
  tenantId: string,
  externalIds: readonly string[],
): Promise<ReadonlySet<string>> {
  const byTombstone = new Map(
    externalIds.map((externalId) => [tombstoneOf(tenantId, storable(externalId)), externalId]),
  );
  const rows = await database.query(SELECT_TOMBSTONES, tenantId, [...byTombstone.keys()]);
  return new Set(rows.flatMap((row) => byTombstone.get(text(row, 'external_id')) ?? []));
}

/** Inserts customers with their first subscriptions, those whose external id is not taken. @returns how many. */
export async function insertCustomers(
  transaction: Transaction,
  tenantId: string,
  customers: readonly Customer[],
): Promise<number> {
  const subscriptions = customers.flatMap(({ subscription }) => subscription ?? []);
  const [row] = await transaction.query(
    INSERT_CUSTOMERS,
    tenantId,
    ...toArrays(CUSTOMER_COLUMNS, customers.map(fromCustomer)),
    ...toArrays(SUBSCRIPTION_COLUMNS, subscriptions.map(fromSubscription)),
  );
  return row === undefined ? 0 : number(row, 'made');
}

/** Finds customers as they will stay, with the catalog, until the transaction ends. */
export async function holdStandings(
  transaction: Transaction,
  catalogs: Catalogs,
  tenantId: string,
  externalIds: readonly string[],
): Promise<Standings> {
  await catalogs.hold(transaction, tenantId);
  await transaction.query(HOLD_CUSTOMERS, tenantId, externalIds.map(storable));
  return findStandings(transaction, catalogs, tenantId, externalIds);
}

/** Locked in one statement and read in the next, which sees what the lock was waited for. */
export async function lockCustomer(
  transaction: Transaction,
  tenantId: string,
  id: string,
): Promise<Customer | null> {
  await transaction.query(LOCK_CUSTOMER, tenantId, storable(id));
  return findCustomer(transaction, tenantId, id);
}

function readCustomer(row: Row): Customer {
  const subscription = withPrefix(row, SUBSCRIPTION_COLUMNS, 's');
  return toCustomer(row, subscription === null ? null : toSubscription(subscription));
}

/** Of two that started at the same moment the explicit one counts, and the one that has not been ended. */
export const NEWEST_FIRST = `started_at desc, implicit, status = 'canceled', id desc`;

const LATEST_SUBSCRIPTION = `lateral (
    select * from subscription where tenant_id = c.tenant_id and customer_id = c.id
    order by ${NEWEST_FIRST} limit 1
  ) s on true`;

const CUSTOMER_AND_SUBSCRIPTION = `${listOf(CUSTOMER_COLUMNS, 'c')}, ${prefixed(SUBSCRIPTION_COLUMNS, 's')}`;

/** At least one row, for the catalog's revision. Lateral, as every statement of the hot path: see `track.ts`. */
const SELECT_STANDINGS = {
  name: 'standings',
  text: `select k.revision as catalog_revision, ${CUSTOMER_AND_SUBSCRIPTION}
  from (select coalesce((select revision from catalog where tenant_id = $1), 0) as revision) k
  left join (
    unnest($2::text[]) as asked (external_id) cross join lateral (
      select * from customer where tenant_id = $1 and external_id = asked.external_id limit 1
    ) c
  ) on true
  left join ${LATEST_SUBSCRIPTION}`,
};

const HOLD_CUSTOMERS = {
  name: 'customers_hold',
  text: `select 1
  from (select * from unnest($2::text[]) as asked (external_id) order by external_id) asked
  cross join lateral (
    select 1 from customer where tenant_id = $1 and external_id = asked.external_id limit 1 for share
  ) c`,
};

const LOCK_CUSTOMER = {
  name: 'customer_lock',
  text: 'select 1 from customer where tenant_id = $1 and id = $2 for no key update',
};
const SELECT_CUSTOMER = {
  name: 'customer',
  text: `select ${CUSTOMER_AND_SUBSCRIPTION} from customer c left join ${LATEST_SUBSCRIPTION}
  where c.tenant_id = $1 and c.id = $2`,
};

const SELECT_TOMBSTONES = {
  name: 'customers_deleted',
  text: `select c.external_id from unnest($2::text[]) as asked (external_id) cross join lateral (
    select external_id from customer where tenant_id = $1 and external_id = asked.external_id limit 1
  ) c`,
};

/** In the order of external ids: two batches that see the same customers first wait for each other, never in a ring. */
const INSERT_CUSTOMERS = {
  name: 'customers_insert',
  text: `with made as (
    insert into customer (tenant_id, ${listOf(CUSTOMER_COLUMNS)})
    select $1, ${listOf(CUSTOMER_COLUMNS, 'c')} from ${tableOf(CUSTOMER_COLUMNS, 'c', 2)} order by c.external_id
    on conflict do nothing returning id
  ), subscribed as (
    insert into subscription (tenant_id, ${listOf(SUBSCRIPTION_COLUMNS)})
    select $1, ${listOf(SUBSCRIPTION_COLUMNS, 's')}
    from made join ${tableOf(SUBSCRIPTION_COLUMNS, 's', 2 + CUSTOMER_COLUMNS.length)} on s.customer_id = made.id
  )
  select count(*) as made from made`,
};
