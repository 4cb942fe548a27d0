import { parentPort, workerData } from 'node:worker_threads';
import { migrate, openSqlite, StoreFailedError } from './database.ts';
import { sqliteStore, type SqliteStore } from './store.ts';

/**
 * The thread that writes: every write of the process happens here, one after the other, so that no commit blocks
 * the thread that answers requests.
 */

export interface Call {
  id: number;
  method: keyof SqliteStore;
  args: readonly unknown[];
}

export type Answer =
  | { id: number; value: unknown }
  | { id: number; error: string; stack: string | undefined; storeFailed: boolean };

const sqlite = openSqlite((workerData as { path: string }).path);
migrate(sqlite);
const store = sqliteStore(sqlite);

parentPort?.on('message', (message: Call | 'close') => {
  if (message === 'close') {
    sqlite.close();
    parentPort?.close();
    return;
  }
  parentPort?.postMessage(answer(message));
});
parentPort?.postMessage('ready');

function answer({ id, method, args }: Call): Answer {
  try {
    return { id, value: (store[method] as (...args: readonly unknown[]) => unknown)(...args) };
  } catch (error) {
    const { message, stack } = error instanceof Error ? error : new Error(String(error));
    return { id, error: message, stack, storeFailed: error instanceof StoreFailedError };
  }
}
