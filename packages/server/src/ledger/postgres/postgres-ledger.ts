import type { CatalogDocument } from '../../metering/catalog.ts';
import type { Profile } from '../../metering/customer.ts';
import type { Origin, TrackCommand, Verdict } from '../../metering/decide.ts';
import type { Shown } from '../account.ts';
import { OPERATOR, signed, type Author, type SignedCommand } from '../audit-trail.ts';
import { changeListeners, usageChanges } from '../changes.ts';
import { groupCommit } from '../group-commit.ts';
import type { Change, Grant, Ledger, SubscriptionChange, TenantLedger } from '../ledger.ts';
import { accountReads } from '../account-reads.ts';
import { readAccounts } from './accounts.ts';
import { auditTrail } from './audit.ts';
import { UNOBSERVED } from '../observer.ts';
import { number } from '../rows.ts';
import { catalogCache } from './catalogs.ts';
import { changedSince } from './changed-since.ts';
import { findCustomer, findStandings } from './customers.ts';
import { openDatabase, READING_CONNECTIONS_MAX, TRACKING_LANES } from './database.ts';
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
    ...TRACKING_LANES,
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

  /** A class, for one is made with every request: as an object of closures each takes 3 KB. */
  class Tenant implements TenantLedger {
    readonly #id: string;
    readonly #author: Author;

    constructor(id: string, author: Author) {
      this.#id = id;
      this.#author = author;
    }

    track(commands: readonly TrackCommand[]) {
      return commits.submit(this.#id, signed(commands, this.#author));
    }

    account(externalId: string, now: number, feature?: string) {
      return account(this.#id, { externalId, now, feature });
    }

    catalog() {
      return store.readDocument(database, catalogs, this.#id);
    }

    putCatalog(document: CatalogDocument, now: number) {
      return published(store.putCatalog(database, this.#id, document, this.#author, now));
    }

    event(externalId: string, origin: Origin, key: string) {
      return store.findEvent(database, this.#id, externalId, origin, key);
    }

    customer(id: string) {
      return findCustomer(database, this.#id, id);
    }

    async customerByExternalId(externalId: string) {
      const { customers } = await findStandings(database, catalogs, this.#id, [externalId]);
      return customers.get(externalId) ?? null;
    }

    ensureCustomer(externalId: string, profile: Profile, now: number) {
      return profiles.ensureCustomer(database, catalogs, this.#id, externalId, profile, now);
    }

    createCustomer(externalId: string, profile: Profile, now: number) {
      return profiles.createCustomer(database, catalogs, this.#id, externalId, profile, now);
    }

    updateCustomer(id: string, profile: Profile, now: number) {
      return profiles.updateCustomer(database, this.#id, id, profile, now);
    }

    async deleteCustomer(id: string, now: number) {
      const deleted = await published(profiles.deleteCustomer(database, this.#id, id, this.#author, now));
      // Of one who is gone already, too: the first time may have been broken off.
      await profiles.clearEvents(database, this.#id, id);
      return deleted;
    }

    subscribe(customerId: string, priceId: string, metadata: Record<string, unknown>, now: number) {
      const asked = { customerId, priceId, metadata };
      return published(plans.subscribeCustomer(database, catalogs, this.#id, asked, this.#author, now));
    }

    subscription(id: string) {
      return plans.findSubscription(database, this.#id, id);
    }

    subscriptions(customerId: string) {
      return plans.listSubscriptions(database, this.#id, customerId);
    }

    updateSubscription(id: string, change: SubscriptionChange, now: number) {
      return published(plans.updateSubscription(database, catalogs, this.#id, id, change, this.#author, now));
    }

    revokeToken(tokenId: string, until: number, now: number) {
      return revokeToken(database, this.#id, tokenId, until, this.#author, now);
    }

    grantsHold(grants: readonly Grant[]) {
      return grantsHold(database, this.#id, grants);
    }

    changedSince(shown: readonly Shown[]) {
      return changedSince(database, this.#id, shown);
    }

    dismissNudge(externalId: string, nudgeId: string, until: number) {
      return published(store.dismissNudge(database, this.#id, externalId, nudgeId, until));
    }
  }

  return {
    tenant(tenantId, author = OPERATOR) {
      tenantIds.add(tenantId);
      return new Tenant(tenantId, author);
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
