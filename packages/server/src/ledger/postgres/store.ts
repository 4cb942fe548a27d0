import type { Catalog, CatalogDocument } from '../../metering/catalog.ts';
import {
  patchSubscription,
  REVISION_STEP,
  standingAt,
  statusAt,
  subscribe,
  type Customer,
  type SubscribeOutcome,
  type Subscription,
} from '../../metering/subscription.ts';
import { counterId, meteredKeys } from '../../metering/usage.ts';
import type { Account } from '../account.ts';
import { takenAway } from '../../metering/catalog-change.ts';
import { newId } from '../ids.ts';
import {
  LedgerUnavailableError,
  type Change,
  type Mode,
  type SecretKeyEntry,
  type SecretKeyRecord,
  type SigningKey,
  type SubscriptionChange,
  type TenantLedger,
} from '../ledger.ts';
import {
  bytes,
  COUNTER_COLUMNS,
  fromSubscription,
  number,
  SUBSCRIPTION_COLUMNS,
  text,
  toCounter,
  toSecretKeyEntry,
  toSubscription,
} from '../rows.ts';
import { readCatalog, type Catalogs } from './catalogs.ts';
import { ensureStandings, findCustomer, findStandings } from './customers.ts';
import type { Database, Queryable, Transaction } from './database.ts';
import { listOf, storable, tableOf, toArrays } from './sql.ts';

/**
 * Everything of the ledger but tracking. Changes of plan lock in this order: the catalog, so that no price goes
 * away under a subscription, then the customer.
 */

/** What a write came to, and what it changed for those who listen. */
export interface Written<T> {
  readonly result: T;
  readonly changes: readonly Change[];
}

type Subscribed = Awaited<ReturnType<TenantLedger['subscribe']>>;
type Updated = Awaited<ReturnType<TenantLedger['updateSubscription']>>;
type Kept = Awaited<ReturnType<TenantLedger['putCatalog']>>;

/** How often a picture is taken anew because a plan changed between its two statements. */
const PICTURES_MAX = 10;

/** One picture of a customer: the second statement reads everything that moves, and says if the first is outdated. */
export async function readAccount(
  database: Database,
  catalogs: Catalogs,
  tenantId: string,
  externalId: string,
  now: number,
  feature?: string,
): Promise<Account> {
  for (let picture = 1; picture <= PICTURES_MAX; picture += 1) {
    const { catalog, customers } = await findStandings(database, catalogs, tenantId, [externalId]);
    const customer = customers.get(externalId);
    if (customer === undefined) {
      return { customer: null, catalog, counters: new Map(), dismissals: new Map() };
    }
    const account = await readUsage(database, tenantId, customer, catalog, now, feature);
    if (account !== null) return account;
  }
  throw new LedgerUnavailableError('The customer’s plan changes faster than it can be read');
}

async function readUsage(
  database: Database,
  tenantId: string,
  customer: Customer,
  catalog: Catalog,
  now: number,
  feature: string | undefined,
): Promise<Account | null> {
  const keys = meteredKeys(standingAt(customer, catalog, now), catalog, customer.id, now).filter(
    (key) => feature === undefined || key.feature === feature,
  );
  const keyRows = keys.map((key) => [key.feature, key.reset, BigInt(key.periodStart)]);
  const rows = await database.query(
    SELECT_USAGE,
    tenantId,
    customer.id,
    now,
    ...toArrays(PERIOD_COLUMNS, keyRows),
  );
  const [first] = rows;
  if (first === undefined || number(first, 'catalog_revision') !== catalog.revision) return null;
  if (number(first, 'customer_revision') !== customer.revision) return null;
  const counters = rows.filter((row) => row['feature'] !== null).map(toCounter);
  const dismissals = JSON.parse(text(first, 'dismissals')) as Record<string, number>;
  return {
    customer,
    catalog,
    counters: new Map(counters.map((counter) => [counterId(counter), counter])),
    dismissals: new Map(Object.entries(dismissals)),
  };
}

