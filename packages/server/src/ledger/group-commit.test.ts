import { describe, expect, it } from 'vitest';
import { groupCommit, SPLIT_MIN, type GroupCommitOptions } from './group-commit.ts';
import { LedgerOverloadedError, LedgerUnavailableError } from './ledger.ts';

/** A store whose commits the test lets through one by one. */
function heldStore() {
  const commits: { tenantId: string; batch: readonly string[]; settle: (error?: Error) => Promise<void> }[] =
    [];
  let arrived: (() => void) | null = null;
  const commit: GroupCommitOptions<string, string>['commit'] = (tenantId, batch) =>
    new Promise((resolve, reject) => {
      const settle = (error?: Error): Promise<void> => {
        if (error === undefined) resolve(batch.map((command) => `${command}!`));
        else reject(error);
        return new Promise((settled) => setImmediate(settled));
      };
      commits.push({ tenantId, batch, settle });
      arrived?.();
    });
  /** The n-th commit, once it has begun. */
  const nth = async (index: number): Promise<(typeof commits)[number]> => {
    while (commits[index] === undefined) await new Promise<void>((resolve) => (arrived = resolve));
    return commits[index];
  };
  return { commit, commits, nth };
}

describe('groupCommit', () => {
  it('gives each caller its own results, in order', async () => {
    const { submit } = groupCommit<string, string>({
      commit: (_tenant, batch) => Promise.resolve(batch.map((command) => `${command}!`)),
    });
    const results = await Promise.all([submit('t', ['a', 'b']), submit('t', []), submit('t', ['c'])]);
    expect(results).toEqual([['a!', 'b!'], [], ['c!']]);
  });

  it('commits together what is submitted together', async () => {
    const { commit, commits, nth } = heldStore();
    const { submit } = groupCommit<string, string>({ commit });
    const all = Promise.all(['a', 'b', 'c'].map((command) => submit('t', [command])));
    await (await nth(0)).settle();
    await all;
    expect(commits.map(({ batch }) => batch)).toEqual([['a', 'b', 'c']]);
  });

  it('has one commit in flight, and takes what came meanwhile into the next', async () => {
    const { commit, commits, nth } = heldStore();
    const { submit } = groupCommit<string, string>({ commit });
    const first = submit('t', ['a']);
    const held = await nth(0);
    const others = [submit('t', ['b']), submit('u', ['x']), submit('t', ['c'])];
    expect(commits).toHaveLength(1);
    await held.settle();
    await (await nth(1)).settle();
    await (await nth(2)).settle();
    await Promise.all([first, ...others]);
    expect(commits.map(({ tenantId, batch }) => [tenantId, ...batch])).toEqual([
      ['t', 'a'],
      ['t', 'b', 'c'],
      ['u', 'x'],
    ]);
  });

  it('bounds a batch, and never splits one submission', async () => {
    const { commit, commits, nth } = heldStore();
    const { submit } = groupCommit<string, string>({ commit, batchMax: 3 });
    const all = [['a', 'b'], ['c', 'd'], ['e'], ['f', 'g', 'h', 'i', 'j']].map((commands) =>
      submit('t', commands),
    );
    for (let index = 0; index < 3; index += 1) await (await nth(index)).settle();
    await Promise.all(all);
    expect(commits.map(({ batch }) => batch.join(''))).toEqual(['ab', 'cde', 'fghij']);
  });

  it('lets tenants take turns, however much one of them has waiting', async () => {
    const { commit, commits, nth } = heldStore();
    const { submit } = groupCommit<string, string>({ commit, batchMax: 1 });
    const all = [...['a', 'b', 'c'].map((command) => submit('loud', [command])), submit('quiet', ['x'])];
    for (let index = 0; index < 4; index += 1) await (await nth(index)).settle();
    await Promise.all(all);
    expect(commits.map(({ tenantId }) => tenantId)).toEqual(['loud', 'quiet', 'loud', 'loud']);
  });

  it('commits for several tenants at once, up to a bound, and never two batches of one', async () => {
    const { commit, commits, nth } = heldStore();
    const { submit } = groupCommit<string, string>({ commit, lanesMax: 2, batchMax: 1 });
    const all = ['t', 't', 'u', 'v'].map((tenantId) => submit(tenantId, [tenantId]));
    await nth(1);
    expect(commits.map(({ tenantId }) => tenantId)).toEqual(['t', 'u']);
    await commits[1]!.settle();
    expect(commits.map(({ tenantId }) => tenantId)).toEqual(['t', 'u', 'v']);
    await commits[2]!.settle();
    expect(commits).toHaveLength(3);
    await commits[0]!.settle();
    await (await nth(3)).settle();
    await Promise.all(all);
    expect(commits.map(({ tenantId }) => tenantId)).toEqual(['t', 'u', 'v', 't']);
  });

  it('has the next batch of a tenant with the store where that commits in order', async () => {
    const { commit, commits, nth } = heldStore();
    const { submit } = groupCommit<string, string>({ commit, lanesMax: 2, lanesPerTenantMax: 2 });
    const first = submit('t', ['a']);
    await nth(0);
    const second = submit('t', ['b']);
    await nth(1);
    const later = ['c', 'd'].map((command) => submit('t', [command]));
    await commits[0]!.settle();
    await nth(2);
    expect(commits.map(({ batch }) => batch)).toEqual([['a'], ['b'], ['c', 'd']]);
    for (const { settle } of commits.slice(1)) await settle();
    await Promise.all([first, second, ...later]);
  });

  it('divides what waits between the lanes of a tenant that is alone, unless it is little', async () => {
    const { commit, commits, nth } = heldStore();
    const { submit } = groupCommit<string, string>({ commit, lanesMax: 2, lanesPerTenantMax: 2 });
    const send = (count: number) => Array.from({ length: count }, (_, n) => submit('t', [`${n}`]));
    const many = send(SPLIT_MIN);
    await nth(1);
    for (const { settle } of [...commits]) await settle();
    await Promise.all(many);
    const few = send(SPLIT_MIN - 1);
    await (await nth(2)).settle();
    await Promise.all(few);
    expect(commits.map(({ batch }) => batch.length)).toEqual([SPLIT_MIN / 2, SPLIT_MIN / 2, SPLIT_MIN - 1]);
  });

  it('commits for a tenant while another’s commit hangs', async () => {
    const { commit, nth } = heldStore();
    const { submit } = groupCommit<string, string>({ commit, lanesMax: 2 });
    const stuck = submit('stuck', ['a']);
    const { settle } = await nth(0);
    const other = submit('other', ['b']);
    await (await nth(1)).settle();
    await expect(other).resolves.toEqual(['b!']);
    await settle();
    await stuck;
  });

  it('refuses what has waited too long, as not recorded, and goes on with the rest', async () => {
    const { commit, commits, nth } = heldStore();
    let now = 0;
    const { submit } = groupCommit<string, string>({ commit, waitMsMax: 100, clock: () => now });
    const first = submit('t', ['a']);
    const held = await nth(0);
    const late = expect(submit('t', ['b'])).rejects.toBeInstanceOf(LedgerOverloadedError);
    now = 1;
    const inTime = submit('t', ['c']);
    now = 101;
    await held.settle();
    await late;
    await (await nth(1)).settle();
    await Promise.all([first, inTime]);
    expect(commits.map(({ batch }) => batch)).toEqual([['a'], ['c']]);
  });

  it('goes on after everything that waited has expired', async () => {
    const { commit, nth } = heldStore();
    let now = 0;
    const commits = groupCommit<string, string>({ commit, waitMsMax: 100, clock: () => now });
    const first = commits.submit('t', ['a']);
    const held = await nth(0);
    const late = expect(commits.submit('t', ['b'])).rejects.toBeInstanceOf(LedgerOverloadedError);
    now = 101;
    await held.settle();
    await Promise.all([first, late]);
    expect(commits.depth).toBe(0);
    const second = commits.submit('t', ['c']);
    await (await nth(1)).settle();
    await expect(second).resolves.toEqual(['c!']);
  });

  it('lets a commit that has begun take as long as it takes', async () => {
    const { commit, nth } = heldStore();
    let now = 0;
    const { submit } = groupCommit<string, string>({ commit, waitMsMax: 100, clock: () => now });
    const first = submit('t', ['a']);
    const held = await nth(0);
    now = 1_000;
    await held.settle();
    await expect(first).resolves.toEqual(['a!']);
  });

  it('refuses what would overfill the queue, and takes more once it has drained', async () => {
    const { commit, nth } = heldStore();
    const commits = groupCommit<string, string>({ commit, queueMax: 2 });
    const first = commits.submit('t', ['a', 'b']);
    await expect(commits.submit('t', ['c'])).rejects.toBeInstanceOf(LedgerOverloadedError);
    expect(commits.depth).toBe(2);
    await (await nth(0)).settle();
    await first;
    expect(commits.depth).toBe(0);
    const second = commits.submit('t', ['c']);
    await (await nth(1)).settle();
    await expect(second).resolves.toEqual(['c!']);
  });

  it('leaves room in the queue for other tenants', async () => {
    const { commit, nth } = heldStore();
    const { submit } = groupCommit<string, string>({ commit, queueMax: 3, tenantQueueMax: 2 });
    const loud = submit('loud', ['a', 'b']);
    await expect(submit('loud', ['c'])).rejects.toBeInstanceOf(LedgerOverloadedError);
    const quiet = submit('quiet', ['x']);
    await (await nth(0)).settle();
    await (await nth(1)).settle();
    await loud;
    await expect(quiet).resolves.toEqual(['x!']);
    const more = submit('loud', ['c', 'd']);
    await (await nth(2)).settle();
    await expect(more).resolves.toEqual(['c!', 'd!']);
  });

  it('gives each its own commit when a batch fails, so that only the poison is refused', async () => {
    const tried: string[] = [];
    const { submit } = groupCommit<string, string>({
      commit: (_tenant, batch) => {
        tried.push(batch.join(''));
        return batch.includes('poison') ? Promise.reject(new Error('cannot')) : Promise.resolve([...batch]);
      },
    });
    const outcomes = await Promise.allSettled(['a', 'poison', 'b'].map((command) => submit('t', [command])));
    expect(outcomes.map(({ status }) => status)).toEqual(['fulfilled', 'rejected', 'fulfilled']);
    expect(tried).toEqual(['apoisonb', 'a', 'poison', 'b']);
  });

  it('never repeats a commit whose outcome is unknown', async () => {
    const { commit, commits, nth } = heldStore();
    const { submit } = groupCommit<string, string>({ commit });
    const all = Promise.allSettled(['a', 'b'].map((command) => submit('t', [command])));
    await (await nth(0)).settle(new LedgerUnavailableError('lost'));
    for (const outcome of await all) expect(outcome).toMatchObject({ reason: { message: 'lost' } });
    expect(commits).toHaveLength(1);
  });

  it('goes on after a failure', async () => {
    const { commit, nth } = heldStore();
    const { submit } = groupCommit<string, string>({ commit });
    const first = submit('t', ['a']);
    await Promise.all([
      expect(first).rejects.toThrow('lost'),
      nth(0).then(({ settle }) => settle(new Error('lost'))),
    ]);
    const second = submit('t', ['b']);
    await (await nth(1)).settle();
    await expect(second).resolves.toEqual(['b!']);
  });

  it('tells of each commit how long the first had waited, and how long it took', async () => {
    const told: unknown[] = [];
    let now = 100;
    const { commit, nth } = heldStore();
    const onCommit = (...commit: unknown[]): number => told.push(commit);
    const { submit } = groupCommit<string, string>({ commit, onCommit, clock: () => now });
    const all = [submit('t', ['a'])];
    now = 103;
    all.push(submit('t', ['b']));
    const held = await nth(0);
    now = 110;
    await held.settle();
    await Promise.all(all);
    expect(told).toEqual([[['a!', 'b!'], 3, 7]]);
  });

  it('tells how many it turns away, for a queue that is full and for a wait that was too long', async () => {
    const shed: number[] = [];
    let now = 0;
    const { commit, nth } = heldStore();
    const { submit } = groupCommit<string, string>({
      commit,
      queueMax: 3,
      waitMsMax: 10,
      onShed: (commands) => shed.push(commands),
      clock: () => now,
    });
    const first = submit('t', ['a']);
    const held = await nth(0);
    const late = submit('t', ['b', 'c']);
    await expect(submit('t', ['d', 'e'])).rejects.toBeInstanceOf(LedgerOverloadedError);
    expect(shed).toEqual([2]);
    now = 11;
    await Promise.all([expect(late).rejects.toBeInstanceOf(LedgerOverloadedError), held.settle()]);
    await first;
    expect(shed).toEqual([2, 2]);
  });
});
