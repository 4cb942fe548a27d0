import { compileCatalog, EMPTY_CATALOG, type Catalog, type CatalogDocument } from '../../metering/catalog.ts';
import { takenAway } from '../../metering/catalog-change.ts';
import type { TrackCommand, Verdict } from '../../metering/decide.ts';
import { openings } from '../../metering/opening.ts';
import {
  firstSight,
  patchSubscription,
  REVISION_STEP,
  standingAt,
  statusAt,
  subscribe,
  type Customer,
  type SubscribeOutcome,
  type Subscription,
} from '../../metering/subscription.ts';
import { counterId, emptyCounter, meteredKeys } from '../../metering/usage.ts';
import { newId } from '../ids.ts';
import type { Account } from '../account.ts';
import type { Mode, SecretKeyRecord, SigningKey, SubscriptionChange } from '../ledger.ts';
import type { Sqlite } from './database.ts';
import {
  bytes,
  CUSTOMER_COLUMNS,
  fromCustomer,
  fromSubscription,
  number,
  SUBSCRIPTION_COLUMNS,
  text,
  toCustomer,
  toSubscription,
} from '../rows.ts';
import { excluded, list, marks } from './sql.ts';
import { loadCounter, saveCounters, saveEvents, tracker } from './track.ts';

/**
 * The ledger's operations on one SQLite connection, synchronously. The worker thread runs those that write, the
 * main thread those that read.
 */
export interface SqliteStore {
  track(tenantId: string, commands: readonly TrackCommand[], now: number): readonly Verdict[];
  account(tenantId: string, externalId: string, now: number, feature?: string): Account;
  catalog(tenantId: string): { document: CatalogDocument; catalog: Catalog };
  putCatalog(
    tenantId: string,
    document: CatalogDocument,
    now: number,
  ): { kind: 'kept'; changed: boolean } | { kind: 'in_use'; names: string[] };
  customer(tenantId: string, id: string): Customer | null;
  customerByExternalId(tenantId: string, externalId: string): Customer | null;
  ensureCustomer(
    tenantId: string,
    externalId: string,
    profile: { email?: string | undefined; externalOrganizationId?: string | undefined },
    now: number,
  ): Customer | null;
  subscribe(
    tenantId: string,
    customerId: string,
    priceId: string,
    metadata: Record<string, unknown>,
    now: number,
  ): SubscribeOutcome | { kind: 'no_customer' | 'no_price' };
  subscription(tenantId: string, id: string): Subscription | null;
  updateSubscription(
    tenantId: string,
    id: string,
    change: SubscriptionChange,
    now: number,
  ): { kind: 'updated'; subscription: Subscription } | { kind: 'no_subscription' | 'no_price' | 'ended' };
  dismissNudge(tenantId: string, externalId: string, nudgeId: string, until: number): void;
  ensureTenant(organization: string, mode: Mode, now: number): string;
  addSecretKey(tenantId: string, key: { hash: string; name: string }, now: number): void;
  findSecretKey(hash: string): SecretKeyRecord | null;
  signingKeys(fresh: SigningKey, now: number): SigningKey[];
}

/** Compiled catalogs kept, one a tenant; the oldest goes first. */
const CATALOGS_MAX = 1_000;

