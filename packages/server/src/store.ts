import { join } from 'node:path';
import { LedgerUnavailableError, type Ledger } from './ledger/ledger.ts';
import type { LedgerObserver } from './ledger/observer.ts';
import type { Part } from './ledger/export-file.ts';
import * as postgres from './ledger/postgres/migrate.ts';
import { fillPostgres, postgresParts } from './ledger/postgres/move.ts';
import { MIGRATIONS as POSTGRES_MIGRATIONS } from './ledger/postgres/migrations.ts';
import { openPostgresLedger } from './ledger/postgres/postgres-ledger.ts';
import * as sqlite from './ledger/sqlite/database.ts';
import { isStoreAt, makeFolder } from './ledger/sqlite/folder.ts';
import { lockStore } from './ledger/sqlite/lock.ts';
import { MIGRATIONS as SQLITE_MIGRATIONS } from './ledger/sqlite/migrations.ts';
import { fillSqlite, sqliteParts } from './ledger/sqlite/move.ts';
import { openSqliteLedger } from './ledger/sqlite/sqlite-ledger.ts';
import type { StoreSettings } from './settings.ts';

/** The two kinds of store behind one door: what the programs do to either. */

/** A store that this process serves. */
export interface ServedStore {
  readonly ledger: Ledger;
  /** Leaves word of where it is served, for whoever is refused. */
  readonly announce: (url: string) => void;
  /** Lets the next server have it; the ledger is closed before. */
  readonly release: () => void;
}

/**
 * Opens a store to serve it, made and migrated where need be.
 * @throws StoreInUseError when another server has the embedded store; any number may have PostgreSQL.
 */
export async function openStore(
  settings: StoreSettings,
  clock: () => number,
  observer?: LedgerObserver,
): Promise<ServedStore> {
  if (settings.kind === 'postgres') {
    return {
      ledger: await openLedger(settings, clock, observer),
      announce: () => undefined,
      release: () => undefined,
    };
  }
  const lock = lockStore(settings.folder);
  try {
    return {
      ledger: await openLedger(settings, clock, observer),
      announce: (url) => lock.describe({ pid: process.pid, url }),
      release: () => lock.release(),
    };
  } catch (error) {
    lock.release();
    throw error;
  }
}

/** Opens a store beside whoever serves it. */
export function openLedger(
  settings: StoreSettings,
  clock: () => number,
  observer?: LedgerObserver,
): Promise<Ledger> {
  return reach(
    settings,
    settings.kind === 'postgres'
      ? openPostgresLedger(settings, clock, observer)
      : openSqliteLedger(embeddedPath(settings.folder), clock, observer),
  );
}

/** The schema version of a store, 0 where there is none yet, and the one that this release needs. */
export async function schemaOf(settings: StoreSettings): Promise<{ present: number; needed: number }> {
  if (settings.kind === 'postgres') {
    const present = await reach(settings, postgres.readVersion(settings.directUrl));
    return { present, needed: POSTGRES_MIGRATIONS.length };
  }
  const path = embeddedPath(settings.folder);
  const present = isStoreAt(path) ? withSqlite(path, sqlite.schemaVersion) : 0;
  return { present, needed: SQLITE_MIGRATIONS.length };
}

/** Whose tenants an embedded store has; it is neither made for that nor brought up to date. */
export function organizationsIn(folder: string): string[] {
  const path = embeddedPath(folder);
  return isStoreAt(path) ? withSqlite(path, sqlite.organizations) : [];
}

/** Makes a store, or brings it up to date, beside whoever uses it. */
export async function migrateStore(settings: StoreSettings): Promise<{ from: number; to: number }> {
  if (settings.kind === 'postgres') {
    const from = await reach(settings, postgres.migrate(settings.directUrl));
    return { from, to: POSTGRES_MIGRATIONS.length };
  }
  makeFolder(settings.folder);
  return { from: withSqlite(embeddedPath(settings.folder), sqlite.migrate), to: SQLITE_MIGRATIONS.length };
}

/** Everything in a store, as of one instant. */
export function storeParts(settings: StoreSettings): AsyncIterable<Part> | Iterable<Part> {
  return settings.kind === 'postgres'
    ? postgresParts(settings.directUrl)
    : sqliteParts(embeddedPath(settings.folder));
}

/**
 * Makes a store where there is none, and fills it: with all of the parts, or with none.
 * @throws StoreNotEmptyError, StoreInUseError when a server has the embedded store
 */
export async function fillStore(settings: StoreSettings, parts: Iterable<Part>): Promise<void> {
  if (settings.kind === 'postgres') {
    await migrateStore(settings);
    await fillPostgres(settings.directUrl, parts);
    return;
  }
  const lock = lockStore(settings.folder);
  try {
    await migrateStore(settings);
    fillSqlite(embeddedPath(settings.folder), parts);
  } finally {
    lock.release();
  }
}

/** The store by a name that can be printed: a database without its password. */
export function describeStore(settings: StoreSettings): string {
  if (settings.kind === 'embedded') return embeddedPath(settings.folder);
  const { host, pathname, searchParams } = new URL(settings.url);
  return `PostgreSQL at ${searchParams.get('host') ?? host}${pathname}`;
}

export function embeddedPath(folder: string): string {
  return join(folder, 'billingos.db');
}

function withSqlite<T>(path: string, work: (database: sqlite.Sqlite) => T): T {
  try {
    const database = sqlite.openSqlite(path);
    try {
      return work(database);
    } finally {
      database.close();
    }
  } catch (error) {
    if (!(error instanceof sqlite.StoreFailedError)) throw error;
    throw new sqlite.StoreFailedError(`${path} cannot be used: ${error.message}`, { cause: error });
  }
}

/** Says which store it was that failed: the driver's own words are about addresses, or empty. */
async function reach<T>(settings: StoreSettings, work: Promise<T>): Promise<T> {
  try {
    return await work;
  } catch (error) {
    const { message, code } = error as NodeJS.ErrnoException;
    const reason = message === '' ? (code ?? 'no answer') : message;
    // What the system says of a connection is no whole sentence, and says nothing of what to do.
    const hint = code === undefined ? '' : '. Is it running, and is DATABASE_URL right?';
    throw new LedgerUnavailableError(`${describeStore(settings)} cannot be used: ${reason}${hint}`, {
      cause: error,
    });
  }
}
