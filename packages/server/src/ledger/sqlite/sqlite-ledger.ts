import { statSync } from 'node:fs';
import { dirname } from 'node:path';
import type { CatalogDocument } from '../../metering/catalog.ts';
import type { Origin, TrackCommand, Verdict } from '../../metering/decide.ts';
import { withProfile, type Profile } from '../../metering/customer.ts';
import type { Shown } from '../account.ts';
import { accountReads } from '../account-reads.ts';
import { OPERATOR, signed, type Author, type SignedCommand } from '../audit-trail.ts';
import { changeListeners, usageChanges } from '../changes.ts';
import { groupCommit } from '../group-commit.ts';
import {
  LedgerUnavailableError,
  type Grant,
  type Ledger,
  type SubscriptionChange,
  type TenantLedger,
} from '../ledger.ts';
import { UNOBSERVED } from '../observer.ts';
import { startCheckpoints } from './checkpoints.ts';
import { openSqlite, StoreFailedError } from './database.ts';
import { makeFolder } from './folder.ts';
import { MIGRATIONS } from './migrations.ts';
import { packBatch, unpackVerdicts } from './packing.ts';
import { sqliteStore } from './store.ts';
import { verifySqlite } from './verify.ts';
import { startWriter } from './writer.ts';

/**
 * One file takes all tenants in one transaction, for one fsync. The writer takes one batch after the other; the second
 * is there when the first is done: 1.3 times as fast.
 */
export const WRITER_LANES = { lanesMax: 2, mixesTenants: true };

/**
 * The embedded ledger: one SQLite file, written by a worker thread with group commit, read here on a connection of
 * its own. A read begins after the commit whose reply the caller has seen, and so contains it.
 */