export function sqliteStore(sqlite: Sqlite): SqliteStore {
  const catalogs = new Map<string, Catalog>();

  function catalogOf(tenantId: string): Catalog {
    const row = sqlite.get('select revision from catalog where tenant_id = ?', tenantId);
    if (row === undefined) return EMPTY_CATALOG;
    const known = catalogs.get(tenantId);
    if (known?.revision === number(row, 'revision')) return known;
    const { document, revision } = catalogRow(tenantId);
    const compiled = compileCatalog(document, revision);
    catalogs.delete(tenantId);
    catalogs.set(tenantId, compiled);
    const [oldest] = catalogs.keys();
    if (catalogs.size > CATALOGS_MAX && oldest !== undefined) catalogs.delete(oldest);
    return compiled;
  }

  function catalogRow(tenantId: string): { document: CatalogDocument; revision: number } {
    const row = sqlite.get('select revision, document from catalog where tenant_id = ?', tenantId);
    if (row === undefined) return { document: { features: [], products: [] }, revision: 0 };
    return {
      document: JSON.parse(text(row, 'document')) as CatalogDocument,
      revision: number(row, 'revision'),
    };
  }

  function findCustomer(tenantId: string, column: 'id' | 'external_id', value: string): Customer | null {
    const row = sqlite.get(SELECT_CUSTOMER[column], tenantId, value);
    if (row === undefined) return null;
    const latest = sqlite.get(SELECT_LATEST_SUBSCRIPTION, tenantId, text(row, 'id'));
    return toCustomer(row, latest === undefined ? null : toSubscription(latest));
  }

  function findSubscription(tenantId: string, id: string): Subscription | null {
    const row = sqlite.get(SELECT_SUBSCRIPTION, tenantId, id);
    return row === undefined ? null : toSubscription(row);
  }

  function insertCustomer(tenantId: string, customer: Customer): Customer {
    sqlite.run(INSERT_CUSTOMER, tenantId, ...fromCustomer(customer));
    if (customer.subscription !== null) saveSubscription(tenantId, customer.subscription);
    return customer;
  }

  function saveSubscription(tenantId: string, subscription: Subscription): void {
    sqlite.run(UPSERT_SUBSCRIPTION, tenantId, ...fromSubscription(subscription));
  }

  /** Every change of plan moves the revision, the first one sets the anchor, and one of reset opens counters. */
  function planChanged(tenantId: string, before: Customer, now: number): void {
    sqlite.run(UPDATE_PLAN_CHANGED, REVISION_STEP, now, now, tenantId, before.id);
    const after = findCustomer(tenantId, 'id', before.id);
    const catalog = catalogOf(tenantId);
    const opened = openings(
      before.id,
      { before: standingAt(before, catalog, now), after: standingAt(after, catalog, now) },
      now,
      (key) => loadCounter(sqlite, tenantId, key) ?? emptyCounter(key),
      (prefix) => newId(prefix, now),
    );
    saveEvents(
      sqlite,
      tenantId,
      opened.map(({ event }) => event),
    );
    saveCounters(
      sqlite,
      tenantId,
      opened.map(({ counter }) => counter),
    );
  }

  function ensureCustomer(
    tenantId: string,
    externalId: string,
    catalog: Catalog,
    now: number,
  ): Customer | null {
    const known = findCustomer(tenantId, 'external_id', externalId);
    if (known !== null || catalog.defaultProduct === null) return known;
    return insertCustomer(
      tenantId,
      firstSight(externalId, catalog, now, (prefix) => newId(prefix, now)),
    );
  }

  function readAccount(tenantId: string, externalId: string, now: number, feature?: string): Account {
    const catalog = catalogOf(tenantId);
    const customer = findCustomer(tenantId, 'external_id', externalId);
    if (customer === null) return { customer, catalog, counters: new Map(), dismissals: new Map() };
    const keys = meteredKeys(standingAt(customer, catalog, now), catalog, customer.id, now).filter(
      (key) => feature === undefined || key.feature === feature,
    );
    const counters = keys.flatMap((key) => loadCounter(sqlite, tenantId, key) ?? []);
    const dismissals = sqlite.all(
      'select nudge_id, until from nudge_dismissal where tenant_id = ? and customer_id = ? and until > ?',
      tenantId,
      customer.id,
      now,
    );
    return {
      customer,
      catalog,
      counters: new Map(counters.map((counter) => [counterId(counter), counter])),
      dismissals: new Map(dismissals.map((row) => [text(row, 'nudge_id'), number(row, 'until')])),
    };
  }

  return {
    track: tracker(sqlite, { catalogOf, ensureCustomer }),
    account: (...args) => sqlite.read(() => readAccount(...args)),
    catalog: (tenantId) =>
      sqlite.read(() => ({ document: catalogRow(tenantId).document, catalog: catalogOf(tenantId) })),
    putCatalog(tenantId, document, now) {
      return sqlite.write(() => {
        const { document: present, revision } = catalogRow(tenantId);
        const written = JSON.stringify(document);
        if (JSON.stringify(present) === written) return { kind: 'kept', changed: false };
        const names = namesInUse(sqlite, tenantId, present, document, now);
        if (names.length > 0) return { kind: 'in_use', names };
        sqlite.run(UPSERT_CATALOG, tenantId, revision + REVISION_STEP, written, now);
        return { kind: 'kept', changed: true };
      });
    },
    customer: (tenantId, id) => sqlite.read(() => findCustomer(tenantId, 'id', id)),
    customerByExternalId: (tenantId, externalId) =>
      sqlite.read(() => findCustomer(tenantId, 'external_id', externalId)),
    ensureCustomer(tenantId, externalId, profile, now) {
      return sqlite.write(() => {
        const customer = ensureCustomer(tenantId, externalId, catalogOf(tenantId), now);
        if (customer === null) return null;
        const email = profile.email ?? customer.email;
        const externalOrganizationId = profile.externalOrganizationId ?? customer.externalOrganizationId;
        if (email === customer.email && externalOrganizationId === customer.externalOrganizationId)
          return customer;
        sqlite.run(
          'update customer set email = ?, external_organization_id = ?, updated_at = ? where tenant_id = ? and id = ?',
          email,
          externalOrganizationId,
          now,
          tenantId,
          customer.id,
        );
        return { ...customer, email, externalOrganizationId, updatedAt: now };
      });
    },
    subscribe(tenantId, customerId, priceId, metadata, now) {
      return sqlite.write(() => {
        const customer = findCustomer(tenantId, 'id', customerId);
        if (customer === null) return { kind: 'no_customer' };
        const owner = catalogOf(tenantId).priceOwners.get(priceId);
        if (owner === undefined) return { kind: 'no_price' };
        const trialUsed = sqlite.get(SELECT_TRIAL, tenantId, customerId, owner.product.id) !== undefined;
        const outcome = subscribe(customer, owner, now, {
          newId: (prefix) => newId(prefix, now),
          metadata,
          trialUsed,
        });
        if (outcome.kind !== 'created') return outcome;
        const replaced = customer.subscription;
        if (replaced?.implicit === true && statusAt(replaced, now) !== 'canceled') {
          saveSubscription(tenantId, {
            ...replaced,
            status: 'canceled',
            endsAt: now,
            canceledAt: now,
            updatedAt: now,
          });
        }
        saveSubscription(tenantId, outcome.subscription);
        planChanged(tenantId, customer, now);
        return outcome;
      });
    },
    subscription: findSubscription,
    updateSubscription(tenantId, id, change, now) {
      return sqlite.write(() => {
        const subscription = findSubscription(tenantId, id);
        if (subscription === null) return { kind: 'no_subscription' };
        const customer = findCustomer(tenantId, 'id', subscription.customerId);
        if (customer === null || statusAt(subscription, now) === 'canceled') return { kind: 'ended' };
        const { priceOwners } = catalogOf(tenantId);
        const owner = change.priceId === undefined ? undefined : priceOwners.get(change.priceId);
        if (change.priceId !== undefined && owner === undefined) return { kind: 'no_price' };
        const present = priceOwners.get(subscription.priceId)?.price ?? null;
        const updated = patchSubscription(subscription, { ...change, owner }, present, now);
        saveSubscription(tenantId, updated);
        planChanged(tenantId, customer, now);
        return { kind: 'updated', subscription: updated };
      });
    },
    dismissNudge(tenantId, externalId, nudgeId, until) {
      sqlite.write(() => {
        const customer = findCustomer(tenantId, 'external_id', externalId);
        if (customer !== null) sqlite.run(UPSERT_DISMISSAL, tenantId, customer.id, nudgeId, until);
      });
    },
    ensureTenant(organization, mode, now) {
      return sqlite.write(() => {
        const row = sqlite.get(
          'select id from tenant where organization = ? and mode = ?',
          organization,
          mode,
        );
        if (row !== undefined) return text(row, 'id');
        const id = newId('ten', now);
        sqlite.run(
          'insert into tenant (id, organization, mode, created_at) values (?, ?, ?, ?)',
          id,
          organization,
          mode,
          now,
        );
        return id;
      });
    },
    addSecretKey(tenantId, key, now) {
      sqlite.write(() => {
        sqlite.run(
          'insert into secret_key (hash, id, tenant_id, name, created_at) values (?, ?, ?, ?, ?)',
          key.hash,
          newId('key', now),
          tenantId,
          key.name,
          now,
        );
      });
    },
    findSecretKey(hash) {
      const row = sqlite.get(SELECT_SECRET_KEY, hash);
      if (row === undefined) return null;
      return { id: text(row, 'id'), tenantId: text(row, 'tenant_id'), mode: text(row, 'mode') as Mode };
    },
    signingKeys(fresh, now) {
      return sqlite.write(() => {
        const rows = sqlite.all('select kid, secret from signing_key order by created_at desc, kid');
        if (rows.length > 0)
          return rows.map((row) => ({ kid: text(row, 'kid'), secret: bytes(row, 'secret') }));
        sqlite.run(
          'insert into signing_key (kid, secret, created_at) values (?, ?, ?)',
          fresh.kid,
          Buffer.from(fresh.secret),
          now,
        );
        return [fresh];
      });
    },
  };
}

