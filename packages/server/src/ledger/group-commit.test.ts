import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { groupCommit, SPLIT_MIN, type GroupCommitOptions, type Share } from './group-commit.ts';
import { LedgerOverloadedError, LedgerUnavailableError } from './ledger.ts';

type Commit = GroupCommitOptions<string, string>['commit'];

const done = (shares: readonly Share<string>[]): string[][] =>
  shares.map(({ commands }) => commands.map((command) => `${command}!`));

/** A store whose commits the test lets through one by one. */
function heldStore() {
  const commits: {
    shares: readonly Share<string>[];
    /** Of the first share, the only one where tenants are not mixed. */
    tenantId: string;
    batch: readonly string[];
    settle: (error?: Error) => Promise<void>;
  }[] = [];
  let arrived: (() => void) | null = null;
  const commit: Commit = (shares) =>
    new Promise((resolve, reject) => {
      const settle = (error?: Error): Promise<void> => {
        if (error === undefined) resolve(done(shares));
        else reject(error);
        return new Promise((settled) => setImmediate(settled));
      };
      const [{ tenantId, commands: batch } = { tenantId: '', commands: [] }] = shares;
      commits.push({ shares, tenantId, batch, settle });
      arrived?.();
    });
  /** The n-th commit, once it has begun. */
  const nth = async (index: number): Promise<(typeof commits)[number]> => {
    while (commits[index] === undefined) await new Promise<void>((resolve) => (arrived = resolve));
    return commits[index];
  };
  return { commit, commits, nth };
}

/** A store that cannot take one command. */
function poisonable() {
  const tried: string[] = [];
  const commit: Commit = (shares) => {
    tried.push(shares.map(({ tenantId, commands }) => `${tenantId}:${commands.join(',')}`).join(' '));
    const isPoisoned = shares.some(({ commands }) => commands.includes('poison'));
    return isPoisoned ? Promise.reject(new Error('cannot')) : Promise.resolve(done(shares));
  };
  return { commit, tried };
}

