import { accessSync, constants, existsSync, mkdirSync, statSync } from 'node:fs';
import { dirname } from 'node:path';
import { StoreFailedError } from './database.ts';

const USABLE = constants.R_OK | constants.W_OK;

/**
 * Makes the folder of an embedded store, open to nobody else, where it is not there.
 * @throws StoreFailedError where there can be none, or it is somebody else's.
 */
export function makeFolder(folder: string): void {
  try {
    makeFolders(folder);
    accessSync(folder, USABLE);
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    const wayOut = code === 'EACCES' ? 'Run this as its owner, or name another' : 'Name another';
    throw new StoreFailedError(
      `${folder} cannot be the folder of a store: ${message}. ${wayOut} with --data.`,
      {
        cause: error,
      },
    );
  }
}

/** With those around it. Node's own way never ends where the system makes no folders, as in `/proc`. */
function makeFolders(folder: string): void {
  const outer = dirname(folder);
  if (!existsSync(outer)) makeFolders(outer);
  try {
    mkdirSync(folder, { mode: 0o700 });
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code !== 'EEXIST' || !statSync(folder).isDirectory()) throw error;
  }
}

/**
 * Whether there is a store at a path.
 * @throws StoreFailedError where that is not to be seen, or what is there is somebody else's.
 */
export function isStoreAt(path: string): boolean {
  try {
    accessSync(path, USABLE);
    return true;
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    if (code === 'ENOENT' || code === 'ENOTDIR') return false;
    throw new StoreFailedError(`${message}. Run this as its owner, or name another folder with --data.`, {
      cause: error,
    });
  }
}
