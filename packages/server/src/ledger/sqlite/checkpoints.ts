import Database from 'libsql/promise';

/**
 * Moves what is in the log into the store, on a thread of the driver's: the thread that writes would stand still for as
 * long, some 6 ms for the 1 400 events after which it did so itself, which was the 99th percentile of a commit.
 */
export interface Checkpoints {
  /** Something was committed. */
  due(): void;
  /** Lets the one under way end. */
  close(): Promise<void>;
}

/** How long what was committed stays in the log alone. */
const EVERY_MS = 200;
const MOVE = 'pragma wal_checkpoint(passive)';

/**
 * @param finish moves, between two commits, what has come while the rest was moved: only when nothing is left does the
 *   log begin anew, instead of growing.
 */
export function startCheckpoints(path: string, finish: () => Promise<unknown>): Checkpoints {
  const database = new Database(path, {});
  let waiting: NodeJS.Timeout | undefined;
  let moving = Promise.resolve();

  async function move(): Promise<void> {
    try {
      await database.exec(MOVE);
      // Again, for what has come meanwhile, so that little is left for the thread that writes.
      await database.exec(MOVE);
      await finish();
    } catch {
      // On a full disk, say. Nothing is lost: it stays in the log, and the next commit has another one follow.
    }
  }

  return {
    due() {
      waiting ??= setTimeout(() => {
        waiting = undefined;
        moving = moving.then(move);
      }, EVERY_MS).unref();
    },
    async close() {
      clearTimeout(waiting);
      await moving;
      database.close();
    },
  };
}
