import { once } from 'node:events';
import { Agent, request, type IncomingMessage } from 'node:http';
import { afterAll, afterEach, beforeAll, expect, it } from 'vitest';
import type { AnsweredRequest } from '../app.ts';
import { send, startTestServer, type TestServer } from '../testing/test-server.ts';

/** A server that is overloaded as soon as a test says so. */

let server: TestServer;
let overloaded = false;
const replies: AnsweredRequest[] = [];

beforeAll(async () => {
  server = await startTestServer({
    shedder: { probe: () => undefined, turnsAway: () => overloaded },
    onReply: (reply) => replies.push(reply),
  });
  return () => server.close();
});
afterEach(() => {
  overloaded = false;
});
afterAll(() => expect(server.errors).toEqual([]));

const EVENT = { customer_id: 'user_1', feature_key: 'emails', quantity: 1 };

it('turns away with 503 and when to come again, and records nothing', async () => {
  const { ask } = await server.newTenant();
  overloaded = true;
  const reply = await ask('POST', '/v1/usage/track', EVENT);
  overloaded = false;
  expect([reply.status, reply.headers.get('Retry-After'), reply.json.error.code]).toEqual([
    503,
    '1',
    'overloaded',
  ]);
  const { json } = await ask('POST', '/v1/usage/track', EVENT);
  expect(json.sequence).toBe(1);
});

it('does not look at the credential', async () => {
  overloaded = true;
  expect((await send(`${server.url}/v1/usage/metrics?customer_id=u`)).status).toBe(503);
});

it.each(['/healthz', '/readyz'])('answers %s', async (path) => {
  overloaded = true;
  expect((await send(server.url + path)).status).toBe(200);
});

it('lets a page see why it was turned away', async () => {
  const url = `${server.url}/v1/features/usage-metrics`;
  const headers = { Origin: 'https://shop.example', 'Access-Control-Request-Method': 'GET' };
  overloaded = true;
  const preflight = await send(url, { method: 'OPTIONS', headers });
  expect([preflight.status, preflight.headers.get('Access-Control-Allow-Origin')]).toEqual([204, '*']);
  const reply = await send(url, { headers });
  expect([reply.status, reply.headers.get('Access-Control-Allow-Origin')]).toEqual([503, '*']);
  expect(reply.headers.get('Access-Control-Expose-Headers')).toContain('Retry-After');
});

it('lets no page see a reply to a secret key', async () => {
  overloaded = true;
  const reply = await send(`${server.url}/v1/usage/track`, { method: 'POST', body: EVENT });
  expect(reply.headers.get('Access-Control-Allow-Origin')).toBeNull();
});

it('tells of each, by no name that the caller chose', async () => {
  overloaded = true;
  replies.length = 0;
  await send(`${server.url}/v1/usage/track?secret`, { method: 'POST', body: EVENT });
  expect(replies).toMatchObject([{ method: 'POST', route: 'turned away', status: 503 }]);
});

it.each([
  { sent: 'a short body', headers: { 'Content-Length': '1000' }, bytes: 1_000, kept: true },
  {
    sent: 'a body of unknown length',
    headers: { 'Transfer-Encoding': 'chunked' },
    bytes: 1_000,
    kept: false,
  },
  { sent: 'a body too long to be read', headers: { 'Content-Length': '2000000' }, bytes: 0, kept: false },
])('keeps the connection after $sent: $kept', async ({ headers, bytes, kept }) => {
  const agent = new Agent({ keepAlive: true });
  overloaded = true;
  const asked = request(`${server.url}/v1/usage/batch`, { method: 'POST', agent, headers });
  asked.on('error', () => undefined).write('x'.repeat(bytes));
  if (bytes > 0) asked.end();
  const [reply] = (await once(asked, 'response')) as [IncomingMessage];
  expect([reply.statusCode, reply.headers.connection]).toEqual([503, kept ? 'keep-alive' : 'close']);
  asked.destroy();
  agent.destroy();
});
