import { setTimeout as pause } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { pricedStore } from '../support/priced-store.ts';
import { billingos, startServe, type ServeProcess } from '../support/program.ts';
import { startReplicatedPostgres, type ReplicatedPostgres } from './support/replicated-postgres.ts';
import { report, scale, times } from './support/scale.ts';

/** Two servers on a PostgreSQL whose primary is lost under load, and whose synchronous standby is promoted. */

const FAILOVERS = scale(1, 5);
const CLIENTS = 8;
/** How long events are recorded before the primary is lost, and after it is replaced. */
const LOAD_MS = scale(500, 2_000);
const RETRY_MS = 20;
const BACK_MS_MAX = 5_000;
const TIMEOUT_MS = scale(120_000, 600_000);

let postgres: ReplicatedPostgres;
let env: Record<string, string>;
let secretKey: string;
let servers: ServeProcess[];

beforeAll(async () => {
  postgres = await startReplicatedPostgres();
  env = { DATABASE_URL: postgres.url, BILLINGOS_RATE_LIMIT: '0' };
  ({ secretKey } = await pricedStore(env));
  servers = [await startServe([], env), await startServe([], env)];
}, TIMEOUT_MS);

afterAll(async () => {
  for (const server of servers) server.signal('SIGKILL');
  await Promise.all(servers.map(({ ended }) => ended));
  await postgres.stop();
});

const load = {
  running: true,
  /** By idempotency key: the id that an event was acknowledged with. */
  recorded: new Map<string, string>(),
  retried: 0,
  lastRecordedAt: 0,
  surprises: [] as unknown[],
};

/** One event after the other, each sent with one key until it is answered by anything but 503. */
async function runClient(client: number): Promise<void> {
  for (let nth = 0; load.running; nth += 1) {
    const key = `${client}-${nth}`;
    for (let attempt = 0; ; attempt += 1) {
      const reply = await send(client, key, servers[(client + attempt) % servers.length]!);
      const answer = (await reply.json()) as { event_id: string };
      if (reply.status === 201) {
        load.recorded.set(key, answer.event_id);
        load.lastRecordedAt = performance.now();
        break;
      }
      if (reply.status !== 503 || !reply.headers.has('retry-after')) {
        load.surprises.push([reply.status, answer]);
        break;
      }
      load.retried += 1;
      await pause(RETRY_MS);
    }
  }
}

function send(client: number, idempotencyKey: string, { url }: ServeProcess): Promise<Response> {
  return fetch(`${url}/v1/usage/track`, {
    method: 'POST',
    headers: { Authorization: `Bearer ${secretKey}`, 'Content-Type': 'application/json' },
    body: JSON.stringify({
      customer_id: `user_${client}`,
      feature_key: 'bulk_calls',
      quantity: 1,
      idempotency_key: idempotencyKey,
    }),
  });
}

/** How long it takes, from a moment on, until the next event is recorded. */
async function untilRecorded(since: number): Promise<number> {
  while (load.lastRecordedAt < since) await pause(RETRY_MS);
  return load.lastRecordedAt - since;
}

describe('a primary that is lost under load', () => {
  it(
    `${FAILOVERS} times, each to its synchronous standby, takes no acknowledged event with it`,
    async () => {
      const clients = times(CLIENTS, runClient);
      const backMs: number[] = [];
      for (let nth = 0; nth < FAILOVERS; nth += 1) {
        if (nth > 0) await postgres.addStandby();
        await pause(LOAD_MS);
        await postgres.failOver();
        backMs.push(await untilRecorded(performance.now()));
        await pause(LOAD_MS);
      }
      load.running = false;
      await Promise.all(clients);

      expect(load.surprises).toEqual([]);
      // Sent again, each is answered from what is stored: lost, it would be recorded anew, under another id.
      for (const [key, eventId] of load.recorded) {
        const reply = await send(Number(key.split('-', 1)[0]), key, servers[0]!);
        expect(((await reply.json()) as { event_id: string }).event_id).toBe(eventId);
      }
      const { stdout } = await billingos(['verify', '--json'], env);
      const events = load.recorded.size;
      expect(JSON.parse(stdout)).toMatchObject({ exact: true, events, counters: CLIENTS });
      expect(Math.max(...backMs)).toBeLessThan(BACK_MS_MAX);
      report(
        `${FAILOVERS} primaries lost under load, ${events} events acknowledged, none lost; ${load.retried} answered 503 ` +
          `and sent again; recording again at most ${Math.max(...backMs).toFixed(0)} ms after the promotion`,
      );
    },
    TIMEOUT_MS,
  );
});
