import { once } from 'node:events';
import { Agent, request } from 'node:http';
import { connect, type Socket } from 'node:net';
import { afterAll, beforeAll, beforeEach, expect, it } from 'vitest';
import { useAttackedServer } from './support/attacked-server.ts';
import { inParallel, report, scale, times } from './support/scale.ts';

/** Clients that take their time, all of it: others are served meanwhile, and nothing is left of them afterwards. */

const CONNECTIONS = scale(150, 1_000);
const STREAMS = scale(100, 1_000);
const STORM_MS = scale(1_000, 5_000);
const DEAF_READERS = scale(10, 50);
/** What arrives slowly; a body has three times as long as headers. */
const SLOW_PARTS = scale(['headers'] as const, ['headers', 'body'] as const);
const HEALTHY_REQUESTS = scale(100, 1_000);

/** What the server lets in a second, of all tenants together; and as many at once, after a quiet second. */
const OPENED_PER_SECOND = 200;
const STORM_WIDTH = 50;
const DROP_EVERY_MS = 500;
/** A catalog that makes a snapshot of some 200 KiB: what a socket holds is full after a few dozen. */
const FEATURES = 500;
const SNAPSHOTS = 60;
const GROWTH_MIB_MAX = 150;
const TIMEOUT_MS = 180_000;

const server = useAttackedServer();
const agent = new Agent({ keepAlive: true });
afterAll(() => agent.destroy());

interface Reply {
  readonly status: number;
  readonly retryAfter: string | undefined;
  /** Of a stream, to be read or hung up on. */
  readonly socket: Socket;
}

function ask(method: string, path: string, tenant = 0, body?: unknown): Promise<Reply> {
  const headers = {
    Authorization: `Bearer ${server.tenants[tenant]?.secretKey ?? ''}`,
    'Content-Type': 'application/json',
  };
  return new Promise((resolve, reject) => {
    const isStream = path.includes('/stream');
    const asked = request(
      server.url + path,
      { method, headers, agent: isStream ? false : agent },
      (response) => {
        const { statusCode = 0, headers: fields, socket } = response;
        const reply = { status: statusCode, retryAfter: fields['retry-after'], socket };
        response.on('error', () => undefined).resume();
        if (isStream && statusCode === 200) resolve(reply);
        else response.on('end', () => resolve(reply));
      },
    );
    asked.on('error', reject);
    asked.end(body === undefined ? undefined : JSON.stringify(body));
  });
}

/** What the slowest in a hundred healthy requests took. */
async function healthyMs(): Promise<number> {
  const taken: number[] = [];
  for (let n = 0; n < HEALTHY_REQUESTS; n += 1) {
    const began = performance.now();
    expect((await ask('GET', '/v1/usage/metrics?customer_id=user_1', 1)).status).toBe(200);
    taken.push(performance.now() - began);
  }
  return taken.toSorted((a, b) => a - b)[Math.floor(taken.length * 0.99)] ?? 0;
}

/** Measured anew before each attack: what else the machine does changes from one to the next. */
let baselineMs: number;
let idle: number;
beforeAll(async () => {
  await healthyMs();
  agent.destroy();
  idle = (await server.figures()).busy;
});
beforeEach(async () => {
  baselineMs = await healthyMs();
});

/** Every socket and timer is gone again, and nothing went wrong. */
async function expectIdle(): Promise<void> {
  agent.destroy();
  await expect
    .poll(async () => (await server.figures()).busy, { timeout: TIMEOUT_MS, interval: 100 })
    .toBeLessThanOrEqual(idle);
  expect((await server.figures()).errors).toEqual([]);
}

function tell(attack: string, ms: number): void {
  report(
    `${attack}: healthy requests ${ms.toFixed(1)} ms at the 99th percentile, ` +
      `${(ms / baselineMs).toFixed(1)} × the ${baselineMs.toFixed(1)} ms before`,
  );
}

/** The beginning of a request, then a drop at a time. `heard` is what the server said when it hung up. */
async function drip(part: 'headers' | 'body'): Promise<{ readonly heard: Promise<string> }> {
  const socket = connect(Number(new URL(server.url).port), '127.0.0.1');
  let heard = '';
  socket.on('data', (chunk) => (heard += chunk.toString()));
  const key = server.tenants[0]?.secretKey ?? '';
  const head = `POST /v1/usage/track HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer ${key}\r\n`;
  const body = 'Content-Type: application/json\r\nContent-Length: 60000\r\n\r\n{"customer_id":"';
  await once(socket, 'connect');
  socket.write(part === 'headers' ? head : head + body);
  // At a pace of its own: all at once the drops would hold up the healthy requests here, and not at the server.
  const everyMs = DROP_EVERY_MS * (0.5 + Math.random());
  const dripping = setInterval(() => socket.write(part === 'headers' ? 'X: y\r\n' : 'x'), everyMs);
  // A drop may fall on a line that is cut.
  const closed = once(socket, 'close').catch(() => undefined);
  return {
    heard: closed.then(() => {
      clearInterval(dripping);
      return heard;
    }),
  };
}

