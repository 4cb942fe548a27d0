import { once } from 'node:events';
import { request, type IncomingMessage } from 'node:http';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { listen, type RunningServer } from '../server.ts';
import { startTestServer, type TestServer, type TestTenant } from '../testing/test-server.ts';

/** The hot path answers as the router does: each request goes to a server with it, and to one that has the router alone. */

let server: TestServer;
let tenant: TestTenant;
let routerAlone: RunningServer;

beforeAll(async () => {
  server = await startTestServer();
  tenant = await server.newTenant();
  routerAlone = await listen(server.app.hono.fetch, { host: '127.0.0.1', port: 0 });
  return async () => {
    await routerAlone.close();
    await server.close();
  };
});
afterAll(() => expect(server.errors).toEqual([]));

interface Sent {
  readonly method?: string;
  readonly path?: string;
  /** Beside host and length, as name and value in turn. */
  readonly headers?: readonly string[];
  readonly body?: string;
}

/** All of a reply but when and under which id it came. */
async function replyOf(base: string, sent: Sent) {
  const { method = 'POST', path = '/v1/usage/track', body = '' } = sent;
  const { host } = new URL(base);
  const authorization = ['Authorization', `Bearer ${tenant.secretKey}`, 'Content-Type', 'application/json'];
  const headers = ['Host', host, ...(sent.headers ?? authorization)];
  if (method === 'POST') headers.push('Content-Length', String(Buffer.byteLength(body)));
  const asked = request(base + path, { method, headers });
  asked.end(body);
  const [reply] = (await once(asked, 'response')) as [IncomingMessage];
  let text = '';
  for await (const chunk of reply.setEncoding('utf8')) text += String(chunk);
  const { date, 'x-request-id': requestId, ...rest } = reply.headersDistinct;
  expect(date).toHaveLength(1);
  expect(requestId).toHaveLength(1);
  return { status: reply.statusCode, headers: rest, text: text.replaceAll(/req_[\w-]{12}/g, 'req_…') };
}

const event = (members: Record<string, unknown> = {}): string =>
  JSON.stringify({ customer_id: 'user_1', feature_key: 'emails', quantity: 1, ...members });
const json = ['Content-Type', 'application/json'];
const check = (query: string): Sent => ({ method: 'GET', path: `/v1/usage/check?${query}` });

const REQUESTS: Record<string, () => Sent> = {
  'an event': () => ({ body: event({ idempotency_key: 'once' }) }),
  'an event that is refused': () => ({ body: event({ feature_key: 'nothing' }) }),
  'an event that is not valid': () => ({ body: event({ quantity: 'many', other: 1 }) }),
  'a body that is no JSON': () => ({ body: '{' }),
  'a body that is too large': () => ({ body: event({ metadata: { text: 'x'.repeat(70_000) } }) }),
  'no body': () => ({}),
  'a body of another type': () => ({
    headers: ['Authorization', `Bearer ${tenant.secretKey}`, 'Content-Type', 'text/plain'],
    body: event(),
  }),
  'no credential': () => ({ headers: json, body: event() }),
  'two credentials': () => ({
    headers: [...json, 'Authorization', `Bearer ${tenant.secretKey}`, 'Authorization', 'Bearer other'],
    body: event(),
  }),
  'one who asks for problem documents': () => ({
    headers: [...json, 'Accept', 'application/problem+json'],
    body: event(),
  }),
  'a batch': () => ({
    path: '/v1/usage/batch',
    body: `{"events":[${event({ idempotency_key: 'in a batch' })},{"customer_id":"user_1"}]}`,
  }),
  'a check': () => check('customer_id=user_1&feature_key=emails'),
  'a check of escaped names': () => check('customer_id=user%2F1+%C3%A9&feature_key=emails&quantity=1e1'),
  'a check that names one thing twice': () =>
    check('customer_id=user_1&customer_id=user_2&feature_key=emails'),
  'a check without a feature': () => check('customer_id=user_1'),
  'a check whose target is no URL as it is': () => check('customer_id="user"&feature_key=emails'),
  'a host that is none': () => ({ headers: [...json, 'Host', 'a b'], body: event() }),
  'another method': () => ({ method: 'DELETE' }),
};

it.each(Object.keys(REQUESTS))('answers %s as the router does', async (name) => {
  const sent = REQUESTS[name]?.() ?? {};
  // An event is recorded by the first time; whoever asks again hears the same.
  await replyOf(server.url, sent);
  expect(await replyOf(server.url, sent)).toEqual(await replyOf(routerAlone.url, sent));
});
