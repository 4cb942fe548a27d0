import { once } from 'node:events';
import { Agent, request } from 'node:http';
import { connect } from 'node:net';
import fc from 'fast-check';
import { afterAll, expect, it } from 'vitest';
import { useAttackedServer } from './support/attacked-server.ts';
import { inParallel, report, scale, SEED, sum, times } from './support/scale.ts';

/** Bodies and bytes that no client sends: each is answered or hung up on, none is an error of the server's. */

const BODIES = scale(3_000, 200_000);
const RAW_REQUESTS = scale(300, 5_000);
/** A full batch in so many requests. */
const BATCH_EVERY = 200;
const BATCH_EVENTS = 1_000;
const WARMING_BATCHES = 10;
const WIDTH = 16;
/** Bodies made at a time: all of them at once are too much to hold. */
const SLICE = 5_000;
const TIMEOUT_MS = scale(120_000, 1_800_000);
const RAW_WIDTH = 100;
const ANSWERED_WITHIN_MS = 20_000;
/** A request has 30 seconds to arrive; those that never do are cut then, and looked for every second. */
const HUNG_UP_WITHIN_MS = 40_000;
/** What one turn of the event loop may take of everybody's time, at the 99.9th percentile. */
const HELD_MS_MAX = 50;

const server = useAttackedServer();
const agent = new Agent({ keepAlive: true, maxSockets: WIDTH });
afterAll(() => agent.destroy());

interface Sent {
  readonly method: string;
  readonly path: string;
  readonly body: string;
}

function send({ method, path, body }: Sent): Promise<number> {
  const [tenant] = server.tenants;
  const credential = /features|products/.test(path) ? tenant?.sessionToken : tenant?.secretKey;
  const headers = {
    Authorization: `Bearer ${credential ?? ''}`,
    'Content-Type': 'application/json',
    'Content-Length': Buffer.byteLength(body),
  };
  return new Promise((resolve, reject) => {
    const timeout = ANSWERED_WITHIN_MS;
    const asked = request(server.url + path, { agent, method, headers, timeout }, (response) => {
      response.resume().on('end', () => resolve(response.statusCode ?? 0));
    });
    asked.on('timeout', () => asked.destroy(new Error(`No answer to ${method} ${path}`)));
    asked.on('error', reject);
    asked.end(body);
  });
}

const event = {
  customer_id: 'user_1',
  feature_key: 'events',
  quantity: 1,
  idempotency_key: 'key',
  metadata: { a: [1, { b: null }] },
  timestamp: '2026-01-31T09:00:00.000Z',
  action: 'add',
};
const catalog = {
  features: [{ key: 'api_calls', title: 'API calls', type: 'usage_quota', decimals: 0 }],
  products: [
    {
      id: 'free',
      name: 'Free',
      default: true,
      prices: [{ id: 'price_free', amount: 0, currency: 'usd', interval: 'month' }],
      features: [{ feature: 'api_calls', limit: 100, overage: 'block', warn_at: 80 }],
    },
  ],
};
const TARGETS: readonly { method: string; path: string; good: unknown }[] = [
  { method: 'POST', path: '/v1/usage/track', good: event },
  { method: 'POST', path: '/v1/usage/batch', good: { events: [event, event, event] } },
  { method: 'POST', path: '/v1/features/track-usage', good: { feature_key: 'events', quantity: '0.5' } },
  {
    method: 'POST',
    path: '/v1/session-tokens',
    good: { externalUserId: 'user_1', expiresIn: 60, allowedOperations: ['read_usage'], metadata: {} },
  },
  {
    method: 'POST',
    path: '/customers',
    good: { external_user_id: 'user_2', email: 'a@b.example', metadata: { a: 1 } },
  },
  { method: 'PATCH', path: '/customers/cus_1', good: { name: 'One', metadata: {} } },
  { method: 'POST', path: '/subscriptions', good: { customer_id: 'cus_1', price_id: 'price_pro' } },
  { method: 'PATCH', path: '/subscriptions/sub_1', good: { status: 'active', cancel_at_period_end: true } },
  { method: 'POST', path: '/v1/features/nudges/one/dismiss', good: { snooze_seconds: 60 } },
  { method: 'PUT', path: '/v1/catalog', good: catalog },
];

const oddText = fc.oneof(
  fc.string({ unit: 'binary', maxLength: 30 }),
  fc.constantFrom(
    '',
    ' ',
    '\u0000',
    '\ud800',
    '__proto__',
    'NaN',
    '1e999',
    '-0',
    '9'.repeat(400),
    'a'.repeat(5_000),
  ),
);
const oddValue = fc.oneof(
  oddText,
  fc.double(),
  fc.constantFrom<unknown>(null, true, -1, 2 ** 53, 1e308, 5e-324, [], {}, [[[]]], { toString: 1 }),
  fc.anything({ withNullPrototype: false, maxDepth: 3, values: [fc.double(), oddText, fc.constant(null)] }),
);