it.each(SLOW_PARTS)(
  `${CONNECTIONS} connections whose %s come by the drop are cut, and others are served`,
  { timeout: TIMEOUT_MS },
  async (part) => {
    const slow = await Promise.all(times(CONNECTIONS, () => drip(part)));
    tell(`${CONNECTIONS} connections with slow ${part}`, await healthyMs());
    for (const { heard } of slow) expect(await heard).toMatch(/^HTTP\/1\.1 408 [^]*"code":"request_timeout"/);
    await expectIdle();
  },
);

it(`${STREAMS} idle streams cost others nothing`, { timeout: TIMEOUT_MS }, async () => {
  const before = await server.figures();
  const sockets: Socket[] = [];
  await inParallel(times(STREAMS, Number), STORM_WIDTH, async (n) => {
    for (;;) {
      const { status, socket } = await ask('GET', `/v1/usage/stream?customer_id=user_${n}`, n % 2);
      if (status === 200) return void sockets.push(socket);
      // The caps let so many in a second.
      expect([429, 503]).toContain(status);
    }
  });
  const { memoryMiB } = await server.figures();
  tell(`${STREAMS} idle streams, ${(memoryMiB - before.memoryMiB).toFixed(0)} MiB`, await healthyMs());
  for (const socket of sockets) socket.destroy();
  await expectIdle();
});

it('a storm of stream connects is let in at the rate of the caps', { timeout: TIMEOUT_MS }, async () => {
  const began = performance.now();
  const elapsed = (): number => performance.now() - began;
  let accepted = 0;
  const refused: Reply[] = [];
  const storming = inParallel(times(STORM_WIDTH, Number), STORM_WIDTH, async (n) => {
    while (elapsed() < STORM_MS) {
      const reply = await ask('GET', `/v1/usage/stream?customer_id=user_${n}`, n % 2);
      if (reply.status === 200) accepted += 1;
      else refused.push(reply);
      reply.socket.destroy();
    }
  });
  const ms = await healthyMs();
  await storming;
  tell(`${accepted} streams let in and ${refused.length} refused in ${(elapsed() / 1000).toFixed(1)} s`, ms);
  expect(accepted).toBeLessThanOrEqual(OPENED_PER_SECOND * (elapsed() / 1000 + 1));
  // A tenant with more than its share, or a server that has no more to share.
  for (const { status, retryAfter } of refused)
    expect([`429 1`, `503 1`]).toContain(`${status} ${retryAfter}`);
  await expectIdle();
});

/** Asks for a stream and never reads a byte of it. */
async function deafReader(): Promise<Socket> {
  const socket = connect(Number(new URL(server.url).port), '127.0.0.1');
  socket.on('error', () => undefined).pause();
  const key = server.tenants[0]?.secretKey ?? '';
  socket.write(
    `GET /v1/usage/stream?customer_id=user_1 HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer ${key}\r\n\r\n`,
  );
  await once(socket, 'ready');
  return socket;
}

it(`${DEAF_READERS} readers that never read are no burden`, { timeout: TIMEOUT_MS }, async () => {
  const deaf = await Promise.all(times(DEAF_READERS, deafReader));
  const before = await server.figures();
  const titles = times(SNAPSHOTS, (n) => `Feature of turn ${n}`);
  for (const title of titles) {
    const features = times(FEATURES, (n) => ({ key: `f${n}`, title, type: 'usage_quota' }));
    const limits = features.map(({ key }) => ({ feature: key, limit: 100 }));
    const prices = [{ id: 'price_free', amount: 0, currency: 'usd', interval: 'month' }];
    const product = { id: 'free', name: 'Free', default: true, prices, features: limits };
    const { status } = await ask('PUT', '/v1/catalog', 0, { features, products: [product] });
    expect(status).toBe(200);
  }
  const { memoryMiB } = await server.figures();
  tell(`${DEAF_READERS} deaf readers, ${(memoryMiB - before.memoryMiB).toFixed(0)} MiB`, await healthyMs());
  expect(memoryMiB - before.memoryMiB).toBeLessThan(GROWTH_MIB_MAX);
  for (const socket of deaf) socket.destroy();
  await expectIdle();
});