export async function readDocument(
  database: Database,
  catalogs: Catalogs,
  tenantId: string,
): Promise<{ document: CatalogDocument; catalog: Catalog }> {
  const { document, revision } = await readCatalog(database, tenantId);
  const catalog = await catalogs.at(database, tenantId, revision);
  // Between the two statements a newer catalog may have come; then that is the one to show.
  return catalog.revision === revision ? { document, catalog } : readDocument(database, catalogs, tenantId);
}

export function putCatalog(
  database: Database,
  tenantId: string,
  document: CatalogDocument,
  now: number,
): Promise<Written<Kept>> {
  const written = JSON.stringify(document);
  return database.transaction(async (transaction): Promise<Written<Kept>> => {
    // A row to lock, for whoever writes the first catalog at the same moment; empty, it says what no row does.
    await transaction.query(INSERT_CATALOG, tenantId, JSON.stringify({ features: [], products: [] }), now);
    await transaction.query(LOCK_CATALOG, tenantId);
    const present = await readCatalog(transaction, tenantId);
    if (JSON.stringify(present.document) === written) return unchanged(transaction, { kind: 'kept' });
    const names = await namesInUse(transaction, tenantId, present.document, document, now);
    if (names.length > 0) return unchanged(transaction, { kind: 'in_use', names });
    await transaction.query(UPDATE_CATALOG, tenantId, present.revision + REVISION_STEP, written, now);
    return { result: { kind: 'kept' }, changes: [{ kind: 'catalog', tenantId }] };
  });
}

/** What a new catalog takes away although something lives on it: features counted, prices subscribed to. */
async function namesInUse(
  transaction: Transaction,
  tenantId: string,
  present: CatalogDocument,
  next: CatalogDocument,
  now: number,
): Promise<string[]> {
  const { features, prices } = takenAway(present, next);
  const counted = await transaction.query(SELECT_COUNTED, tenantId, features);
  const live = await transaction.query(SELECT_LIVE_ON_PRICE, tenantId, prices, now);
  return [
    ...counted.map((row) => `feature ${text(row, 'name')}`),
    ...live.map((row) => `price ${text(row, 'name')}`),
  ];
}

export async function ensureCustomer(
  database: Database,
  catalogs: Catalogs,
  tenantId: string,
  externalId: string,
  profile: { email?: string | undefined; externalOrganizationId?: string | undefined },
  now: number,
): Promise<Customer | null> {
  const { customers } = await ensureStandings(database, catalogs, tenantId, [externalId], now);
  const customer = customers.get(externalId);
  if (customer === undefined) return null;
  const { email = customer.email, externalOrganizationId = customer.externalOrganizationId } = profile;
  if (email === customer.email && externalOrganizationId === customer.externalOrganizationId) return customer;
  return database.transaction(async (transaction) => {
    await transaction.query(
      UPDATE_PROFILE,
      tenantId,
      customer.id,
      profile.email ?? null,
      profile.externalOrganizationId ?? null,
      now,
    );
    return findCustomer(transaction, tenantId, customer.id);
  });
}

export function subscribeCustomer(
  database: Database,
  catalogs: Catalogs,
  tenantId: string,
  order: { customerId: string; priceId: string; metadata: Record<string, unknown> },
  now: number,
): Promise<Written<Subscribed>> {
  const { customerId, priceId, metadata } = order;
  return database.transaction(async (transaction): Promise<Written<Subscribed>> => {
    const catalog = await catalogs.hold(transaction, tenantId);
    const customer = await lockCustomer(transaction, tenantId, customerId);
    if (customer === null) return unchanged(transaction, { kind: 'no_customer' });
    const owner = catalog.priceOwners.get(priceId);
    if (owner === undefined) return unchanged(transaction, { kind: 'no_price' });
    const trials = await transaction.query(SELECT_TRIAL, tenantId, customer.id, owner.product.id);
    const outcome: SubscribeOutcome = subscribe(customer, owner, now, {
      newId: (prefix) => newId(prefix, now),
      metadata,
      trialUsed: trials.length > 0,
    });
    if (outcome.kind !== 'created') return unchanged(transaction, outcome);
    const replaced = customer.subscription;
    if (replaced?.implicit === true && statusAt(replaced, now) !== 'canceled') {
      const ended = { status: 'canceled', endsAt: now, canceledAt: now, updatedAt: now } as const;
      await saveSubscription(transaction, tenantId, { ...replaced, ...ended });
    }
    await saveSubscription(transaction, tenantId, outcome.subscription);
    await transaction.query(PLAN_CHANGED, tenantId, customer.id, REVISION_STEP, now);
    return { result: outcome, changes: [{ kind: 'plan', tenantId, externalId: customer.externalId }] };
  });
}

