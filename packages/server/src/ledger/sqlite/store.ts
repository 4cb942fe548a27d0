import { compileCatalog, EMPTY_CATALOG, type Catalog, type CatalogDocument } from '../../metering/catalog.ts';
import { takenAway } from '../../metering/catalog-change.ts';
import type { Origin, UsageEvent, Verdict } from '../../metering/decide.ts';
import { REVISION_STEP, standingAt } from '../../metering/subscription.ts';
import { counterId, meteredKeys, type Counter } from '../../metering/usage.ts';
import type { Account, AccountRead, Shown } from '../account.ts';
import { catalogEntry, keyEntry, type Author, type SignedCommand } from '../audit-trail.ts';
import type { Share } from '../group-commit.ts';
import { newId } from '../ids.ts';
import type {
  AuditRecord,
  Change,
  Grant,
  Mode,
  SecretKeyEntry,
  SecretKeyRecord,
  SigningKey,
} from '../ledger.ts';
import { bytes, number, text, toSecretKeyEntry } from '../rows.ts';
import { auditTrail, saveAudit } from './audit.ts';
import { changedSince } from './changed-since.ts';
import { sqliteCustomers, type SqliteCustomers } from './customers.ts';
import { schemaVersion, type Sqlite } from './database.ts';
import { grantsHold, revokeToken } from './grants.ts';
import { memoryOf, type Known } from './memory.ts';
import { sweepTenant } from './sweep.ts';
import { findRecorded, recallCounter, tracker } from './track.ts';

/**
 * The ledger's operations on one SQLite connection, synchronously. The worker thread runs those that write, the
 * main thread those that read.
 */
export interface SqliteStore extends SqliteCustomers {
  track(batch: readonly Share<SignedCommand>[], now: number): readonly (readonly Verdict[])[];
  /** Accounts as of one instant of the store. */
  accounts(batch: readonly Share<AccountRead>[]): Account[][];
  catalog(tenantId: string): { document: CatalogDocument; catalog: Catalog };
  putCatalog(
    tenantId: string,
    document: CatalogDocument,
    author: Author,
    now: number,
  ): { kind: 'kept'; changed: boolean } | { kind: 'in_use'; names: string[] };
  event(tenantId: string, externalId: string, origin: Origin, idempotencyKey: string): UsageEvent | null;
  revokeToken(tenantId: string, tokenId: string, until: number, author: Author, now: number): void;
  grantsHold(tenantId: string, grants: readonly Grant[]): boolean[];
  changedSince(tenantId: string, shown: readonly Shown[]): Change[];
  tenantIds(): string[];
  /** One bounded step of the sweep; `more` says whether another would find something. */
  sweep(tenantId: string, now: number): { removed: number; more: boolean };
  dismissNudge(tenantId: string, externalId: string, nudgeId: string, until: number): void;
  ensureTenant(organization: string, mode: Mode, now: number): string;
  addSecretKey(tenantId: string, key: { hash: string; name: string }, now: number): string;
  findSecretKey(hash: string): SecretKeyRecord | null;
  listSecretKeys(): SecretKeyEntry[];
  revokeSecretKey(id: string, now: number): SecretKeyEntry | null;
  signingKeys(fresh: SigningKey, now: number): SigningKey[];
  auditTrail(after: string): AuditRecord[];
  schemaVersion(): number;
  /** Moves what is in the log into the store. */
  checkpoint(): void;
}

/** Compiled catalogs kept, one a tenant; the oldest goes first. */
const CATALOGS_MAX = 1_000;

