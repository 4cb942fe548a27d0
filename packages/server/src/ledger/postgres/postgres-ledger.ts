import type { Verdict } from '../../metering/decide.ts';
import { OPERATOR, signed, type SignedCommand } from '../audit-trail.ts';
import { changeListeners, usageChanges } from '../changes.ts';
import { groupCommit } from '../group-commit.ts';
import type { Change, Ledger, TenantLedger } from '../ledger.ts';
import { accountReads } from '../account-reads.ts';
import { readAccounts } from './accounts.ts';
import { auditTrail } from './audit.ts';
import { UNOBSERVED } from '../observer.ts';
import { number } from '../rows.ts';
import { catalogCache } from './catalogs.ts';
import { changedSince } from './changed-since.ts';
import { findCustomer, findStandings } from './customers.ts';
import { openDatabase, READING_CONNECTIONS_MAX, TRACKING_CONNECTIONS_MAX } from './database.ts';
import { knownStandings } from './known-standings.ts';
import { migrate, schemaVersion } from './migrate.ts';
import { MIGRATIONS } from './migrations.ts';
import { openChangeFeed } from './notifications.ts';
import * as plans from './plans.ts';
import * as profiles from './profiles.ts';
import { grantsHold, revokeToken } from './grants.ts';
import * as store from './store.ts';
import { sweep } from './sweep.ts';
import { track } from './track.ts';
import { verifyPostgres } from './verify.ts';
import type { Written } from './written.ts';

export interface PostgresSettings {
  /** `postgres://…`; a pooler in transaction mode may stand there. */
  url: string;
  /** Past any pooler, to listen and to migrate; `url` when not given. */
  directUrl?: string | undefined;
}

/**
 * The ledger on PostgreSQL 14 or newer, shared by any number of processes. Whatever they do at once, the rows they
 * lock decide who is first; see {@link track}.
 * @throws Error when the database cannot be reached or used; the message says what to do.
 */
export async function openPostgresLedger(
  settings: PostgresSettings,
  clock: () => number,
  observer = UNOBSERVED,
): Promise<Ledger> {
  const { url, directUrl = url } = settings;
  await migrate(directUrl);
  const listeners = changeListeners();
  const tenantIds = new Set<string>();
  const database = openDatabase(url);
  const feed = await openChangeFeed({
    url: directUrl,
    hear: (changes) => listeners.publish(changes),
    notify: (channel, payload) => database.query(NOTIFY, channel, payload),
    tenants: () => tenantIds,
  }).catch(async (error: unknown) => {
    await database.close();
    throw error;
  });
  const catalogs = catalogCache();
  const known = knownStandings();

  let closing: Promise<void> | undefined;

  const publish = (changes: readonly Change[]): void => {
    listeners.publish(changes);
    feed.tell(changes);
  };
  const published = async <T>(writing: Promise<Written<T>>): Promise<T> => {
    const { result, changes } = await writing;
    publish(changes);
    return result;
  };

  const commits = groupCommit<SignedCommand, Verdict>({
    lanesMax: TRACKING_CONNECTIONS_MAX,
    commit: (batch) =>
      Promise.all(
        batch.map(async (share) => {
          const verdicts = await track(database, catalogs, known, share.tenantId, share.commands, clock);
          publish(usageChanges(share, verdicts));
          return verdicts;
        }),
      ),
    onCommit: (...batch) => observer.committed(...batch),
    onShed: (commands) => observer.shed(commands),
  });

  const account = accountReads({
    lanesMax: READING_CONNECTIONS_MAX,
    commit: (batch) =>
      Promise.all(
        batch.map(({ tenantId, commands }) => readAccounts(database, catalogs, known, tenantId, commands)),
      ),
  });

  const tenant = (tenantId: string, author = OPERATOR): TenantLedger => ({
    track: (commands) => commits.submit(tenantId, signed(commands, author)),
    account: (externalId, now, feature) => account(tenantId, { externalId, now, feature }),
    catalog: () => store.readDocument(database, catalogs, tenantId),
    putCatalog: (document, now) => published(store.putCatalog(database, tenantId, document, author, now)),
    event: (externalId, origin, key) => store.findEvent(database, tenantId, externalId, origin, key),
    customer: (id) => findCustomer(database, tenantId, id),
    async customerByExternalId(externalId) {
      const { customers } = await findStandings(database, catalogs, tenantId, [externalId]);
      return customers.get(externalId) ?? null;
    },
    ensureCustomer: (externalId, profile, now) =>
      profiles.ensureCustomer(database, catalogs, tenantId, externalId, profile, now),
    createCustomer: (externalId, profile, now) =>
      profiles.createCustomer(database, catalogs, tenantId, externalId, profile, now),
    updateCustomer: (id, profile, now) => profiles.updateCustomer(database, tenantId, id, profile, now),
    async deleteCustomer(id, now) {
      const deleted = await published(profiles.deleteCustomer(database, tenantId, id, author, now));
      // Of one who is gone already, too: the first time may have been broken off.
      await profiles.clearEvents(database, tenantId, id);
      return deleted;
    },
    subscribe: (customerId, priceId, metadata, now) =>
      published(
        plans.subscribeCustomer(database, catalogs, tenantId, { customerId, priceId, metadata }, author, now),
      ),
    subscription: (id) => plans.findSubscription(database, tenantId, id),
    subscriptions: (customerId) => plans.listSubscriptions(database, tenantId, customerId),
    updateSubscription: (id, change, now) =>
      published(plans.updateSubscription(database, catalogs, tenantId, id, change, author, now)),
    revokeToken: (tokenId, until, now) => revokeToken(database, tenantId, tokenId, until, author, now),
    grantsHold: (grants) => grantsHold(database, tenantId, grants),
    changedSince: (shown) => changedSince(database, tenantId, shown),
    dismissNudge: (externalId, nudgeId, until) =>
      published(store.dismissNudge(database, tenantId, externalId, nudgeId, until)),
  });

  return {
    tenant(tenantId, author) {
      tenantIds.add(tenantId);
      return tenant(tenantId, author);
    },
    ensureTenant: (organization, mode, now) => store.ensureTenant(database, organization, mode, now),
    addSecretKey: (tenantId, key, now) => store.addSecretKey(database, tenantId, key, now),
    findSecretKey: (hash) => store.findSecretKey(database, hash),
    listSecretKeys: () => store.listSecretKeys(database),
    revokeSecretKey: (id, now) => store.revokeSecretKey(database, id, now),
    signingKeys: (fresh, now) => store.signingKeys(database, fresh, now),
    auditTrail: (after) => auditTrail(database, after),
    onChange: listeners.add,
    sweep: (now) => sweep(database, now),
    isReady: async () => (await schemaVersion(database)) >= MIGRATIONS.length,
    verify: (now, progress) => verifyPostgres(directUrl, now, progress),
    load: () => ({ queued: commits.depth, connections: database.connections() }),
    async storeBytes() {
      const [row] = await database.query(STORE_BYTES);
      return row === undefined ? 0 : number(row, 'bytes');
    },
    close: () => (closing ??= database.close().then(() => feed.close())),
  };
}

/** Tables and indexes of the schema that holds the events: the database may hold other things beside. */
const STORE_BYTES = {
  name: 'store_bytes',
  text: `select coalesce(sum(pg_total_relation_size(oid)), 0)::bigint as bytes from pg_class
  where relkind = 'r' and relnamespace = (select relnamespace from pg_class where oid = 'event'::regclass)`,
};
const NOTIFY = { name: 'notify', text: 'select pg_notify($1, $2)' };