/** What a new catalog takes away although something lives on it: prices subscribed to, features counted. */
function namesInUse(
  sqlite: Sqlite,
  tenantId: string,
  present: CatalogDocument,
  next: CatalogDocument,
  now: number,
): string[] {
  const { features, prices } = takenAway(present, next);
  return [
    ...features
      .filter((key) => sqlite.get(SELECT_COUNTED, tenantId, key) !== undefined)
      .map((key) => `feature ${key}`),
    ...prices
      .filter((id) => sqlite.get(SELECT_LIVE_ON_PRICE, tenantId, id, now) !== undefined)
      .map((id) => `price ${id}`),
  ];
}

const SELECT_CUSTOMER = {
  id: `select ${list(CUSTOMER_COLUMNS)} from customer where tenant_id = ? and id = ?`,
  external_id: `select ${list(CUSTOMER_COLUMNS)} from customer where tenant_id = ? and external_id = ?`,
};
const INSERT_CUSTOMER = `insert into customer (tenant_id, ${list(CUSTOMER_COLUMNS)}) values (?, ${marks(CUSTOMER_COLUMNS)})`;
const SELECT_SUBSCRIPTION = `select ${list(SUBSCRIPTION_COLUMNS)} from subscription where tenant_id = ? and id = ?`;
/** The index is named: by itself SQLite walks through all subscriptions of the tenant, 40 µs for 1 000 of them. */
const SELECT_LATEST_SUBSCRIPTION = `select ${list(SUBSCRIPTION_COLUMNS)} from subscription indexed by subscription_by_customer
  where tenant_id = ? and customer_id = ? order by started_at desc, implicit limit 1`;
