import { mkdirSync } from 'node:fs';
import { StoreFailedError } from './database.ts';

/**
 * Makes the folder of an embedded store, open to nobody else, where it is not there.
 * @throws StoreFailedError where there can be none.
 */
export function makeFolder(folder: string): void {
  try {
    mkdirSync(folder, { recursive: true, mode: 0o700 });
  } catch (error) {
    throw new StoreFailedError(
      `${folder} cannot be the folder of a store: ${(error as Error).message}. Name another with --data.`,
      { cause: error },
    );
  }
}
