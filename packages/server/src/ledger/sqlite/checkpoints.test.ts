import { copyFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it, onTestFinished, vi } from 'vitest';
import { tempFolder } from '../testing/temp-folder.ts';
import { startCheckpoints } from './checkpoints.ts';
import { openSqlite } from './database.ts';

/** A store with one table, and what is in its file without the log. */
function openStore() {
  const folder = tempFolder();
  const path = join(folder, 'store.db');
  const sqlite = openSqlite(path);
  onTestFinished(() => sqlite.close());
  sqlite.run('create table line (id integer)');
  return {
    path,
    sqlite,
    settled: (): unknown[] => {
      const copy = join(folder, 'copy.db');
      copyFileSync(path, copy);
      const settled = openSqlite(copy);
      onTestFinished(() => settled.close());
      return settled.all('select id from line').map(({ id }) => Number(id));
    },
  };
}

function startLater(path: string, finish: () => Promise<unknown>) {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
  onTestFinished(() => void vi.useRealTimers());
  return startCheckpoints(path, finish);
}

it('moves what was committed from the log into the store, and has the writer finish', async () => {
  const { path, sqlite, settled } = openStore();
  const finish = vi.fn(() => Promise.resolve());
  const checkpoints = startLater(path, finish);
  sqlite.run('insert into line values (1)');
  checkpoints.due();
  checkpoints.due();
  vi.runAllTimers();
  await checkpoints.close();
  expect(settled()).toEqual([1]);
  expect(finish).toHaveBeenCalledTimes(1);
});

it('does nothing where nothing was committed', async () => {
  const { path } = openStore();
  const finish = vi.fn(() => Promise.resolve());
  const checkpoints = startLater(path, finish);
  vi.runAllTimers();
  await checkpoints.close();
  expect(finish).not.toHaveBeenCalled();
});

it('comes again after one that failed', async () => {
  const { path } = openStore();
  const finish = vi.fn().mockRejectedValueOnce(new Error('full')).mockResolvedValue(undefined);
  const checkpoints = startLater(path, finish);
  checkpoints.due();
  vi.runAllTimers();
  checkpoints.due();
  vi.runAllTimers();
  await checkpoints.close();
  expect(finish).toHaveBeenCalledTimes(2);
});