const UPDATE_PLAN_CHANGED = `update customer
  set revision = revision + ?, anchor = coalesce(anchor, ?), updated_at = ? where tenant_id = ? and id = ?`;
const UPSERT_SUBSCRIPTION = `insert into subscription (tenant_id, ${list(SUBSCRIPTION_COLUMNS)})
  values (?, ${marks(SUBSCRIPTION_COLUMNS)})
  on conflict (tenant_id, id) do update set ${excluded(SUBSCRIPTION_COLUMNS.slice(2))}`;
const SELECT_TRIAL = `select 1 from subscription indexed by subscription_by_customer
  where tenant_id = ? and customer_id = ? and product_id = ? and trial_end is not null limit 1`;
const SELECT_LIVE_ON_PRICE = `select 1 from subscription
  where tenant_id = ? and price_id = ? and status <> 'canceled' and (ends_at is null or ends_at > ?) limit 1`;
const SELECT_COUNTED = 'select 1 from counter where tenant_id = ? and feature = ? limit 1';
const UPSERT_CATALOG = `insert into catalog (tenant_id, revision, document, updated_at) values (?, ?, ?, ?)
  on conflict (tenant_id) do update set revision = excluded.revision, document = excluded.document,
    updated_at = excluded.updated_at`;
const UPSERT_DISMISSAL = `insert into nudge_dismissal (tenant_id, customer_id, nudge_id, until) values (?, ?, ?, ?)
  on conflict (tenant_id, customer_id, nudge_id) do update set until = excluded.until`;
const SELECT_SECRET_KEY = `select k.id, k.tenant_id, t.mode from secret_key k join tenant t on t.id = k.tenant_id
  where k.hash = ? and k.revoked_at is null`;
