import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { beforeAll, describe, expect } from 'vitest';
import type { Ledger } from '../../../packages/server/src/ledger/ledger.ts';
import { openPostgresLedger } from '../../../packages/server/src/ledger/postgres/postgres-ledger.ts';
import { openSqliteLedger } from '../../../packages/server/src/ledger/sqlite/sqlite-ledger.ts';
import { audit, type Audit } from '../../../packages/server/src/ledger/testing/audit.ts';
import {
  auditPostgres,
  startPostgres,
  type TestPostgres,
} from '../../../packages/server/src/ledger/testing/postgres.ts';
import type { CatalogDocument } from '../../../packages/server/src/metering/catalog.ts';
import {
  startTestServer,
  type TestServer,
  type TestTenant,
} from '../../../packages/server/src/testing/test-server.ts';

export interface Store {
  readonly name: 'SQLite' | 'PostgreSQL';
  /** Another one, empty. */
  create(): Promise<CreatedStore>;
}

export interface CreatedStore {
  /** The database; `undefined` for the embedded store. */
  readonly databaseUrl: string | undefined;
  open(clock: () => number): Promise<Ledger>;
  /** Adds up what is stored, past the ledger. */
  audit(): Promise<Audit>;
}

/** The same proofs on either store. */
export function describeStores(prove: (store: Store) => void): void {
  describe('on SQLite', () => {
    let folder = '';
    let created = 0;
    beforeAll(async () => {
      folder = await mkdtemp(join(tmpdir(), 'billingos-proof-'));
      return () => rm(folder, { recursive: true, force: true });
    });
    prove({
      name: 'SQLite',
      create() {
        created += 1;
        const path = join(folder, `${created}.db`);
        return Promise.resolve({
          databaseUrl: undefined,
          open: (clock) => openSqliteLedger(path, clock),
          audit: () => Promise.resolve(audit(path)),
        });
      },
    });
  });
  describe('on PostgreSQL', () => {
    const postgres = usePostgres();
    prove({
      name: 'PostgreSQL',
      async create() {
        const databaseUrl = await postgres.newStore();
        return {
          databaseUrl,
          open: (clock) => openPostgresLedger({ url: databaseUrl }, clock),
          audit: () => auditPostgres(databaseUrl),
        };
      },
    });
  });
}

/** A PostgreSQL for the tests of a `describe`. */
export function usePostgres(): Pick<TestPostgres, 'newStore'> {
  let server: TestPostgres | undefined;
  beforeAll(async () => {
    server = await startPostgres();
    return () => server?.stop();
  });
  return {
    newStore() {
      if (server === undefined) throw new Error('PostgreSQL is there from beforeAll on, and not before');
      return server.newStore();
    },
  };
}

/** The same proofs against the HTTP server on either store, with a tenant of their own and a clock to move. */
export function describeServers(
  catalog: CatalogDocument,
  prove: (context: { readonly server: TestServer; readonly tenant: TestTenant }, store: Store) => void,
): void {
  describeStores((store) => {
    const context = {} as { server: TestServer; tenant: TestTenant };
    beforeAll(async () => {
      const { databaseUrl } = await store.create();
      context.server = await startTestServer({ databaseUrl });
      context.tenant = await context.server.newTenant(catalog);
      return async () => {
        await context.server.close();
        // Whatever a proof does, no error may be one that the contract does not know.
        expect(context.server.errors).toEqual([]);
      };
    });
    prove(context, store);
  });
}