/** Puts an odd value somewhere into a good body: in the place of a member, or beside the others. */
function alter(value: unknown, place: number, odd: unknown): unknown {
  if (typeof value !== 'object' || value === null || place % 5 === 0) return odd;
  if (Array.isArray(value))
    return value.map((item, index) =>
      index === place % value.length ? alter(item, place >> 2, odd) : (item as unknown),
    );
  const names = [...Object.keys(value), '__proto__', 'extra'];
  const name = names[place % names.length] ?? '';
  const changed = alter((value as Record<string, unknown>)[name], place >> 2, odd);
  return { ...value, ...(name === '__proto__' ? { ['__proto__']: changed } : { [name]: changed }) };
}

const seldom = <T>(one: fc.Arbitrary<T>): fc.Arbitrary<T | null> =>
  fc.oneof({ weight: 7, arbitrary: fc.constant(null) }, { weight: 1, arbitrary: one });

interface Mutation {
  readonly target: (typeof TARGETS)[number];
  readonly odd: unknown;
  readonly place: number;
  readonly cut: number | null;
  readonly noise: string | null;
}

const mutation: fc.Arbitrary<Mutation> = fc.record({
  target: fc.constantFrom(...TARGETS),
  odd: oddValue,
  place: fc.nat(),
  cut: seldom(fc.nat({ max: 200 })),
  noise: seldom(fc.string({ unit: 'binary', maxLength: 4 })),
});

function toRequest({ target: { method, path, good }, odd, place, cut, noise }: Mutation): Sent {
  // Some odd values are no JSON at all.
  const text = (JSON.stringify(alter(good, place, odd)) as string | undefined) ?? '';
  const at = place % (text.length + 1);
  const noisy = text.slice(0, at) + (noise ?? '') + text.slice(at);
  return { method, path, body: noisy.slice(0, cut ?? noisy.length) };
}

/** A thousand events that take as long as any can: each wrong in every member, or each good with much to keep. */
function batch(n: number): Sent {
  const good = { ...event, metadata: { text: 'x'.repeat(500) } };
  const bad = {
    customer_id: `user ${n}`,
    feature_key: '?',
    quantity: 'x',
    metadata: [],
    extra: 1,
    timestamp: 'never',
  };
  const events = Array.from({ length: BATCH_EVENTS }, (_, at) =>
    n % 2 === 0 ? bad : { ...good, idempotency_key: `${n}-${at}` },
  );
  return { method: 'POST', path: '/v1/usage/batch', body: JSON.stringify({ events }) };
}

it(`of ${BODIES} mutated bodies each is answered below 500`, { timeout: TIMEOUT_MS }, async () => {
  const statuses = new Map<number, number>();
  // What runs for the first time is slow once, whatever was sent.
  for (const sent of times(WARMING_BATCHES, batch)) await send(sent);
  await server.figures();
  for (let done = 0; done < BODIES; done += SLICE) {
    const some = fc.sample(mutation, { seed: SEED + done, numRuns: Math.min(SLICE, BODIES - done) });
    await inParallel([...some.entries()], WIDTH, async ([n, made]) => {
      const sent = n % BATCH_EVERY === 0 ? batch(n / BATCH_EVERY) : toRequest(made);
      const status = await send(sent);
      statuses.set(status, (statuses.get(status) ?? 0) + 1);
      if (status >= 500) expect.soft([status, sent]).toEqual(['below 500', sent]);
    });
  }
  const { errors, delayMs, idleDelayMs, heldMs, heldMsMax, memoryMiB } = await server.figures();
  expect(errors).toEqual([]);
  expect(sum([...statuses.values()])).toBe(BODIES);
  expect([...statuses.keys()].every((status) => status < 500)).toBe(true);
  expect(heldMs).toBeLessThanOrEqual(HELD_MS_MAX);
  report(
    `${BODIES} bodies, ${Math.ceil(BODIES / BATCH_EVERY)} of them batches of ${BATCH_EVENTS}: ` +
      `${[...statuses].map(([status, count]) => `${count} × ${status}`).join(', ')} · ` +
      `event loop held for ${heldMs.toFixed(1)} ms at the 99.9th percentile, ${heldMsMax.toFixed(0)} ms at most, ` +
      `late by ${delayMs.toFixed(1)} ms where an idle one is late by ${idleDelayMs.toFixed(1)} ms · ` +
      `${memoryMiB.toFixed(0)} MiB`,
  );
});

