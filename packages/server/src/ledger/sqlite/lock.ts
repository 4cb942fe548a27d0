import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import Database from 'libsql';
import { StoreFailedError } from './database.ts';
import { makeFolder } from './folder.ts';

/** Another server has the store. */
export class StoreInUseError extends Error {
  override readonly name = 'StoreInUseError';
}

export interface StoreLock {
  /** Leaves word of who holds the store, for whoever is refused. */
  describe(holder: { pid: number; url: string }): void;
  release(): void;
}

/**
 * Takes an embedded store for this process alone. The lock is SQLite's own on a file beside the store, so the
 * system lets go of it whatever becomes of the process: a killed server leaves nothing to clean up.
 * @throws StoreInUseError naming the server that has it, StoreFailedError where there can be no lock.
 */
export function lockStore(folder: string): StoreLock {
  makeFolder(folder);
  const holderPath = join(folder, 'server.json');
  const lockPath = join(folder, 'server.lock');
  const database = openLock(lockPath);
  try {
    database.exec('pragma busy_timeout = 0; begin exclusive');
  } catch (error) {
    database.close();
    if (!/locked|busy/i.test(String(error))) {
      const reason = error instanceof Error ? error.message : String(error);
      throw new StoreFailedError(`${lockPath} cannot be locked: ${reason}`, { cause: error });
    }
    throw new StoreInUseError(
      `The store in ${folder} is in use by ${readHolder(holderPath)}. Stop it, or use another folder with --data.`,
    );
  }
  // What a killed server left behind must not be named for this one.
  rmSync(holderPath, { force: true });
  return {
    describe: (holder) => writeFileSync(holderPath, JSON.stringify(holder)),
    release() {
      rmSync(holderPath, { force: true });
      database.close();
    },
  };
}

function openLock(path: string): Database.Database {
  try {
    return new Database(path);
  } catch (error) {
    throw new StoreFailedError(
      `${path} cannot be opened. Run this as the owner of the folder and of all that is in it.`,
      { cause: error },
    );
  }
}

function readHolder(path: string): string {
  try {
    const { pid, url } = JSON.parse(readFileSync(path, 'utf8')) as { pid: number; url: string };
    return `the server at ${url} (process ${pid})`;
  } catch {
    return 'another server that is just starting';
  }
}
