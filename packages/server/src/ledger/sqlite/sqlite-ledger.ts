import { statSync } from 'node:fs';
import { dirname } from 'node:path';
import type { Verdict } from '../../metering/decide.ts';
import { withProfile } from '../../metering/customer.ts';
import { accountReads } from '../account-reads.ts';
import { OPERATOR, signed, type SignedCommand } from '../audit-trail.ts';
import { changeListeners, usageChanges } from '../changes.ts';
import { groupCommit } from '../group-commit.ts';
import { LedgerUnavailableError, type Change, type Ledger, type TenantLedger } from '../ledger.ts';
import { UNOBSERVED } from '../observer.ts';
import { startCheckpoints } from './checkpoints.ts';
import { openSqlite, StoreFailedError } from './database.ts';
import { makeFolder } from './folder.ts';
import { MIGRATIONS } from './migrations.ts';
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
      const verdicts = await writer.call('track', batch, clock());
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

  const customer = read((tenantId: string, id: string) => reader.customer(tenantId, id));
  const customerByExternalId = read((tenantId: string, externalId: string) =>
    reader.customerByExternalId(tenantId, externalId),
  );

  const tenant = (tenantId: string, author = OPERATOR): TenantLedger => ({
    track: (commands) => commits.submit(tenantId, signed(commands, author)),
    account: (externalId, now, feature) => account(tenantId, { externalId, now, feature }),
    catalog: read(() => reader.catalog(tenantId)),
    event: read((externalId, origin, key) => reader.event(tenantId, externalId, origin, key)),
    customer: (id) => customer(tenantId, id),
    customerByExternalId: (externalId) => customerByExternalId(tenantId, externalId),
    subscription: read((id) => reader.subscription(tenantId, id)),
    subscriptions: read((customerId) => reader.subscriptions(tenantId, customerId)),
    grantsHold: read((grants) => reader.grantsHold(tenantId, grants)),
    changedSince: read((shown) => reader.changedSince(tenantId, shown)),
    async ensureCustomer(externalId, profile, now) {
      const known = await customerByExternalId(tenantId, externalId);
      return known !== null && withProfile(known, profile, now) === known
        ? known
        : writer.call('ensureCustomer', tenantId, externalId, profile, now);
    },
    createCustomer: (externalId, profile, now) =>
      writer.call('createCustomer', tenantId, externalId, profile, now),
    updateCustomer: (id, profile, now) => writer.call('updateCustomer', tenantId, id, profile, now),
    async deleteCustomer(id, now) {
      const deleted = await writer.call('deleteCustomer', tenantId, id, author, now);
      if (deleted !== null) publish([{ kind: 'plan', tenantId, externalId: deleted.externalId }]);
      // Of one who is gone already, too: the first time may have been broken off.
      await clearEvents(tenantId, id);
      return deleted !== null;
    },
    async putCatalog(document, now) {
      const outcome = await writer.call('putCatalog', tenantId, document, author, now);
      if (outcome.kind === 'kept' && outcome.changed) publish([{ kind: 'catalog', tenantId }]);
      return outcome;
    },
    async subscribe(customerId, priceId, metadata, now) {
      const outcome = await writer.call('subscribe', tenantId, customerId, priceId, metadata, author, now);
      if (outcome.kind === 'created') publish(await planChange(tenantId, customerId));
      return outcome;
    },
    async updateSubscription(id, change, now) {
      const outcome = await writer.call('updateSubscription', tenantId, id, change, author, now);
      if (outcome.kind === 'updated') publish(await planChange(tenantId, outcome.subscription.customerId));
      return outcome;
    },
    revokeToken: (tokenId, until, now) => writer.call('revokeToken', tenantId, tokenId, until, author, now),
    async dismissNudge(externalId, nudgeId, until) {
      await writer.call('dismissNudge', tenantId, externalId, nudgeId, until);
      publish([{ kind: 'plan', tenantId, externalId }]);
    },
  });

  /** Each step in a transaction of its own, between which others write. */
  async function clearEvents(tenantId: string, customerId: string): Promise<void> {
    while (await writer.call('clearEvents', tenantId, customerId));
  }

  async function planChange(tenantId: string, customerId: string): Promise<Change[]> {
    const moved = await customer(tenantId, customerId);
    return moved === null ? [] : [{ kind: 'plan', tenantId, externalId: moved.externalId }];
  }

  return {
    tenant,
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

/** Reads are synchronous here, but a ledger's are not: what throws becomes a rejection. */
function read<Args extends unknown[], Result>(
  work: (...args: Args) => Result,
): (...args: Args) => Promise<Result> {
  return (...args) =>
    new Promise<Result>((resolve) => resolve(work(...args))).catch((error: unknown) => {
      if (error instanceof StoreFailedError)
        throw new LedgerUnavailableError(error.message, { cause: error });
      throw error;
    });
}
