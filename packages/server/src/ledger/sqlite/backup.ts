import Database from 'libsql';
import { StoreFailedError, openSqlite } from './database.ts';
import { MIGRATIONS } from './migrations.ts';

/** What a backup is known to hold once it was checked. */
export interface Backup {
  readonly schema: number;
  readonly events: number;
}

/** The file is no backup that can be used; the message says why. */
export class BackupError extends Error {
  override readonly name = 'BackupError';
}

/**
 * Copies a store to a file that is there and empty, as of one instant and beside whoever writes to it: they wait for
 * nothing. Keeps its thread busy until it is done: for a command, not for a server.
 */
export function copySqlite(path: string, to: string): void {
  const sqlite = openSqlite(path);
  try {
    sqlite.run('vacuum into ?', to);
  } finally {
    sqlite.close();
  }
}

/**
 * Reads all of a copy, and makes sure that it is whole and a store that this release can bring up to date.
 * @throws BackupError
 */
export function checkCopy(path: string): Backup {
  const database = new Database(path);
  try {
    const ask = (sql: string) => database.prepare(sql).raw().all() as unknown[][];
    const faults = [...ask('pragma integrity_check'), ...ask('pragma foreign_key_check')];
    if (faults.length !== 1 || faults[0]?.[0] !== 'ok') {
      throw new BackupError(`it is damaged: ${faults.flat().slice(0, 3).join('; ')}`);
    }
    const schema = Number(ask('pragma user_version')[0]?.[0]);
    if (schema === 0) throw new BackupError('it is a database, and no store of BillingOS');
    if (schema > MIGRATIONS.length) {
      throw new BackupError(
        `it has schema version ${schema}, and this release knows ${MIGRATIONS.length}; use a newer release`,
      );
    }
    return { schema, events: Number(ask('select count(*) from event')[0]?.[0]) };
  } catch (error) {
    if (error instanceof BackupError) throw error;
    throw new BackupError(`it cannot be read: ${error instanceof Error ? error.message : String(error)}`);
  } finally {
    database.close();
  }
}

/** Moves what a store still has in its log into its one file, so that the file can be replaced by another. */
export function settleSqlite(path: string): void {
  try {
    const sqlite = openSqlite(path);
    sqlite.all('pragma wal_checkpoint(truncate)');
    sqlite.close();
  } catch (error) {
    // One that cannot be opened is why it is replaced.
    if (!(error instanceof StoreFailedError)) throw error;
  }
}