export async function openSqliteLedger(
  path: string,
  clock: () => number,
  observer = UNOBSERVED,
): Promise<Ledger> {
  makeFolder(dirname(path));
  const writer = await startWriter(path, (error) => observer.failed(error));
  const checkpoints = startCheckpoints(path, () => writer.call('checkpoint'));
  const sqlite = openSqlite(path);
  const reader = sqliteStore(sqlite);
  const listeners = changeListeners();
  const { publish } = listeners;

  const commits = groupCommit<SignedCommand, Verdict>({
    ...WRITER_LANES,
    async commit(batch) {
      const verdicts = unpackVerdicts(await writer.call('track', packBatch(batch), clock()));
      checkpoints.due();
      publish(batch.flatMap((share, index) => usageChanges(share, verdicts[index] ?? [])));
      return verdicts;
    },
    onCommit: (...batch) => observer.committed(...batch),
    onShed: (commands) => observer.shed(commands),
  });

  const account = accountReads({
    mixesTenants: true,
    commit: read((batch) => reader.accounts(batch)),
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
      return readNow(() => reader.catalog(this.#id));
    }

    event(externalId: string, origin: Origin, key: string) {
      return readNow(() => reader.event(this.#id, externalId, origin, key));
    }

    customer(id: string) {
      return readNow(() => reader.customer(this.#id, id));
    }

    customerByExternalId(externalId: string) {
      return readNow(() => reader.customerByExternalId(this.#id, externalId));
    }

    subscription(id: string) {
      return readNow(() => reader.subscription(this.#id, id));
    }

    subscriptions(customerId: string) {
      return readNow(() => reader.subscriptions(this.#id, customerId));
    }

    grantsHold(grants: readonly Grant[]) {
      return readNow(() => reader.grantsHold(this.#id, grants));
    }

    changedSince(shown: readonly Shown[]) {
      return readNow(() => reader.changedSince(this.#id, shown));
    }

    async ensureCustomer(externalId: string, profile: Profile, now: number) {
      const known = await this.customerByExternalId(externalId);
      return known !== null && withProfile(known, profile, now) === known
        ? known
        : writer.call('ensureCustomer', this.#id, externalId, profile, now);
    }

    createCustomer(externalId: string, profile: Profile, now: number) {
      return writer.call('createCustomer', this.#id, externalId, profile, now);
    }

    updateCustomer(id: string, profile: Profile, now: number) {
      return writer.call('updateCustomer', this.#id, id, profile, now);
    }

    async deleteCustomer(id: string, now: number) {
      const deleted = await writer.call('deleteCustomer', this.#id, id, this.#author, now);
      if (deleted !== null) publish([{ kind: 'plan', tenantId: this.#id, externalId: deleted.externalId }]);
      // Of one who is gone already, too: the first time may have been broken off.
      await clearEvents(this.#id, id);
      return deleted !== null;
    }

    async putCatalog(document: CatalogDocument, now: number) {
      const outcome = await writer.call('putCatalog', this.#id, document, this.#author, now);
      if (outcome.kind === 'kept' && outcome.changed) publish([{ kind: 'catalog', tenantId: this.#id }]);
      return outcome;
    }

    async subscribe(customerId: string, priceId: string, metadata: Record<string, unknown>, now: number) {
      const author = this.#author;
      const outcome = await writer.call('subscribe', this.#id, customerId, priceId, metadata, author, now);
      if (outcome.kind === 'created') await this.#planChanged(customerId);
      return outcome;
    }

    async updateSubscription(id: string, change: SubscriptionChange, now: number) {
      const outcome = await writer.call('updateSubscription', this.#id, id, change, this.#author, now);
      if (outcome.kind === 'updated') await this.#planChanged(outcome.subscription.customerId);
      return outcome;
    }

    revokeToken(tokenId: string, until: number, now: number) {
      return writer.call('revokeToken', this.#id, tokenId, until, this.#author, now);
    }

    async dismissNudge(externalId: string, nudgeId: string, until: number) {
      await writer.call('dismissNudge', this.#id, externalId, nudgeId, until);
      publish([{ kind: 'plan', tenantId: this.#id, externalId }]);
    }

    async #planChanged(customerId: string): Promise<void> {
      const moved = await this.customer(customerId);
      if (moved !== null) publish([{ kind: 'plan', tenantId: this.#id, externalId: moved.externalId }]);
    }
  }

  /** Each step in a transaction of its own, between which others write. */
  async function clearEvents(tenantId: string, customerId: string): Promise<void> {
    while (await writer.call('clearEvents', tenantId, customerId));
  }

  return {
    tenant: (tenantId, author = OPERATOR) => new Tenant(tenantId, author),
    ensureTenant: (organization, mode, now) => writer.call('ensureTenant', organization, mode, now),
    addSecretKey: (tenantId, key, now) => writer.call('addSecretKey', tenantId, key, now),
    findSecretKey: read((hash) => reader.findSecretKey(hash)),
    listSecretKeys: read(() => reader.listSecretKeys()),
    revokeSecretKey: (id, now) => writer.call('revokeSecretKey', id, now),
    signingKeys: (fresh, now) => writer.call('signingKeys', fresh, now),
    auditTrail: read((after) => reader.auditTrail(after)),
    onChange: (listener) => listeners.add(listener),
    async sweep(now) {
      let removed = 0;
      for (const tenantId of reader.tenantIds()) {
        for (let more = true; more;) {
          const step = await writer.call('sweep', tenantId, now);
          removed += step.removed;
          more = step.more;
        }
        for (const id of reader.talkative(tenantId)) await clearEvents(tenantId, id);
      }
      return removed;
    },
    // Asked of the thread that writes: without it there is no ledger.
    isReady: async () => (await writer.call('schemaVersion')) >= MIGRATIONS.length,
    verify: read((now, progress) => verifySqlite(path, now, progress)),
    load: () => ({ queued: commits.depth, connections: null }),
    storeBytes: read(() => sizeOf(path) + sizeOf(`${path}-wal`)),
    async close() {
      await checkpoints.close();
      await writer.close();
      sqlite.close();
    },
  };
}

function sizeOf(path: string): number {
  return statSync(path, { throwIfNoEntry: false })?.size ?? 0;
}

function read<Args extends unknown[], Result>(
  work: (...args: Args) => Result,
): (...args: Args) => Promise<Result> {
  return (...args) => readNow(() => work(...args));
}

/** Reads are synchronous here, but a ledger's are not: what throws becomes a rejection. */
function readNow<Result>(work: () => Result): Promise<Result> {
  return new Promise<Result>((resolve) => resolve(work())).catch((error: unknown) => {
    if (error instanceof StoreFailedError) throw new LedgerUnavailableError(error.message, { cause: error });
    throw error;
  });
}
