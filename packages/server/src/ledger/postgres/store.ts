import type { Catalog, CatalogDocument } from '../../metering/catalog.ts';
import { takenAway } from '../../metering/catalog-change.ts';
import type { Origin, UsageEvent } from '../../metering/decide.ts';
import { REVISION_STEP } from '../../metering/subscription.ts';
import { catalogEntry, keyEntry, type Author } from '../audit-trail.ts';
import { newId } from '../ids.ts';
import {
  LedgerUnavailableError,
  type Mode,
  type SecretKeyEntry,
  type SecretKeyRecord,
  type SigningKey,
  type TenantLedger,
} from '../ledger.ts';
import { bytes, EVENT_COLUMNS, text, toEvent, toSecretKeyEntry } from '../rows.ts';
import { saveAudit } from './audit.ts';
import { readCatalog, type Catalogs } from './catalogs.ts';
import type { Database, Transaction } from './database.ts';
import { listOf, storable } from './sql.ts';
import { unchanged, type Written } from './written.ts';

/** The catalog, events by their keys, dismissals, tenants and their keys. */

type Kept = Awaited<ReturnType<TenantLedger['putCatalog']>>;

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
  author: Author,
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
    const next = { revision: present.revision + REVISION_STEP, document: written };
    await transaction.query(UPDATE_CATALOG, tenantId, next.revision, written, now);
    await saveAudit(transaction, tenantId, [catalogEntry(author, tenantId, next, now)]);
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

/** The event that holds an idempotency key. */
export async function findEvent(
  database: Database,
  tenantId: string,
  externalId: string,
  origin: Origin,
  idempotencyKey: string,
): Promise<UsageEvent | null> {
  const [row] = await database.query(
    SELECT_EVENT,
    tenantId,
    storable(externalId),
    origin,
    storable(idempotencyKey),
  );
  return row === undefined ? null : toEvent(row);
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
  await database.transaction(async (transaction) => {
    await transaction.query(INSERT_SECRET_KEY, key.hash, id, tenantId, key.name, now);
    await saveAudit(transaction, tenantId, [keyEntry('key.created', { id, name: key.name }, now)]);
  });
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
  return database.transaction(async (transaction) => {
    const [working] = await transaction.query(REVOKE_SECRET_KEY, storable(id), now);
    if (working !== undefined) {
      const revoked = { id, name: text(working, 'name') };
      await saveAudit(transaction, text(working, 'tenant_id'), [keyEntry('key.revoked', revoked, now)]);
    }
    const [row] = await transaction.query(SELECT_KEY_ENTRY, storable(id));
    return row === undefined ? null : toSecretKeyEntry(row);
  });
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

const SELECT_EVENT = {
  name: 'event_by_key',
  text: `select ${listOf(EVENT_COLUMNS, 'e')}
  from (select id from customer where tenant_id = $1 and external_id = $2) c
  cross join lateral (
    select event_id from idempotency where tenant_id = $1 and customer_id = c.id and origin = $3 and key = $4
    limit 1
  ) i
  cross join lateral (
    select * from event where tenant_id = $1 and id = i.event_id
      and customer_id = c.id and origin = $3 and idempotency_key = $4
    limit 1
  ) e`,
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
const SELECT_KEY_ENTRY = {
  name: 'secret_key_entry',
  text: `select ${KEY_ENTRY} from secret_key k join tenant t on t.id = k.tenant_id where k.id = $1`,
};
const REVOKE_SECRET_KEY = {
  name: 'secret_key_revoke',
  text: `update secret_key set revoked_at = $2 where id = $1 and revoked_at is null
  returning tenant_id, name`,
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