describe('groupCommit', () => {
  it('gives each caller its own results, in order', async () => {
    const { submit } = groupCommit<string, string>({ commit: (shares) => Promise.resolve(done(shares)) });
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
    const { submit } = groupCommit<string, string>({ commit, lanesMax: 2, mixesTenants: true });
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

  it('commits two batches of one tenant at once where that may be, once enough waits', async () => {
    const { commit, commits, nth } = heldStore();
    const { submit } = groupCommit<string, string>({ commit, lanesMax: 4, lanesOfTenantMax: 2 });
    const send = (count: number) => Array.from({ length: count }, (_, n) => submit('t', [`${n}`]));
    const first = send(1);
    await nth(0);
    const few = send(SPLIT_MIN / 2 - 1);
    const other = submit('u', ['u']);
    await nth(1);
    const enough = send(1);
    await nth(2);
    const more = send(SPLIT_MIN / 2);
    await commits[1]!.settle();
    expect(commits.map(({ tenantId, batch }) => [tenantId, batch.length])).toEqual([
      ['t', 1],
      ['u', 1],
      ['t', SPLIT_MIN / 2],
    ]);
    await commits[0]!.settle();
    await nth(3);
    for (const { settle } of commits.slice(2)) await settle();
    await Promise.all([...first, ...few, other, ...enough, ...more]);
  });

  it('divides what waits between its lanes where the store commits in order, unless it is little', async () => {
    const { commit, commits, nth } = heldStore();
    const { submit } = groupCommit<string, string>({ commit, lanesMax: 2, mixesTenants: true });
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
    const commits = groupCommit<string, string>({ commit, queueMax: 3 });
    const first = commits.submit('t', ['a', 'b']);
    await expect(commits.submit('u', ['c', 'd'])).rejects.toBeInstanceOf(LedgerOverloadedError);
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
    const { submit } = groupCommit<string, string>({ commit, queueMax: 10 });
    const loud = submit('loud', Array<string>(8).fill('a'));
    await expect(submit('loud', ['b'])).rejects.toBeInstanceOf(LedgerOverloadedError);
    const quiet = submit('quiet', ['x']);
    await (await nth(0)).settle();
    await (await nth(1)).settle();
    await loud;
    await expect(quiet).resolves.toEqual(['x!']);
    const more = submit('loud', ['b']);
    await (await nth(2)).settle();
    await expect(more).resolves.toEqual(['b!']);
  });

  it('gives each its own commit when a batch fails, so that only the poison is refused', async () => {
    const { commit, tried } = poisonable();
    const { submit } = groupCommit<string, string>({ commit });
    const outcomes = await Promise.allSettled(['a', 'poison', 'b'].map((command) => submit('t', [command])));
    expect(outcomes.map(({ status }) => status)).toEqual(['fulfilled', 'rejected', 'fulfilled']);
    expect(tried).toEqual(['t:a,poison,b', 't:a', 't:poison', 't:b']);
  });

  it('keeps together what is another tenant’s when a batch fails', async () => {
    const { commit, tried } = poisonable();
    const { submit } = groupCommit<string, string>({ commit, mixesTenants: true });
    const commands = [submit('t', ['poison']), submit('u', ['x']), submit('u', ['y'])];
    const outcomes = await Promise.allSettled(commands);
    expect(outcomes.map(({ status }) => status)).toEqual(['rejected', 'fulfilled', 'fulfilled']);
    expect(tried).toEqual(['t:poison u:x,y', 't:poison', 'u:x,y']);
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
      queueMax: 4,
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

describe('tenants that wait at the same time', () => {
  const BATCH = 8;
  const SIZE_MAX = 16;
  const tenantIds = ['t', 'u', 'v'];
  const sizes = fc.array(fc.integer({ min: 1, max: SIZE_MAX }), { minLength: 1, maxLength: 40 });
  /** The sizes of what each submits, all before the first commit. */
  const backlogs = fc.record({ t: sizes, u: sizes, v: sizes });

  const sum = (numbers: readonly number[]): number => numbers.reduce((all, one) => all + one, 0);

  /** What each commit had of each tenant. */
  async function committed(
    waiting: Record<string, number[]>,
    options: Partial<GroupCommitOptions<number, number>>,
  ): Promise<Record<string, number>[]> {
    const commits: Record<string, number>[] = [];
    const { submit } = groupCommit<number, number>({
      commit: (shares) => {
        commits.push(Object.fromEntries(shares.map(({ tenantId, commands }) => [tenantId, commands.length])));
        return Promise.resolve(shares.map(({ commands }) => commands));
      },
      batchMax: BATCH,
      ...options,
    });
    await Promise.all(
      Object.entries(waiting).flatMap(([tenantId, sizes]) =>
        sizes.map((size) =>
          submit(
            tenantId,
            Array.from({ length: size }, (_, n) => n),
          ),
        ),
      ),
    );
    return commits;
  }

  it.each([true, false])('are served alike, in whatever sizes they send: mixed %s', async (mixesTenants) => {
    await fc.assert(
      fc.asyncProperty(backlogs, async (waiting) => {
        const served: Record<string, number> = { t: 0, u: 0, v: 0 };
        for (const commit of await committed(waiting, { mixesTenants })) {
          for (const [tenantId, size] of Object.entries(commit)) served[tenantId]! += size;
          const all = tenantIds.map((id) => served[id]!);
          // While nobody has been served all, the bound of deficit round robin holds: two submissions and a turn.
          if (tenantIds.some((id) => served[id] === sum(waiting[id as 't']))) break;
          expect(Math.max(...all) - Math.min(...all)).toBeLessThanOrEqual(2 * SIZE_MAX + BATCH);
        }
      }),
    );
  });

  it('are all served, in batches within the bound unless one submission alone passes it', async () => {
    await fc.assert(
      fc.asyncProperty(backlogs, fc.boolean(), async (waiting, mixesTenants) => {
        const commits = await committed(waiting, { mixesTenants });
        for (const tenantId of tenantIds)
          expect(sum(commits.map((commit) => commit[tenantId] ?? 0))).toBe(sum(waiting[tenantId as 't']));
        for (const commit of commits) {
          const isLarge =
            Object.keys(commit).length === 1 &&
            waiting[Object.keys(commit)[0] as 't'].includes(sum(Object.values(commit)));
          expect(sum(Object.values(commit)) <= BATCH || isLarge).toBe(true);
        }
      }),
    );
  });

  it('share a batch equally, and one leaves to the others what it does not need', async () => {
    const ones = (count: number) => Array.from({ length: count }, () => 1);
    const [first] = await committed({ t: ones(100), u: ones(100), v: ones(1) }, { mixesTenants: true });
    expect(first).toEqual({ t: 4, u: 3, v: 1 });
  });

  it('are all in the next batch, however much one of them has waiting', async () => {
    const { commit, commits, nth } = heldStore();
    const { submit } = groupCommit<string, string>({ commit, mixesTenants: true, batchMax: 4 });
    const loud = Array.from({ length: 8 }, (_, n) => submit('loud', [`${n}`]));
    const held = await nth(0);
    const quiet = submit('quiet', ['x']);
    await held.settle();
    await (await nth(1)).settle();
    await expect(quiet).resolves.toEqual(['x!']);
    await (await nth(2)).settle();
    await Promise.all(loud);
    expect(
      commits.map(({ shares }) => shares.map(({ tenantId, commands }) => `${tenantId} ${commands.length}`)),
    ).toEqual([['loud 4'], ['loud 3', 'quiet 1'], ['loud 1']]);
  });

  it.each([
    { tenants: 1, each: 800 },
    { tenants: 2, each: 444 },
    { tenants: 6, each: 160 },
  ])('have the less of the queue the more they are, and leave room: $tenants', ({ tenants, each }) => {
    const { submit, held } = neverCommitted(1_000);
    for (let turn = 0; turn < 1_000; turn += 1)
      for (let tenant = 0; tenant < tenants; tenant += 1) submit(`t${tenant}`);
    submit('late');
    expect([...held.values()]).toEqual([...Array<number>(tenants).fill(each), 1]);
  });

  /** A queue that only fills; says how many commands it holds of each tenant. */
  function neverCommitted(queueMax: number) {
    const held = new Map<string, number>();
    let shed = 0;
    const { submit } = groupCommit<string, string>({
      commit: () => new Promise(() => undefined),
      queueMax,
      onShed: (commands) => (shed += commands),
    });
    return {
      held,
      submit: (tenantId: string): void => {
        const before = shed;
        submit(tenantId, ['x']).catch(() => undefined);
        if (shed === before) held.set(tenantId, (held.get(tenantId) ?? 0) + 1);
      },
    };
  }
});