export async function findSubscription(
  database: Queryable,
  tenantId: string,
  id: string,
): Promise<Subscription | null> {
  const [row] = await database.query(SELECT_SUBSCRIPTION, tenantId, storable(id));
  return row === undefined ? null : toSubscription(row);
}

export function updateSubscription(
  database: Database,
  catalogs: Catalogs,
  tenantId: string,
  id: string,
  change: SubscriptionChange,
  now: number,
): Promise<Written<Updated>> {
  return database.transaction(async (transaction): Promise<Written<Updated>> => {
    const { priceOwners } = await catalogs.hold(transaction, tenantId);
    const found = await findSubscription(transaction, tenantId, id);
    if (found === null) return unchanged(transaction, { kind: 'no_subscription' });
    const customer = await lockCustomer(transaction, tenantId, found.customerId);
    // Read again: what it was before the lock may have changed while the lock was waited for.
    const subscription = await findSubscription(transaction, tenantId, id);
    if (customer === null || subscription === null) {
      return unchanged(transaction, { kind: 'no_subscription' });
    }
    if (statusAt(subscription, now) === 'canceled') return unchanged(transaction, { kind: 'ended' });
    const owner = change.priceId === undefined ? undefined : priceOwners.get(change.priceId);
    if (change.priceId !== undefined && owner === undefined) {
      return unchanged(transaction, { kind: 'no_price' });
    }
    const present = priceOwners.get(subscription.priceId)?.price ?? null;
    const updated = patchSubscription(subscription, { ...change, owner }, present, now);
    await saveSubscription(transaction, tenantId, updated);
    await transaction.query(PLAN_CHANGED, tenantId, customer.id, REVISION_STEP, now);
    return {
      result: { kind: 'updated', subscription: updated },
      changes: [{ kind: 'plan', tenantId, externalId: customer.externalId }],
    };
  });
}

export async function dismissNudge(
  database: Database,
  tenantId: string,
  externalId: string,
  nudgeId: string,
  until: number,
): Promise<Written<void>> {
  await database.query(UPSERT_DISMISSAL, tenantId, storable(externalId), storable(nudgeId), until);
  return { result: undefined, changes: [{ kind: 'plan', tenantId, externalId }] };
}

export async function ensureTenant(
  database: Database,
  organization: string,
  mode: Mode,
  now: number,
): Promise<string> {
  const find = (): ReturnType<Database['query']> => database.query(SELECT_TENANT, organization, mode);
  const [known] = await find();
  if (known !== undefined) return text(known, 'id');
  await database.query(INSERT_TENANT, newId('ten', now), organization, mode, now);
  const [row] = await find();
  if (row === undefined) throw new LedgerUnavailableError('A tenant that was just made is not there');
  return text(row, 'id');
}

export async function addSecretKey(
  database: Database,
  tenantId: string,
  key: { hash: string; name: string },
  now: number,
): Promise<string> {
  const id = newId('key', now);
  await database.query(INSERT_SECRET_KEY, key.hash, id, tenantId, key.name, now);
  return id;
}

export async function findSecretKey(database: Database, hash: string): Promise<SecretKeyRecord | null> {
  const [row] = await database.query(SELECT_SECRET_KEY, hash);
  if (row === undefined) return null;
  return { id: text(row, 'id'), tenantId: text(row, 'tenant_id'), mode: text(row, 'mode') as Mode };
}

