import { expect, it } from 'vitest';
import { CATALOG } from '../metering/testing/pricing.ts';
import type { Account, AccountRead } from './account.ts';
import { accountReads } from './account-reads.ts';

const ACCOUNT: Account = {
  customer: null,
  deleted: false,
  catalog: CATALOG,
  counters: new Map(),
  dismissals: new Map(),
};

const readOf = (externalId: string): AccountRead => ({ externalId, now: 0, feature: undefined });

/** Reads that end when the test says so. */
function openReads() {
  const groups: { asked: string[]; end: (accounts: Account[]) => void }[] = [];
  const read = accountReads({
    commit: (batch) =>
      new Promise((end) => {
        const asked = batch.flatMap(({ commands }) => commands.map(({ externalId }) => externalId));
        groups.push({ asked, end: (accounts) => end([accounts]) });
      }),
  });
  return { groups, read };
}

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

it('has those that are asked for while one group is read in the next', async () => {
  const { groups, read } = openReads();
  void read('t', readOf('a'));
  await turn();
  void read('t', readOf('b'));
  void read('t', readOf('c'));
  groups[0]?.end([ACCOUNT]);
  await turn();
  expect(groups.map(({ asked }) => asked)).toEqual([['a'], ['b', 'c']]);
});

it('gives each its own account', async () => {
  const { groups, read } = openReads();
  const accounts = Promise.all([read('t', readOf('a')), read('t', readOf('b'))]);
  await turn();
  const other = { ...ACCOUNT, deleted: true };
  groups[0]?.end([ACCOUNT, other]);
  expect(await accounts).toEqual([ACCOUNT, other]);
});
