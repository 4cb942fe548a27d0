import { join } from 'node:path';
import type { Ledger } from './ledger/ledger.ts';
import { openPostgresLedger } from './ledger/postgres/postgres-ledger.ts';
import { lockStore } from './ledger/sqlite/lock.ts';
import { openSqliteLedger } from './ledger/sqlite/sqlite-ledger.ts';
import type { StoreSettings } from './settings.ts';

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
export async function openStore(settings: StoreSettings, clock: () => number): Promise<ServedStore> {
  if (settings.kind === 'postgres') {
    return {
      ledger: await openPostgresLedger(settings, clock),
      announce: () => undefined,
      release: () => undefined,
    };
  }
  const lock = lockStore(settings.folder);
  try {
    return {
      ledger: await openSqliteLedger(embeddedPath(settings.folder), clock),
      announce: (url) => lock.describe({ pid: process.pid, url }),
      release: () => lock.release(),
    };
  } catch (error) {
    lock.release();
    throw error;
  }
}

/** The embedded store's file. */
export function embeddedPath(folder: string): string {
  return join(folder, 'billingos.db');
}

/** The store by a name that can be printed: a database without its password. */
export function describeStore(settings: StoreSettings): string {
  if (settings.kind === 'embedded') return embeddedPath(settings.folder);
  const { host, pathname, searchParams } = new URL(settings.url);
  return `PostgreSQL at ${searchParams.get('host') ?? host}${pathname}`;
}
