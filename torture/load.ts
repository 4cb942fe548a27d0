import { randomBytes } from 'node:crypto';
import { setTimeout as pause } from 'node:timers/promises';
import { checkHistory } from '../packages/server/src/selftest/check.ts';
import { drive, tracker, type Meter } from '../packages/server/src/selftest/drive.ts';
import type { Attempt, Draft, History } from '../packages/server/src/selftest/history.ts';
import { observe } from '../packages/server/src/selftest/observe.ts';
import { usageApi } from '../packages/server/src/selftest/usage-api.ts';
import type { Scene } from './fault.ts';
import type { Place } from './place.ts';
import { watch } from './streams.ts';

/** Clients of a load. More would only wait for a machine that several servers share. */
const CLIENTS = 8;
const CUSTOMERS = 3;
/** How long one may have to wait for an event to be recorded before that counts as never. */
const PATIENCE_MS = 60_000;
const ASKED_EVERY_MS = 5;

/** The metered features of the priced store. */
export const LIMITED: Meter = { feature: 'api_calls', type: 'usage_quota', limit: 1_000 };
export const UNLIMITED: Meter = { feature: 'bulk_calls', type: 'usage_quota', limit: Infinity };

export interface Target {
  readonly secretKey: string;
  readonly nextUrl: () => string;
}

/** How hard a load is. */
export interface Pace {
  readonly clients: number;
  /** Waited for before each act of any of them. */
  readonly turn: () => Promise<unknown>;
}

/** A load that is under way. */
export interface Load {
  /** Waits for an event that is sent from now on, and recorded. @returns after how long, in milliseconds. */
  readonly untilRecorded: () => Promise<number>;
}

/** Something that befalls servers under load, and is over in the end. */
export type Trouble = (scene: Scene, places: readonly Place[], load: Load) => Promise<void>;

/**
 * Puts servers under load while something happens to them; then looks up all that they have kept, and judges it.
 * Streams are read throughout.
 */
export async function underLoad(
  scene: Scene,
  { secretKey, nextUrl }: Target,
  happening: (load: Load) => Promise<void>,
  pace: Partial<Pace> = {},
): Promise<void> {
  const send = usageApi(nextUrl, secretKey);
  const customers = newCustomers();
  const attempts: Attempt[] = [];
  let isOver = false;
  const streams = customers.map((customer) => watch(nextUrl, secretKey, customer, LIMITED.feature));
  const driven = drive({
    send,
    meter: LIMITED,
    customers,
    clients: CLIENTS,
    ...pace,
    random: scene.random,
    clock,
    isOver: () => isOver,
    record: (attempt) => void attempts.push(attempt),
  });
  const load: Load = {
    untilRecorded: async () => {
      const since = clock();
      let looked = attempts.length;
      while (clock() < since + PATIENCE_MS) {
        for (; looked < attempts.length; looked += 1) {
          const attempt = attempts[looked];
          if (attempt?.reply.kind === 'recorded' && attempt.began >= since) return attempt.ended - since;
        }
        await pause(ASKED_EVERY_MS);
      }
      throw new Error(`Nothing was recorded for ${PATIENCE_MS / 1_000} s.`);
    },
  };
  try {
    await load.untilRecorded();
    await happening(load);
  } finally {
    isOver = true;
    await driven;
  }
  const history = await observe({ send, meter: LIMITED, customers }, attempts);
  scene.judge(checkHistory(history));
  for (const stream of streams) await stream.judge(scene, history);
}

/** How drafts go out: how many of them at once, and how each of them is sent. */
export interface Volley {
  readonly meter: Meter;
  readonly drafts: number;
  readonly atOnce: number;
  /** How often a draft is sent at the same moment. */
  readonly copies: () => number;
  readonly quantity: () => number;
}

/** Sends drafts of one new customer; then looks up all that was kept, and judges it. @returns what was seen. */
export async function volley(scene: Scene, { secretKey, nextUrl }: Target, plan: Volley): Promise<History> {
  const { meter, drafts, atOnce, copies, quantity } = plan;
  const send = usageApi(nextUrl, secretKey);
  const customers = newCustomers().slice(0, 1);
  const attempts: Attempt[] = [];
  const { track } = tracker({ send, meter, clock, record: (attempt) => void attempts.push(attempt) });
  const all = Array.from({ length: drafts }, (_, n): Draft => {
    return { customer: customers[0] ?? '', key: `key-${n}`, action: 'add', quantity: quantity() };
  });
  const waiting = all.values();
  await Promise.all(
    Array.from({ length: atOnce }, async () => {
      for (const draft of waiting) await Promise.all(Array.from({ length: copies() }, () => track(draft)));
    }),
  );
  const history = await observe({ send, meter, customers }, attempts);
  scene.judge(checkHistory(history));
  return history;
}

function clock(): number {
  return performance.now();
}

function newCustomers(): string[] {
  const id = randomBytes(6).toString('hex');
  return Array.from({ length: CUSTOMERS }, (_, n) => `torture-${id}-${n + 1}`);
}