export function sqliteStore(sqlite: Sqlite): SqliteStore {
  const catalogs = new Map<string, Catalog>();
  const memory = memoryOf(sqlite);
  const customers = sqliteCustomers(sqlite, catalogOf);

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

  function readAccounts(batch: readonly Share<AccountRead>[]): Account[][] {
    const { accounts, remember } = sqlite.read(() => {
      const knownOf = memory.recall();
      const accounts = batch.map(({ tenantId, commands }) => {
        const catalog = catalogOf(tenantId);
        const known = knownOf(tenantId);
        return commands.map((read) => readAccount(tenantId, catalog, known, read));
      });
      return { accounts, remember: memory.seal() };
    });
    remember();
    return accounts;
  }

  function readAccount(tenantId: string, catalog: Catalog, known: Known, read: AccountRead): Account {
    const { externalId, now, feature } = read;
    const customer = known.customers.get(externalId) ?? customers.customerByExternalId(tenantId, externalId);
    if (customer === null) {
      const deleted = customers.isDeleted(tenantId, externalId);
      return { customer, deleted, catalog, counters: new Map(), dismissals: new Map() };
    }
    known.customers.set(externalId, customer);
    const counters = new Map<string, Counter>();
    for (const key of meteredKeys(standingAt(customer, catalog, now), catalog, customer.id, now, feature)) {
      const counter = recallCounter(sqlite, tenantId, key, known.counters);
      if (counter !== null) counters.set(counterId(key), counter);
    }
    const dismissals = feature === undefined ? readDismissals(tenantId, customer.id, now) : new Map();
    return { customer, deleted: false, catalog, counters, dismissals };
  }

  function readDismissals(tenantId: string, customerId: string, now: number): Map<string, number> {
    const rows = sqlite.all(SELECT_DISMISSALS, tenantId, customerId, now);
    return new Map(rows.map((row) => [text(row, 'nudge_id'), number(row, 'until')]));
  }

  const reading =
    <Args extends unknown[], T>(work: (...args: Args) => T) =>
    (...args: Args): T =>
      sqlite.read(() => work(...args));
  const writing =
    <Args extends unknown[], T>(work: (...args: Args) => T) =>
    (...args: Args): T =>
      sqlite.write(() => work(...args));

  return {
    track: tracker(sqlite, {
      catalogOf,
      ensureCustomer: (tenantId, externalId, now) => customers.ensureCustomer(tenantId, externalId, {}, now),
    }),
    accounts: readAccounts,
    catalog: (tenantId) =>
      sqlite.read(() => ({ document: catalogRow(tenantId).document, catalog: catalogOf(tenantId) })),
    putCatalog(tenantId, document, author, now) {
      return sqlite.write(() => {
        const { document: present, revision } = catalogRow(tenantId);
        const written = JSON.stringify(document);
        if (JSON.stringify(present) === written) return { kind: 'kept', changed: false };
        const names = namesInUse(sqlite, tenantId, present, document, now);
        if (names.length > 0) return { kind: 'in_use', names };
        const next = { revision: revision + REVISION_STEP, document: written };
        sqlite.run(UPSERT_CATALOG, tenantId, next.revision, written, now);
        saveAudit(sqlite, tenantId, [catalogEntry(author, tenantId, next, now)]);
        return { kind: 'kept', changed: true };
      });
    },
    event: reading((tenantId: string, externalId: string, origin: Origin, idempotencyKey: string) => {
      const customer = customers.customerByExternalId(tenantId, externalId);
      return customer && (findRecorded(sqlite, tenantId, customer.id, origin, idempotencyKey) ?? null);
    }),
    customer: reading(customers.customer),
    customerByExternalId: reading(customers.customerByExternalId),
    isDeleted: reading(customers.isDeleted),
    ensureCustomer: writing(customers.ensureCustomer),
    createCustomer: writing(customers.createCustomer),
    updateCustomer: writing(customers.updateCustomer),
    deleteCustomer: writing(customers.deleteCustomer),
    talkative: reading(customers.talkative),
    clearEvents: writing(customers.clearEvents),
    subscribe: writing(customers.subscribe),
    subscription: reading(customers.subscription),
    subscriptions: reading(customers.subscriptions),
    updateSubscription: writing(customers.updateSubscription),
    revokeToken: writing((tenantId: string, tokenId: string, until: number, author: Author, now: number) =>
      revokeToken(sqlite, tenantId, tokenId, until, author, now),
    ),
    grantsHold: reading((tenantId: string, grants: readonly Grant[]) => grantsHold(sqlite, tenantId, grants)),
    changedSince: reading((tenantId: string, shown: readonly Shown[]) =>
      changedSince(sqlite, customers, tenantId, shown),
    ),
    tenantIds: () => sqlite.all('select id from tenant').map((row) => text(row, 'id')),
    sweep: writing((tenantId: string, now: number) => sweepTenant(sqlite, tenantId, now)),
    dismissNudge(tenantId, externalId, nudgeId, until) {
      sqlite.write(() => {
        const customer = customers.customerByExternalId(tenantId, externalId);
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
      return sqlite.write(() => {
        const id = newId('key', now);
        sqlite.run(
          'insert into secret_key (hash, id, tenant_id, name, created_at) values (?, ?, ?, ?, ?)',
          key.hash,
          id,
          tenantId,
          key.name,
          now,
        );
        saveAudit(sqlite, tenantId, [keyEntry('key.created', { id, name: key.name }, now)]);
        return id;
      });
    },
    findSecretKey(hash) {
      const row = sqlite.get(SELECT_SECRET_KEY, hash);
      if (row === undefined) return null;
      return { id: text(row, 'id'), tenantId: text(row, 'tenant_id'), mode: text(row, 'mode') as Mode };
    },
    listSecretKeys: () =>
      sqlite.all(`${SELECT_KEY_ENTRIES} order by k.created_at, k.id`).map(toSecretKeyEntry),
    revokeSecretKey(id, now) {
      return sqlite.write(() => {
        const working = sqlite.get(
          'update secret_key set revoked_at = ? where id = ? and revoked_at is null returning tenant_id, name',
          now,
          id,
        );
        if (working !== undefined) {
          const revoked = { id, name: text(working, 'name') };
          saveAudit(sqlite, text(working, 'tenant_id'), [keyEntry('key.revoked', revoked, now)]);
        }
        const row = sqlite.get(`${SELECT_KEY_ENTRIES} where k.id = ?`, id);
        return row === undefined ? null : toSecretKeyEntry(row);
      });
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
    auditTrail: (after) => auditTrail(sqlite, after),
    schemaVersion: () => schemaVersion(sqlite),
    checkpoint: () => void sqlite.all('pragma wal_checkpoint(passive)'),
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

const SELECT_LIVE_ON_PRICE = `select 1 from subscription
  where tenant_id = ? and price_id = ? and status <> 'canceled' and (ends_at is null or ends_at > ?) limit 1`;
const SELECT_COUNTED = 'select 1 from counter where tenant_id = ? and feature = ? limit 1';
const UPSERT_CATALOG = `insert into catalog (tenant_id, revision, document, updated_at) values (?, ?, ?, ?)
  on conflict (tenant_id) do update set revision = excluded.revision, document = excluded.document,
    updated_at = excluded.updated_at`;
const SELECT_DISMISSALS =
  'select nudge_id, until from nudge_dismissal where tenant_id = ? and customer_id = ? and until > ?';
const UPSERT_DISMISSAL = `insert into nudge_dismissal (tenant_id, customer_id, nudge_id, until) values (?, ?, ?, ?)
  on conflict (tenant_id, customer_id, nudge_id) do update set until = excluded.until`;
const SELECT_SECRET_KEY = `select k.id, k.tenant_id, t.mode from secret_key k join tenant t on t.id = k.tenant_id
  where k.hash = ? and k.revoked_at is null`;
const SELECT_KEY_ENTRIES = `select k.id, t.organization, t.mode, k.name, k.created_at, k.revoked_at
  from secret_key k join tenant t on t.id = k.tenant_id`;
