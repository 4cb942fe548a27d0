import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { generateSecretKey } from '../auth/secret-keys.ts';
import { NOW } from '../metering/testing/pricing.ts';
import { limitSettings } from '../settings.ts';
import { send, startTestServer, type TestServer, type TestTenant } from '../testing/test-server.ts';

/** What one caller may ask, and what others then still get. */

const REQUESTS_PER_SECOND = 20;
const FAILURES_AT_ONCE = 200;

let server: TestServer;
let acme: TestTenant;

beforeEach(async () => {
  const proxies = { BILLINGOS_TRUSTED_PROXIES: '127.0.0.1' };
  server = await startTestServer({
    limits: limitSettings(proxies, { requestsPerSecond: REQUESTS_PER_SECOND }),
  });
  acme = await server.newTenant();
  return () => server.close();
});
afterEach(() => expect(server.errors).toEqual([]));

const statuses = (replies: readonly { status: number }[]) => replies.map(({ status }) => status);
const inTurn = async <T>(count: number, ask: () => Promise<T>): Promise<T[]> => {
  const replies: T[] = [];
  while (replies.length < count) replies.push(await ask());
  return replies;
};
const metrics = () => acme.ask('GET', '/v1/usage/metrics?customer_id=user_1');

describe('a secret key', () => {
  it('may ask so much a second, and is told how much is left', async () => {
    const replies = await inTurn(REQUESTS_PER_SECOND, metrics);
    expect(new Set(statuses(replies))).toEqual(new Set([200]));
    expect(replies[0]?.headers.get('RateLimit-Policy')).toBe('"key";q=20;w=1');
    expect(replies.map(({ headers }) => headers.get('RateLimit'))).toEqual(
      replies.map((_, index) => `"key";r=${REQUESTS_PER_SECOND - 1 - index};t=1`),
    );
  });

  it('that asks more is told when to ask again, and then gets its answer', async () => {
    await inTurn(REQUESTS_PER_SECOND, metrics);
    const { status, headers, json } = await metrics();
    expect([status, json.error.code]).toEqual([429, 'rate_limited']);
    expect(headers.get('RateLimit')).toBe('"key";r=0;t=1');
    server.clock.now += 1_000 * Number(headers.get('Retry-After'));
    expect(statuses(await inTurn(REQUESTS_PER_SECOND, metrics))).not.toContain(429);
  });

  it('that asks more records nothing by it', async () => {
    await inTurn(REQUESTS_PER_SECOND, metrics);
    const event = { customer_id: 'user_1', feature_key: 'events', quantity: 1 };
    expect((await acme.ask('POST', '/v1/usage/track', event)).status).toBe(429);
    expect(await acme.ledger.customerByExternalId('user_1')).toBeNull();
  });

  it('takes nothing from another tenant', async () => {
    const other = await server.newTenant();
    await inTurn(REQUESTS_PER_SECOND + 1, metrics);
    expect((await other.ask('GET', '/v1/catalog')).status).toBe(200);
  });

  it('is counted on routes that it may not use, too', async () => {
    const replies = await inTurn(REQUESTS_PER_SECOND + 1, () => acme.ask('GET', '/v1/products'));
    expect([replies[0]?.status, replies.at(-1)?.status]).toEqual([403, 429]);
  });
});

describe('a customer', () => {
  const askAs = (token: string) =>
    send(`${server.url}/v1/features/usage-metrics`, { headers: { Authorization: `Bearer ${token}` } });

  it('may ask a tenth of it, with however many tokens', async () => {
    const tokens = [await acme.sessionToken(), await acme.sessionToken(), await acme.sessionToken()];
    const replies = [];
    for (const token of tokens) replies.push(await askAs(token));
    expect(statuses(replies)).toEqual([200, 200, 429]);
    expect(replies.map(({ headers }) => headers.get('RateLimit'))).toEqual([
      '"customer";r=1;t=1',
      '"customer";r=0;t=1',
      '"customer";r=0;t=1',
    ]);
    expect(replies[2]?.headers.get('Retry-After')).toBe('1');
    expect(replies[2]?.headers.get('Access-Control-Allow-Origin')).toBe('*');
  });

  it('takes nothing from another one', async () => {
    const token = await acme.sessionToken();
    await inTurn(3, () => askAs(token));
    expect((await askAs(await acme.sessionToken({ externalUserId: 'user_2' }))).status).toBe(200);
  });
});

describe('an address', () => {
  const guess = (credential: string, address = '203.0.113.7') =>
    send(`${server.url}/v1/catalog`, {
      headers: { Authorization: `Bearer ${credential}`, 'X-Forwarded-For': address },
    });
  const exhaust = () => inTurn(FAILURES_AT_ONCE, async () => expect((await guess('guess')).status).toBe(401));

  it('from which too many credentials failed is told to wait, whatever it sends', async () => {
    await exhaust();
    const refused = [await guess('guess'), await guess(''), await guess(generateSecretKey('test'))];
    expect(refused.map(({ status, json }) => [status, json.error.code])).toEqual(
      refused.map(() => [429, 'rate_limited']),
    );
    expect(refused[0]?.headers.get('Retry-After')).toBe('1');
    expect(refused[0]?.headers.get('RateLimit')).toBe('"failed-authentication";r=0;t=10');
    server.clock.now += 1_000;
    expect((await guess('guess')).status).toBe(401);
  });

  it('does not have the store asked for its guesses any more', async () => {
    await exhaust();
    await server.ledger.close();
    expect((await guess(generateSecretKey('test'))).status).toBe(429);
  });

  it('that is shared with a guesser still gets in with what is known to work', async () => {
    const token = await acme.sessionToken();
    await exhaust();
    server.clock.now += 10;
    expect((await guess(acme.secretKey)).status).toBe(200);
    expect((await guess(token)).status).toBe(403);
  });

  it('takes nothing from another one', async () => {
    await exhaust();
    expect((await guess('guess', '203.0.113.8')).status).toBe(401);
  });

  it('is not what the client writes before its own', async () => {
    await exhaust();
    expect((await guess('guess', '6.6.6.6, 203.0.113.7')).status).toBe(429);
  });
});

describe('a server without a limit', () => {
  it('says nothing of one', async () => {
    const free = await startTestServer();
    const tenant = await free.newTenant();
    server.clock.now = NOW;
    const { headers } = await tenant.ask('GET', '/v1/catalog');
    expect([headers.get('RateLimit'), headers.get('RateLimit-Policy')]).toEqual([null, null]);
    await free.close();
  });
});