export async function listSecretKeys(database: Database): Promise<SecretKeyEntry[]> {
  return (await database.query(SELECT_KEY_ENTRIES)).map(toSecretKeyEntry);
}

export async function revokeSecretKey(
  database: Database,
  id: string,
  now: number,
): Promise<SecretKeyEntry | null> {
  const [row] = await database.query(REVOKE_SECRET_KEY, storable(id), now);
  return row === undefined ? null : toSecretKeyEntry(row);
}

export function signingKeys(database: Database, fresh: SigningKey, now: number): Promise<SigningKey[]> {
  return database.transaction(async (transaction) => {
    // Two processes that start at once must come to sign with the same key. There is no row to lock yet.
    await transaction.query(LOCK_SIGNING_KEYS);
    const rows = await transaction.query(SELECT_SIGNING_KEYS);
    if (rows.length > 0) return rows.map((row) => ({ kid: text(row, 'kid'), secret: bytes(row, 'secret') }));
    await transaction.query(INSERT_SIGNING_KEY, fresh.kid, Buffer.from(fresh.secret), now);
    return [fresh];
  });
}

async function unchanged<T>(transaction: Transaction, result: T): Promise<Written<T>> {
  await transaction.rollback();
  return { result, changes: [] };
}

/** Locked in one statement and read in the next, which sees what the lock was waited for. */
async function lockCustomer(
  transaction: Transaction,
  tenantId: string,
  id: string,
): Promise<Customer | null> {
  await transaction.query(LOCK_CUSTOMER, tenantId, storable(id));
  return findCustomer(transaction, tenantId, id);
}

async function saveSubscription(
  transaction: Transaction,
  tenantId: string,
  subscription: Subscription,
): Promise<void> {
  await transaction.query(UPSERT_SUBSCRIPTION, tenantId, ...fromSubscription(subscription));
}

const PERIOD_COLUMNS = COUNTER_COLUMNS.slice(1, 4);

/** One row at least, for the revisions and the dismissals. */
const SELECT_USAGE = {
  name: 'usage',
  text: `select c.revision as customer_revision,
    coalesce((select revision from catalog where tenant_id = $1), 0) as catalog_revision,
    coalesce((
      select json_object_agg(d.nudge_id, d.until) from nudge_dismissal d
      where d.tenant_id = $1 and d.customer_id = $2 and d.until > $3::bigint
    ), '{}')::text as dismissals,
    ${listOf(COUNTER_COLUMNS, 'n')}
  from customer c left join (
    ${tableOf(PERIOD_COLUMNS, 'k', 4)}
    cross join lateral (
      select * from counter where tenant_id = $1 and customer_id = $2 and feature = k.feature
        and reset = k.reset and period_start = k.period_start
      limit 1
    ) n
  ) on true
  where c.tenant_id = $1 and c.id = $2`,
};

const INSERT_CATALOG = {
  name: 'catalog_insert',
  text: `insert into catalog (tenant_id, revision, document, updated_at) values ($1, 0, $2, $3)
  on conflict do nothing`,
};
const LOCK_CATALOG = {
  name: 'catalog_lock',
  text: 'select 1 from catalog where tenant_id = $1 for update',
};
const UPDATE_CATALOG = {
  name: 'catalog_update',
  text: 'update catalog set revision = $2, document = $3, updated_at = $4 where tenant_id = $1',
};
/** A counter at sequence 0 was made for an event that was then refused: nothing is counted there. */
const SELECT_COUNTED = {
  name: 'features_counted',
  text: `select f.name from unnest($2::text[]) with ordinality as f (name, position)
  where exists (select from counter where tenant_id = $1 and feature = f.name and sequence > 0)
  order by f.position`,
};
const SELECT_LIVE_ON_PRICE = {
  name: 'prices_live',
  text: `select p.name from unnest($2::text[]) with ordinality as p (name, position)
  where exists (
    select from subscription where tenant_id = $1 and price_id = p.name and status <> 'canceled'
      and (ends_at is null or ends_at > $3)
  )
  order by p.position`,
};

