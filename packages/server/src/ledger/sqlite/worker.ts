import { parentPort, workerData } from 'node:worker_threads';
import { migrate, openSqlite, StoreFailedError } from './database.ts';
import { packVerdicts, unpackBatch, type PackedBatch, type PackedVerdicts } from './packing.ts';
import { sqliteStore, type SqliteStore } from './store.ts';

/**
 * The thread that writes: every write of the process happens here, one after the other, so that no commit blocks
 * the thread that answers requests.
 */

/** The store as it is called from the other thread. */
export interface WriterStore extends Omit<SqliteStore, 'track'> {
  track(batch: PackedBatch, now: number): PackedVerdicts;
}

export interface Call {
  method: keyof WriterStore;
  args: readonly unknown[];
}

/** Given in the order of the calls. */
export type Answer = { value: unknown } | { error: string; stack: string | undefined; storeFailed: boolean };

const sqlite = openSqlite((workerData as { path: string }).path);
migrate(sqlite);
const plain = sqliteStore(sqlite);
const store: WriterStore = {
  ...plain,
  track: (batch, now) => packVerdicts(plain.track(unpackBatch(batch), now)),
};

parentPort?.on('message', (message: Call | 'close') => {
  if (message === 'close') {
    sqlite.close();
    parentPort?.close();
    return;
  }
  parentPort?.postMessage(answer(message));
});
parentPort?.postMessage('ready');

function answer({ method, args }: Call): Answer {
  try {
    return { value: (store[method] as (...args: readonly unknown[]) => unknown)(...args) };
  } catch (error) {
    const { message, stack } = error instanceof Error ? error : new Error(String(error));
    return { error: message, stack, storeFailed: error instanceof StoreFailedError };
  }
}
