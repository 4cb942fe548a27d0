import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Ledger } from '../packages/server/dist/ledger/ledger.js';
import type { Part } from '../packages/server/dist/ledger/export-file.js';
import { catalogCache } from '../packages/server/dist/ledger/postgres/catalogs.js';
import { knownStandings } from '../packages/server/dist/ledger/postgres/known-standings.js';
import { openDatabase } from '../packages/server/dist/ledger/postgres/database.js';
import { migrate as migratePostgres } from '../packages/server/dist/ledger/postgres/migrate.js';
import { fillPostgres } from '../packages/server/dist/ledger/postgres/move.js';
import { openPostgresLedger } from '../packages/server/dist/ledger/postgres/postgres-ledger.js';
import { track } from '../packages/server/dist/ledger/postgres/track.js';
import { migrate as migrateSqlite, openSqlite } from '../packages/server/dist/ledger/sqlite/database.js';
import { fillSqlite } from '../packages/server/dist/ledger/sqlite/move.js';
import { packBatch } from '../packages/server/dist/ledger/sqlite/packing.js';
import { openSqliteLedger } from '../packages/server/dist/ledger/sqlite/sqlite-ledger.js';
import { number, text } from '../packages/server/dist/ledger/rows.js';
import { sqliteStore } from '../packages/server/dist/ledger/sqlite/store.js';
import { startWriter } from '../packages/server/dist/ledger/sqlite/writer.js';
import { administer, startPostgres } from '../packages/server/src/ledger/testing/postgres.ts';
import type { TrackCommand } from '../packages/server/src/metering/decide.ts';

/** A database system to measure a ledger on. */
export interface System {
  readonly name: string;
  readonly unbatched: readonly Unbatched[];
  /** Version and what its durability rests on. */
  readonly facts: Readonly<Record<string, string>>;
  /** A ledger on a new store, which is empty, or filled with these. */
  open(parts?: Iterable<Part>): Promise<Opened>;
  stop(): Promise<void>;
}

export interface Opened {
  readonly ledger: Ledger;
  /** What batches are held against: the same code with each event in a transaction of its own, on one connection. */
  readonly send: Readonly<Partial<Record<Unbatched, Send>>>;
  /** Closes everything; what the database itself has counted until then. */
  close(): Promise<Readonly<Record<string, number>>>;
}

export type Send = (tenantId: string, command: TrackCommand) => Promise<unknown>;

/** `direct` blocks its thread with SQLite, so that the ledger goes through another: that is `threaded`. */
export type Unbatched = 'direct' | 'threaded';

export function sqlite(): System {
  const folder = mkdtempSync(join(tmpdir(), 'billingos-bench-'));
  const probe = openSqlite(join(folder, 'probe.db'));
  const row = probe.get(FACTS) ?? {};
  const facts = {
    version: text(row, 'version'),
    journal_mode: text(row, 'journal_mode'),
    synchronous: `${number(row, 'synchronous')} (2 is full)`,
  };
  probe.close();
  let stores = 0;
  return {
    name: 'SQLite',
    unbatched: ['direct', 'threaded'],
    facts,
    async open(parts) {
      stores += 1;
      const path = join(folder, `${stores}.db`);
      if (parts !== undefined) {
        const empty = openSqlite(path);
        migrateSqlite(empty);
        empty.close();
        fillSqlite(path, parts);
      }
      const ledger = await openSqliteLedger(path, Date.now);
      const connection = openSqlite(path);
      const store = sqliteStore(connection);
      const writer = await startWriter(path);
      return {
        ledger,
        send: {
          direct: (tenantId, command) =>
            Promise.resolve(store.track([{ tenantId, commands: [command] }], Date.now())),
          threaded: (tenantId, command) =>
            writer.call('track', packBatch([{ tenantId, commands: [command] }]), Date.now()),
        },
        async close() {
          connection.close();
          await writer.close();
          await ledger.close();
          return {};
        },
      };
    },
    stop() {
      rmSync(folder, { recursive: true });
      return Promise.resolve();
    },
  };
}

const FACTS = `select sqlite_version() as version, journal_mode, synchronous
  from pragma_journal_mode, pragma_synchronous`;

/** On the server at DATABASE_URL, or on one of its own. */
export async function postgres(): Promise<System> {
  const server = await startPostgres();
  return {
    name: 'PostgreSQL',
    unbatched: ['direct'],
    facts: await administer(await server.newStore(), async (client) => {
      const { rows } = await client.query<Record<string, string>>(`
        select current_setting('server_version') as version, current_setting('fsync') as fsync,
          current_setting('synchronous_commit') as synchronous_commit,
          current_setting('wal_sync_method') as wal_sync_method`);
      return rows[0] ?? {};
    }),
    async open(parts) {
      const url = await server.newStore();
      if (parts !== undefined) {
        await migratePostgres(url);
        await fillPostgres(url, parts);
        // What the server would come to by itself, and then in the middle of a measurement.
        await administer(url, (client) => client.query('vacuum analyze'));
        await administer(url, (client) => client.query('checkpoint'));
      }
      const ledger = await openPostgresLedger({ url }, Date.now);
      const database = openDatabase(url);
      const catalogs = catalogCache();
      const known = knownStandings();
      return {
        ledger,
        send: {
          direct: (tenantId, command) => track(database, catalogs, known, tenantId, [command], Date.now),
        },
        async close() {
          await database.close();
          await ledger.close();
          return counterUpdates(url);
        },
      };
    },
    stop: () => server.stop(),
  };
}

/** How many updates of counters stayed within their page (HOT), and so cost no index entry and no vacuum. */
async function counterUpdates(url: string): Promise<Record<string, number>> {
  return administer(url, async (client) => {
    const { rows } = await client.query<{ updates: string; hot: string }>(`
      select n_tup_upd as updates, n_tup_hot_upd as hot from pg_stat_user_tables
      where schemaname = current_schema() and relname = 'counter'`);
    return { 'counter updates': Number(rows[0]?.updates), 'of them HOT': Number(rows[0]?.hot) };
  });
}