const LOCK_CUSTOMER = {
  name: 'customer_lock',
  text: 'select 1 from customer where tenant_id = $1 and id = $2 for no key update',
};
const UPDATE_PROFILE = {
  name: 'customer_profile',
  text: `update customer set email = coalesce($3, email), updated_at = $5,
    external_organization_id = coalesce($4, external_organization_id)
  where tenant_id = $1 and id = $2`,
};
/** Every change of plan moves the revision, and the first one sets the anchor. */
const PLAN_CHANGED = {
  name: 'customer_plan_changed',
  text: `update customer set revision = revision + $3::bigint, anchor = coalesce(anchor, $4), updated_at = $4
  where tenant_id = $1 and id = $2`,
};
const SELECT_SUBSCRIPTION = {
  name: 'subscription',
  text: `select ${listOf(SUBSCRIPTION_COLUMNS)} from subscription where tenant_id = $1 and id = $2`,
};
const UPSERT_SUBSCRIPTION = {
  name: 'subscription_upsert',
  text: `insert into subscription (tenant_id, ${listOf(SUBSCRIPTION_COLUMNS)})
  values ($1, ${SUBSCRIPTION_COLUMNS.map((_, index) => `$${index + 2}`).join(', ')})
  on conflict (tenant_id, id) do update set ${SUBSCRIPTION_COLUMNS.slice(2)
    .map((column) => `${column} = excluded.${column}`)
    .join(', ')}`,
};
const SELECT_TRIAL = {
  name: 'trial',
  text: `select 1 from subscription
  where tenant_id = $1 and customer_id = $2 and product_id = $3 and trial_end is not null limit 1`,
};
const UPSERT_DISMISSAL = {
  name: 'dismissal_upsert',
  text: `insert into nudge_dismissal (tenant_id, customer_id, nudge_id, until)
  select tenant_id, id, $3, $4 from customer where tenant_id = $1 and external_id = $2
  on conflict (tenant_id, customer_id, nudge_id) do update set until = excluded.until`,
};

const SELECT_TENANT = {
  name: 'tenant',
  text: 'select id from tenant where organization = $1 and mode = $2',
};
const INSERT_TENANT = {
  name: 'tenant_insert',
  text: 'insert into tenant (id, organization, mode, created_at) values ($1, $2, $3, $4) on conflict do nothing',
};
const INSERT_SECRET_KEY = {
  name: 'secret_key_insert',
  text: 'insert into secret_key (hash, id, tenant_id, name, created_at) values ($1, $2, $3, $4, $5)',
};
const SELECT_SECRET_KEY = {
  name: 'secret_key',
  text: `select k.id, k.tenant_id, t.mode from secret_key k join tenant t on t.id = k.tenant_id
  where k.hash = $1 and k.revoked_at is null`,
};
const KEY_ENTRY = 'k.id, t.organization, t.mode, k.name, k.created_at, k.revoked_at';
const SELECT_KEY_ENTRIES = {
  name: 'secret_keys',
  text: `select ${KEY_ENTRY} from secret_key k join tenant t on t.id = k.tenant_id order by k.created_at, k.id`,
};
const REVOKE_SECRET_KEY = {
  name: 'secret_key_revoke',
  text: `update secret_key k set revoked_at = coalesce(k.revoked_at, $2) from tenant t
  where k.id = $1 and t.id = k.tenant_id returning ${KEY_ENTRY}`,
};
const LOCK_SIGNING_KEYS = {
  name: 'signing_keys_lock',
  text: 'lock table signing_key in exclusive mode',
};
const SELECT_SIGNING_KEYS = {
  name: 'signing_keys',
  text: 'select kid, secret from signing_key order by created_at desc, kid',
};
const INSERT_SIGNING_KEY = {
  name: 'signing_key_insert',
  text: 'insert into signing_key (kid, secret, created_at) values ($1, $2, $3)',
};
