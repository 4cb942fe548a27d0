import { mkdirSync } from 'node:fs';
import { dirname } from 'node:path';
import type { TrackCommand, Verdict } from '../../metering/decide.ts';
import { changeListeners, usageChanges } from '../changes.ts';
import { groupCommit } from '../group-commit.ts';
import { LedgerUnavailableError, type Change, type Ledger, type TenantLedger } from '../ledger.ts';
import { openSqlite, StoreFailedError } from './database.ts';
import { sqliteStore } from './store.ts';
import { startWriter } from './writer.ts';

/**
 * The embedded ledger: one SQLite file, written by a worker thread with group commit, read here on a connection of
 * its own. A read begins after the commit whose reply the caller has seen, and so contains it.
 */
export async function openSqliteLedger(path: string, clock: () => number): Promise<Ledger> {
  mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
  const writer = await startWriter(path);
  const sqlite = openSqlite(path);
  const reader = sqliteStore(sqlite);
  const listeners = changeListeners();
  const { publish } = listeners;

  const commits = groupCommit<TrackCommand, Verdict>({
    async commit(tenantId, batch) {
      const verdicts = await writer.call('track', tenantId, batch, clock());
      publish(usageChanges(tenantId, batch, verdicts));
      return verdicts;
    },
  });

  const customer = read((tenantId: string, id: string) => reader.customer(tenantId, id));
  const customerByExternalId = read((tenantId: string, externalId: string) =>
    reader.customerByExternalId(tenantId, externalId),
  );

  const tenant = (tenantId: string): TenantLedger => ({
    track: (commands) => commits.submit(tenantId, commands),
    account: read((externalId, now, feature) => reader.account(tenantId, externalId, now, feature)),
    catalog: read(() => reader.catalog(tenantId)),
    customer: (id) => customer(tenantId, id),
    customerByExternalId: (externalId) => customerByExternalId(tenantId, externalId),
    subscription: read((id) => reader.subscription(tenantId, id)),
    async ensureCustomer(externalId, profile, now) {
      const known = await customerByExternalId(tenantId, externalId);
      const nothingNew = profile.email === undefined && profile.externalOrganizationId === undefined;
      return known !== null && nothingNew
        ? known
        : writer.call('ensureCustomer', tenantId, externalId, profile, now);
    },
    async putCatalog(document, now) {
      const outcome = await writer.call('putCatalog', tenantId, document, now);
      if (outcome.kind === 'kept' && outcome.changed) publish([{ kind: 'catalog', tenantId }]);
      return outcome;
    },
    async subscribe(customerId, priceId, metadata, now) {
      const outcome = await writer.call('subscribe', tenantId, customerId, priceId, metadata, now);
      if (outcome.kind === 'created') publish(await planChange(tenantId, customerId));
      return outcome;
    },
    async updateSubscription(id, change, now) {
      const outcome = await writer.call('updateSubscription', tenantId, id, change, now);
      if (outcome.kind === 'updated') publish(await planChange(tenantId, outcome.subscription.customerId));
      return outcome;
    },
    async dismissNudge(externalId, nudgeId, until) {
      await writer.call('dismissNudge', tenantId, externalId, nudgeId, until);
      publish([{ kind: 'plan', tenantId, externalId }]);
    },
  });

  async function planChange(tenantId: string, customerId: string): Promise<Change[]> {
    const moved = await customer(tenantId, customerId);
    return moved === null ? [] : [{ kind: 'plan', tenantId, externalId: moved.externalId }];
  }

  return {
    tenant,
    ensureTenant: (organization, mode, now) => writer.call('ensureTenant', organization, mode, now),
    addSecretKey: (tenantId, key, now) => writer.call('addSecretKey', tenantId, key, now),
    findSecretKey: read((hash) => reader.findSecretKey(hash)),
    signingKeys: (fresh, now) => writer.call('signingKeys', fresh, now),
    onChange: (listener) => listeners.add(listener),
    async close() {
      await writer.close();
      sqlite.close();
    },
  };
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