const CRLF = '\r\n';

/** A good request, to be spoilt. */
function plain(path: string): string {
  // The catalog of the first one may be another by now.
  const [, tenant] = server.tenants;
  const body = JSON.stringify(event);
  return [
    `POST ${path} HTTP/1.1`,
    'Host: api.example',
    `Authorization: Bearer ${tenant?.secretKey ?? ''}`,
    'Content-Type: application/json',
    'X-BillingOS-Version: 2026-01-01',
    `Content-Length: ${body.length}`,
    'Connection: close',
    '',
    body,
  ].join(CRLF);
}

const bytes = fc.oneof(
  fc.string({
    unit: fc.integer({ min: 0, max: 255 }).map((code) => String.fromCharCode(code)),
    maxLength: 20,
  }),
  fc.constantFrom(
    CRLF,
    '\n',
    '\r',
    `${CRLF}${CRLF}`,
    ' ',
    '\t',
    ':',
    '\u0000',
    '%00',
    '%',
    '//',
    '\\',
    '..',
    '?',
    '#',
  ),
  fc.constantFrom(
    `Transfer-Encoding: chunked${CRLF}`,
    `Content-Length: 0${CRLF}`,
    `Content-Length: 999999999999999999999${CRLF}`,
    `Host: other.example${CRLF}`,
    `Expect: 100-continue${CRLF}`,
    `Upgrade: websocket${CRLF}Connection: upgrade${CRLF}`,
    `Upgrade: h2c${CRLF}`,
    'CONNECT x:1 HTTP/1.1',
    'PRI * HTTP/2.0',
    `X: ${'y'.repeat(20_000)}${CRLF}`,
    'X: y\r\n'.repeat(2_000),
  ),
);
const spoiling = fc.array(fc.record({ at: fc.nat({ max: 600 }), drop: fc.nat({ max: 12 }), put: bytes }), {
  minLength: 1,
  maxLength: 4,
});

/** Comes after what is spoilt, so that nothing waits for more: the rest of the longest body that is read, and an end. */
const REST = `${'x'.repeat(64 * 1024)}${CRLF}${CRLF}`;
const FINAL_STATUS = /HTTP\/1\.1 ([2-5]\d{2})/;

/** Sends bytes and hears the first status; 0 where the server hangs up without a word. */
async function sendRaw(text: string): Promise<number> {
  const socket = connect(Number(new URL(server.url).port), '127.0.0.1');
  let heard = '';
  socket.on('data', (chunk) => {
    heard += chunk.toString('latin1');
    if (FINAL_STATUS.test(heard)) socket.destroy();
  });
  socket.setTimeout(HUNG_UP_WITHIN_MS, () => {
    socket.destroy(new Error(`Neither an answer nor an end: ${JSON.stringify(text)}`));
  });
  socket.write(Buffer.from(text, 'latin1'));
  await once(socket, 'close').catch((error: unknown) => {
    // Hung up while something was still being sent.
    if (!['ECONNRESET', 'EPIPE'].includes((error as NodeJS.ErrnoException).code ?? '')) throw error;
  });
  return Number(FINAL_STATUS.exec(heard)?.[1] ?? 0);
}

it(
  `of ${RAW_REQUESTS} spoilt requests none is an error, and the server stays well`,
  { timeout: TIMEOUT_MS },
  async () => {
    const statuses = new Map<number, number>();
    const all = fc.sample(spoiling, { seed: SEED, numRuns: RAW_REQUESTS });
    await inParallel(all, RAW_WIDTH, async (spoils) => {
      const text = spoils.reduce(
        (whole, { at, drop, put }) => whole.slice(0, at) + put + whole.slice(at + drop),
        plain('/v1/usage/track'),
      );
      const status = await sendRaw(text + REST);
      statuses.set(status, (statuses.get(status) ?? 0) + 1);
      if (status >= 500) expect.soft([status, text]).toEqual(['below 500', text]);
    });
    expect(await sendRaw(plain('/v1/usage/track'))).toBe(201);
    const { errors, heldMs } = await server.figures();
    expect(errors).toEqual([]);
    expect(heldMs).toBeLessThanOrEqual(HELD_MS_MAX);
    report(
      `${RAW_REQUESTS} spoilt requests: ${[...statuses].map(([status, count]) => `${count} × ${status === 0 ? 'hung up' : status}`).join(', ')} · ` +
        `event loop held for ${heldMs.toFixed(1)} ms at the 99.9th percentile`,
    );
  },
);
