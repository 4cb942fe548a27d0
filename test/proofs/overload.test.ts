import { setImmediate as turn } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import {
  groupCommit,
  type GroupCommitOptions,
  type Share,
} from '../../packages/server/src/ledger/group-commit.ts';
import { LedgerOverloadedError } from '../../packages/server/src/ledger/ledger.ts';
import { TRACKING_LANES } from '../../packages/server/src/ledger/postgres/database.ts';
import { WRITER_LANES } from '../../packages/server/src/ledger/sqlite/sqlite-ledger.ts';
import { report, scale } from './support/scale.ts';

/**
 * What group commit makes of more than its store can take. The store and the time are simulated, so that the figures
 * are those of the rules and not of the machine: each transaction takes 20 ms, whatever is in it.
 */

const RUN_MS = scale(20_000, 120_000);
const DELAY_MS = 20;
const BATCH = 4;
/** Of one batch after the other. */
const CAPACITY_PER_S = (BATCH * 1_000) / DELAY_MS;
/** A third of a second's work, as in a server. */
const QUEUE_MAX = Math.round(CAPACITY_PER_S / 3);

type Commits = GroupCommitOptions<string, string>;
type Store = (
  timeline: Timeline,
) => Pick<Commits, 'commit' | 'lanesMax' | 'lanesOfTenantMax' | 'mixesTenants'>;

/** Things that happen, in the order of their times. */
class Timeline {
  now = 0;
  readonly #due: { at: number; happen: () => void }[] = [];

  at(at: number, happen: () => void): void {
    const index = this.#due.findLastIndex((other) => other.at <= at);
    this.#due.splice(index + 1, 0, { at, happen });
  }

  async run(): Promise<void> {
    for (let next = this.#due.shift(); next !== undefined; next = this.#due.shift()) {
      this.now = next.at;
      next.happen();
      // Lanes begin a turn of the event loop later.
      await turn();
    }
  }
}

const echo = (batch: readonly Share<string>[]): (readonly string[])[] =>
  batch.map(({ commands }) => commands);

const STORES: Record<string, Store> = {
  'one file': (timeline) => {
    let freeAt = 0;
    const commit: Commits['commit'] = (batch) => {
      freeAt = Math.max(freeAt, timeline.now) + DELAY_MS;
      return new Promise((resolve) => timeline.at(freeAt, () => resolve(echo(batch))));
    };
    return { ...WRITER_LANES, commit };
  },
  'a database': (timeline) => ({
    ...TRACKING_LANES,
    commit: (batch) =>
      new Promise((resolve) => timeline.at(timeline.now + DELAY_MS, () => resolve(echo(batch)))),
  }),
};

/** A tenant that sends at a rate, whatever comes back. */
interface Sender {
  readonly tenantId: string;
  readonly perS: number;
  readonly fromMs?: number;
  readonly untilMs?: number;
}

interface Outcome {
  readonly tenantId: string;
  readonly sentAt: number;
  readonly answeredAt: number;
  readonly isRecorded: boolean;
}

/** The same gaps for every run: exponential, as of callers who know nothing of each other. */
function gaps(perS: number): () => number {
  let state = 20_260_101;
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return (-Math.log((state + 1) / 2 ** 32) * 1_000) / perS;
  };
}

async function outcomes(store: Store, senders: readonly Sender[]): Promise<Outcome[]> {
  const timeline = new Timeline();
  const { submit } = groupCommit<string, string>({
    ...store(timeline),
    batchMax: BATCH,
    queueMax: QUEUE_MAX,
    clock: () => timeline.now,
  });
  const all: Outcome[] = [];
  for (const { tenantId, perS, fromMs = 0, untilMs = RUN_MS } of senders) {
    const gap = gaps(perS);
    const send = (): void => {
      const sentAt = timeline.now;
      const answered = (isRecorded: boolean): void =>
        void all.push({ tenantId, sentAt, answeredAt: timeline.now, isRecorded });
      submit(tenantId, ['event']).then(
        () => answered(true),
        (error: unknown) => {
          expect(error).toBeInstanceOf(LedgerOverloadedError);
          answered(false);
        },
      );
      schedule();
    };
    const schedule = (from = timeline.now): void => {
      const at = from + gap();
      if (at < untilMs) timeline.at(at, send);
    };
    schedule(fromMs);
  }
  await timeline.run();
  return all;
}

const recordedPerS = (all: readonly Outcome[]): number =>
  (all.filter(({ isRecorded, answeredAt }) => isRecorded && answeredAt <= RUN_MS).length * 1_000) / RUN_MS;

function p99Ms(all: readonly Outcome[], tenantId: string): number {
  const taken = all
    .filter((one) => one.tenantId === tenantId && one.isRecorded)
    .map(({ sentAt, answeredAt }) => answeredAt - sentAt)
    .sort((a, b) => a - b);
  return taken[Math.floor(taken.length * 0.99)] ?? NaN;
}

describe.each(Object.keys(STORES))('%s with too much to do', (name) => {
  const run = (...senders: Sender[]): Promise<Outcome[]> => outcomes(STORES[name]!, senders);
  const quiet = { tenantId: 'quiet', perS: CAPACITY_PER_S / 4 };
  const noisy = { tenantId: 'noisy', perS: (5 * CAPACITY_PER_S) / 2 };

  it('records nine tenths of its best at three times that', async () => {
    const peak = recordedPerS(await run({ tenantId: 't', perS: CAPACITY_PER_S }));
    const loaded = recordedPerS(await run({ tenantId: 't', perS: 3 * CAPACITY_PER_S }));
    expect(loaded / peak).toBeGreaterThanOrEqual(0.9);
  });

  it('answers within the time that the queue holds', async () => {
    const loaded = await run({ tenantId: 't', perS: 3 * CAPACITY_PER_S });
    expect(p99Ms(loaded, 't')).toBeLessThan(500);
  });

  it('records all within five seconds of an overload', async () => {
    const endsMs = RUN_MS / 2;
    const all = await run(
      { tenantId: 't', perS: 3 * CAPACITY_PER_S, untilMs: endsMs },
      { tenantId: 't', perS: CAPACITY_PER_S / 2, fromMs: endsMs },
    );
    const late = all.filter(({ sentAt }) => sentAt > endsMs + 5_000);
    expect(late.length).toBeGreaterThan(0);
    expect(late.filter(({ isRecorded }) => !isRecorded)).toEqual([]);
  });

  it('makes a tenant wait no more than half as long again beside one at five times its share', async () => {
    const alone = p99Ms(await run(quiet), 'quiet');
    const beside = p99Ms(await run(quiet, noisy), 'quiet');
    report(`${name}: p99 of ${alone.toFixed(0)} ms alone, ${beside.toFixed(0)} beside a noisy tenant`);
    expect(beside / alone).toBeLessThanOrEqual(1.5);
  });

  it('turns nothing away of a tenant within its share', async () => {
    const beside = await run(quiet, noisy);
    expect(beside.filter(({ tenantId, isRecorded }) => tenantId === 'quiet' && !isRecorded)).toEqual([]);
  });
});
