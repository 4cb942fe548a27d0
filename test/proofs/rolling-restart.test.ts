import { Agent, request, type IncomingMessage } from 'node:http';
import { text } from 'node:stream/consumers';
import { setTimeout as pause } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { pricedStore } from '../support/priced-store.ts';
import { billingos, startServe, type ServeProcess } from '../support/program.ts';
import { report, scale, times } from './support/scale.ts';
import { usePostgres } from './support/stores.ts';

/** Two servers on one PostgreSQL, restarted in turn under load, behind a balancer that asks `/readyz`. */

const RESTARTS = scale(2, 20);
const CLIENTS = 8;
const STREAMS = 4;
/** Between two events of a client. */
const PACE_MS = 10;
/** How often the balancer asks, well within the grace that a server leaves it. */
const PROBE_EVERY_MS = 100;
const STREAMS_BACK_MS_MAX = 3_000;
const TIMEOUT_MS = scale(120_000, 900_000);

/** One place for a server, and whether the balancer sends anyone there. */
interface Place {
  server: ServeProcess;
  ready: boolean;
}

const agent = new Agent({ keepAlive: true });
const postgres = usePostgres();
let env: Record<string, string>;
let secretKey: string;
let places: Place[];
let probing: NodeJS.Timeout;

beforeAll(async () => {
  env = { DATABASE_URL: await postgres.newStore(), BILLINGOS_RATE_LIMIT: '0' };
  ({ secretKey } = await pricedStore(env));
  const servers = await Promise.all([startServe([], env), startServe([], env)]);
  places = servers.map((server) => ({ server, ready: true }));
  probing = setInterval(() => places.forEach((place) => void probe(place)), PROBE_EVERY_MS);
});

afterAll(async () => {
  clearInterval(probing);
  agent.destroy();
  for (const { server } of places) server.signal('SIGKILL');
  await Promise.all(places.map(({ server }) => server.ended));
});

async function probe(place: Place): Promise<void> {
  place.ready = await ask(place, 'GET', '/readyz').then(
    (reply) => reply.resume().statusCode === 200,
    () => false,
  );
}

function ask({ server }: Place, method: string, path: string, body?: object): Promise<IncomingMessage> {
  const headers = { Authorization: `Bearer ${secretKey}`, 'Content-Type': 'application/json' };
  return new Promise((resolve, reject) => {
    const asked = request(server.url + path, { agent, method, headers }, resolve);
    asked.on('error', reject).end(body && JSON.stringify(body));
  });
}

/** Where the balancer sends the next request. */
function pick(nth: number): Place {
  const ready = places.filter((place) => place.ready);
  const place = ready[nth % ready.length];
  if (place === undefined) throw new Error('No server is ready');
  return place;
}

const load = { running: true, recorded: 0, retried: 0, surprises: [] as unknown[] };

const isOver = (): boolean => !load.running;

/** One event after the other, each sent with one key until it is answered by anything but 503. */
async function runClient(client: number): Promise<void> {
  for (let nth = 0; load.running; nth += 1) {
    const event = {
      customer_id: `user_${client}`,
      feature_key: 'bulk_calls',
      quantity: 1,
      idempotency_key: `${client}-${nth}`,
    };
    for (let attempt = 0; ; attempt += 1) {
      try {
        const reply = await ask(pick(client + nth + attempt), 'POST', '/v1/usage/track', event);
        const answer = await text(reply);
        if (reply.statusCode === 201) break;
        if (reply.statusCode !== 503 || reply.headers['retry-after'] === undefined) {
          load.surprises.push([reply.statusCode, answer]);
          break;
        }
      } catch (error) {
        load.surprises.push(error);
      }
      load.retried += 1;
      await pause(PROBE_EVERY_MS);
    }
    load.recorded += 1;
    await pause(PACE_MS);
  }
}

const streams = { opened: 0, silencesMs: [] as number[] };

/** Watches until the end, and after each goodbye connects again. */
async function runStream(client: number): Promise<void> {
  let since = performance.now();
  for (let nth = client; load.running; nth += 1) {
    const reply = await ask(pick(nth), 'GET', `/v1/usage/stream?customer_id=user_${client}`);
    let greeted = false;
    for await (const chunk of reply.setEncoding('utf8') as AsyncIterable<string>) {
      if (!greeted && chunk.includes('event: snapshot')) {
        greeted = true;
        streams.opened += 1;
        streams.silencesMs.push(performance.now() - since);
      }
      if (isOver()) reply.destroy();
    }
    if (greeted) since = performance.now();
    await pause(PROBE_EVERY_MS);
  }
}

async function restart(place: Place): Promise<void> {
  const { port } = new URL(place.server.url);
  place.server.signal('SIGTERM');
  expect((await place.server.ended).code).toBe(0);
  place.server = await startServe(['--port', port], env);
  while (!place.ready) await pause(PROBE_EVERY_MS);
}

describe('two servers that are restarted in turn under load', () => {
  it(
    `${RESTARTS} times lose no event, count none twice, and show their clients nothing but 503`,
    async () => {
      const clients = times(CLIENTS, runClient);
      const watchers = times(STREAMS, (client) => runStream(client).catch(ignoreEnd));
      for (let nth = 0; nth < RESTARTS; nth += 1) {
        await restart(places[nth % 2]!);
      }
      load.running = false;
      await Promise.all([...clients, ...watchers]);

      expect(load.surprises).toEqual([]);
      const { stdout } = await billingos(['verify', '--json'], env);
      expect(JSON.parse(stdout)).toMatchObject({ exact: true, events: load.recorded, counters: CLIENTS });
      const slowest = Math.max(...streams.silencesMs);
      expect(slowest).toBeLessThan(STREAMS_BACK_MS_MAX);
      report(
        `${RESTARTS} restarts, ${load.recorded} events, ${load.retried} answered 503 and sent again, ` +
          `${streams.opened} streams opened, the slowest back in ${slowest.toFixed(0)} ms`,
      );
    },
    TIMEOUT_MS,
  );
});

/** A reply that is torn down when the proof is over ends with an error. */
function ignoreEnd(error: unknown): void {
  if (load.running) throw error;
}
