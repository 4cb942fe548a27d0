import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createClient, type ClientOptions, type StreamEvent, type UsageClient } from './client.ts';
import { ManualClock, SkippingClock, until } from './testing/clocks.ts';
import { drop, hang, json, problem, ScriptedServer, sse, truncate } from './testing/scripted-server.ts';
import { sessionToken } from './testing/tokens.ts';

const RECORDED = {
  success: true,
  feature_key: 'api_calls',
  quantity: 1,
  event_id: 'evt_1',
  sequence: 1,
  revision: 1,
};
const EVENT = { featureKey: 'api_calls', quantity: 1 };

let server: ScriptedServer;
beforeEach(async () => {
  server = await ScriptedServer.start();
});
afterEach(() => server.stop());

/** A client whose waits are skipped, and recorded in `clock`. */
function setUp(options: ClientOptions = { sessionToken: 'bos_session_test_x' }) {
  const clock = new SkippingClock();
  const client = createClient(
    { apiUrl: server.url, timeout: 100_000, ...options },
    { clock, random: () => 0.5 },
  );
  return { client, clock };
}

const bodies = () => server.requests.map(({ body }) => JSON.parse(body) as Record<string, unknown>);

describe('trackUsage', () => {
  it('sends the event as the wire contract says', async () => {
    server.script(json(201, RECORDED));
    const reply = await setUp().client.trackUsage({ ...EVENT, quantity: 0.25, metadata: { file: 'a' } });
    expect(reply).toEqual(RECORDED);
    expect(server.requests[0]).toMatchObject({ method: 'POST', url: '/v1/features/track-usage' });
    expect(server.requests[0]?.headers).toMatchObject({
      authorization: 'Bearer bos_session_test_x',
      'content-type': 'application/json',
      'x-billingos-version': '2026-01-01',
    });
    expect(bodies()[0]).toEqual({
      feature_key: 'api_calls',
      quantity: 0.25,
      idempotency_key: expect.any(String) as string,
      metadata: { file: 'a' },
    });
  });

  it.each([
    ['a dropped connection', drop],
    ['an answer that breaks off', truncate],
    ['a 408', problem(408, 'timeout')],
    ['a 425', problem(425, 'too_early')],
    ['a 429', problem(429, 'rate_limited')],
    ['a 500', problem(500, 'oops')],
    ['a 503', problem(503, 'store_unavailable')],
    ['an answer that is not JSON', json(200, undefined)],
    ['an answer that is not from the API', json(200, { status: 'ok' })],
  ])('repeats the event with the same key after %s', async (_what, fault) => {
    server.script(fault, fault, json(201, RECORDED));
    await setUp().client.trackUsage(EVENT);
    const keys = bodies().map((body) => body['idempotency_key']);
    expect(keys).toHaveLength(3);
    expect(new Set(keys).size).toBe(1);
  });

  it.each([400, 402, 403, 404, 409, 413, 422])('never repeats after a %i', async (status) => {
    server.script(problem(status, 'no'));
    await expect(setUp().client.trackUsage(EVENT)).rejects.toMatchObject({
      status,
      code: 'no',
      requestId: 'req_1',
      retryable: false,
      idempotencyKey: undefined,
    });
    expect(server.requests).toHaveLength(1);
  });

  it('takes a refusal from a proxy for what it is, whatever its document looks like', async () => {
    server.script(
      json(403, { error: { code: 403, message: ['no'], details: 'none' }, detail: {}, instance: 7 }),
    );
    await expect(setUp().client.trackUsage(EVENT)).rejects.toMatchObject({
      name: 'AuthorizationError',
      message: 'The server answered 403.',
      code: 'http_403',
      details: {},
      requestId: undefined,
    });
  });

  it('waits as long as the server asks', async () => {
    server.script(problem(503, 'overloaded', { headers: { 'Retry-After': '7' } }), json(201, RECORDED));
    const { client, clock } = setUp();
    await client.trackUsage(EVENT);
    expect(clock.waitsMs).toEqual([7_250]);
  });

  it('gives the key along when it is not known whether the event counts', async () => {
    server.script(drop);
    const input = { ...EVENT, idempotencyKey: 'request-1' };
    await expect(setUp().client.trackUsage(input)).rejects.toMatchObject({
      name: 'NetworkError',
      retryable: true,
      idempotencyKey: 'request-1',
    });
    expect(server.requests).toHaveLength(4);
  });

  it('tells how the counter stood when the event did not fit', async () => {
    const usage = { consumed_units: 1_000, limit_units: 1_000 };
    server.script(problem(402, 'quota_exceeded', { details: { feature_key: 'api_calls', usage } }));
    await expect(setUp().client.trackUsage(EVENT)).rejects.toMatchObject({
      name: 'QuotaExceededError',
      usage,
    });
  });

  it.each([NaN, Infinity, -1])('sends nothing for a quantity of %d', async (quantity) => {
    await expect(setUp().client.trackUsage({ ...EVENT, quantity })).rejects.toMatchObject({
      name: 'ValidationError',
    });
    expect(server.requests).toEqual([]);
  });

  it.each([
    ['an empty feature key', { featureKey: '' }],
    ['too much metadata', { metadata: { note: 'ä'.repeat(2_048) } }],
    ['metadata that is no JSON', { metadata: { count: 1n } }],
  ])('sends nothing for %s', async (_what, facts) => {
    await expect(setUp().client.trackUsage({ ...EVENT, ...facts })).rejects.toMatchObject({
      code: 'validation_failed',
    });
    expect(server.requests).toEqual([]);
  });

  it('sends along when it happened', async () => {
    server.script(json(201, RECORDED));
    await setUp().client.trackUsage({ ...EVENT, timestamp: '2026-02-03T00:00:00.000Z' });
    expect(bodies()[0]).toMatchObject({ timestamp: '2026-02-03T00:00:00.000Z' });
  });

  it.each([true, undefined])('outlives the page when told so: %s', async (keepalive) => {
    server.script(json(201, RECORDED));
    const seen: unknown[] = [];
    const spy: typeof fetch = (input, init) => {
      seen.push(init?.keepalive);
      return fetch(input, init);
    };
    const { client } = setUp({ sessionToken: 'bos_session_test_x', fetch: spy });
    await client.trackUsage(EVENT, { keepalive });
    expect(seen).toEqual([keepalive]);
  });

  it('does not send an event as another customer than the one it was tracked for', async () => {
    const tokens = ['anna', 'bert'].map((sub) => sessionToken({ ten: 't', sub }));
    server.script(drop, problem(401, 'unauthenticated'), json(201, RECORDED));
    const { client } = setUp({ getSessionToken: () => Promise.resolve(tokens.shift()!) });
    await expect(client.trackUsage(EVENT)).rejects.toMatchObject({ code: 'customer_changed' });
    expect(server.requests).toHaveLength(2);
  });

  it('goes to the secret-key route for a server that speaks for a customer', async () => {
    server.script(json(201, RECORDED));
    const { client } = setUp({ secretKey: 'sk_test_x', customerId: 'user_123' });
    await client.trackUsage({ ...EVENT, quantity: -2 });
    expect(server.requests[0]?.url).toBe('/v1/usage/track');
    expect(bodies()[0]).toMatchObject({ customer_id: 'user_123', quantity: -2 });
  });
});

describe('a deadline', () => {
  it('ends an attempt that gets no answer', async () => {
    server.script(hang);
    const clock = new ManualClock();
    const client = createClient(
      { apiUrl: server.url, sessionToken: 'x', timeout: 20, maxRetries: 0 },
      { clock },
    );
    const rejected = expect(client.usageMetrics()).rejects.toMatchObject({
      name: 'TimeoutError',
      retryable: true,
    });
    await until(() => server.requests.length === 1);
    await clock.advance(20);
    await rejected;
    expect(clock.timerCount).toBe(0);
  });
});

describe('a signal', () => {
  it('ends a request that is under way', async () => {
    server.script(hang);
    const controller = new AbortController();
    const result = setUp().client.usageMetrics({ signal: controller.signal });
    const rejected = expect(result).rejects.toThrow('enough');
    await until(() => server.requests.length === 1);
    controller.abort(new Error('enough'));
    await rejected;
  });

  it('that has aborted already sends nothing', async () => {
    const signal = AbortSignal.abort(new Error('enough'));
    await expect(setUp().client.usageMetrics({ signal })).rejects.toThrow('enough');
    expect(server.requests).toEqual([]);
  });
});

describe('a session', () => {
  const route = json(200, { sessionToken: 'bos_session_test_new', expiresAt: '2026-02-03T01:00:00.000Z' });
  const viaRoute = (): ClientOptions => ({ sessionTokenUrl: `${server.url}/session` });
  const paths = () => server.requests.map(({ url }) => url);

  it('asks the route first and goes on with its token', async () => {
    server.script(route, json(200, { nudges: [] }));
    await setUp(viaRoute()).client.nudges();
    expect(paths()).toEqual(['/session', '/v1/features/nudges']);
    expect(server.requests[1]?.headers.authorization).toBe('Bearer bos_session_test_new');
  });

  it('is renewed once after a 401', async () => {
    server.script(route, problem(401, 'unauthenticated'), route, json(200, { nudges: [] }));
    expect(await setUp(viaRoute()).client.nudges()).toEqual([]);
    expect(paths()).toEqual(['/session', '/v1/features/nudges', '/session', '/v1/features/nudges']);
  });

  it('is not renewed twice in one call', async () => {
    const refused = problem(401, 'unauthenticated');
    server.script(route, refused, route, refused);
    await expect(setUp(viaRoute()).client.nudges()).rejects.toMatchObject({
      name: 'AuthenticationError',
      status: 401,
    });
    expect(server.requests).toHaveLength(4);
  });

  it('is not renewed again by a later attempt of the same call', async () => {
    const refused = problem(401, 'unauthenticated');
    server.script(route, refused, route, problem(503, 'overloaded'), refused);
    await expect(setUp(viaRoute()).client.nudges()).rejects.toMatchObject({ status: 401 });
    expect(paths().filter((path) => path === '/session')).toHaveLength(2);
  });

  it('is not there when the route says so, and nobody asks again', async () => {
    server.script(problem(401, 'unauthenticated'));
    await expect(setUp(viaRoute()).client.nudges()).rejects.toMatchObject({ code: 'signed_out' });
    expect(server.requests).toHaveLength(1);
  });

  it('is tried again when the route is down', async () => {
    server.script(drop, problem(502, 'bad_gateway'), route, json(200, { nudges: [] }));
    expect(await setUp(viaRoute()).client.nudges()).toEqual([]);
  });
});

describe('a call for one customer', () => {
  const token = sessionToken({ ten: 't', sub: 'bert' });
  const forAnna = { customer: JSON.stringify(['http://a.test', 't', 'anna']) };

  it.each([
    ['usageMetrics', (client: UsageClient) => client.usageMetrics(forAnna)],
    ['nudges', (client: UsageClient) => client.nudges(forAnna)],
    ['dismissNudge', (client: UsageClient) => client.dismissNudge('n', forAnna)],
    ['stream', (client: UsageClient) => client.stream(forAnna).next()],
  ])('is not made once another is signed in: %s', async (_method, call) => {
    const { client } = setUp({ sessionToken: token });
    await expect(call(client)).rejects.toMatchObject({ code: 'customer_changed' });
    expect(server.requests).toEqual([]);
  });

  it('is made while they are', async () => {
    server.script(json(200, { nudges: [] }));
    const { client } = setUp({ sessionToken: token });
    expect(await client.nudges({ customer: await client.customer() })).toEqual([]);
  });
});

describe('reading', () => {
  it.each([
    ['checkFeature', '/v1/features/check?feature_key=a+b&quantity=2'],
    ['usageMetrics', '/v1/features/usage-metrics?feature_key=a+b'],
    ['entitlements', '/v1/features/entitlements'],
    ['products', '/v1/products?planIds=x%2Cy'],
  ])('%s asks %s', async (method, url) => {
    server.script(json(200, { ok: true }));
    const { client } = setUp();
    const calls: Record<string, () => Promise<unknown>> = {
      checkFeature: () => client.checkFeature('a b', { quantity: 2 }),
      usageMetrics: () => client.usageMetrics({ featureKey: 'a b' }),
      entitlements: () => client.entitlements(),
      products: () => client.products({ planIds: ['x', 'y'] }),
    };
    expect(await calls[method]!()).toEqual({ ok: true });
    expect(server.requests[0]).toMatchObject({ method: 'GET', url });
  });

  it('dismisses a nudge by its opaque id', async () => {
    server.script(json(200, { dismissed_until: '2026-03-01T00:00:00.000Z' }));
    await setUp().client.dismissNudge('a/b', { snoozeSeconds: 60 });
    expect(server.requests[0]).toMatchObject({
      url: '/v1/features/nudges/a%2Fb/dismiss',
      body: '{"snooze_seconds":60}',
    });
  });

  it('finds the most urgent nudge of one feature', async () => {
    server.script(
      json(200, { nudges: [{ feature: 'a' }, { feature: 'b', id: 1 }, { feature: 'b', id: 2 }] }),
    );
    const { client } = setUp();
    expect(await client.checkUsage({ featureKey: 'b' })).toEqual({
      shouldShowNudge: true,
      trigger: { feature: 'b', id: 1 },
    });
    expect(await client.checkUsage({ featureKey: 'c' })).toEqual({ shouldShowNudge: false });
  });
});

describe('stream', () => {
  async function collect(events: AsyncIterable<StreamEvent>, count: number): Promise<StreamEvent[]> {
    const seen: StreamEvent[] = [];
    for await (const event of events) if (seen.push(event) === count) break;
    return seen;
  }

  it('tells what the server says', async () => {
    server.script(
      sse(
        ': hi\nretry: 3000\nevent: snapshot\ndata: {"metrics":[]}\n\nevent: usage\ndata: {"sequence":2}\n\n' +
          'event: later\ndata: ?\n\nevent: bye\ndata: {}\n\n',
      ),
    );
    expect(await collect(setUp().client.stream(), 6)).toEqual([
      { event: 'heartbeat' },
      { event: 'retry', delayMs: 3_000 },
      { event: 'snapshot', data: { metrics: [] } },
      { event: 'usage', data: { sequence: 2 } },
      { event: 'heartbeat' },
      { event: 'bye' },
    ]);
    expect(server.requests[0]).toMatchObject({
      url: '/v1/features/stream',
      headers: { accept: 'text/event-stream' },
    });
  });

  it('rejects with the refusal', async () => {
    server.script(problem(403, 'forbidden'));
    await expect(collect(setUp().client.stream(), 1)).rejects.toMatchObject({ name: 'AuthorizationError' });
  });

  it('rejects when the line breaks, and is not repeated', async () => {
    server.script((response) => {
      response.writeHead(200, { 'Content-Type': 'text/event-stream' });
      response.write(': hi\n', () => response.socket?.resetAndDestroy());
    });
    await expect(collect(setUp().client.stream(), 2)).rejects.toMatchObject({ name: 'NetworkError' });
    expect(server.requests).toHaveLength(1);
  });

  it('rejects when an event is not JSON', async () => {
    server.script(sse('event: usage\ndata: {\n\n'));
    await expect(collect(setUp().client.stream(), 1)).rejects.toMatchObject({ code: 'invalid_response' });
  });

  it('ends with the signal', async () => {
    server.script(sse(': hi\n'));
    const controller = new AbortController();
    const events = setUp().client.stream({ signal: controller.signal });
    await events.next();
    const rejected = expect(events.next()).rejects.toThrow('enough');
    controller.abort(new Error('enough'));
    await rejected;
  });

  it('hangs up when its reader leaves', async () => {
    let isClosed = false;
    server.script((response, request) => {
      sse(': hi\n')(response, request);
      response.on('close', () => {
        isClosed = true;
      });
    });
    await collect(setUp().client.stream(), 1);
    await until(() => isClosed);
  });
});

describe('createClient', () => {
  it.each([{}, { secretKey: 'sk_test_x' }, { secretKey: 'sk_test_x', apiUrl: 'http://a.test' }])(
    'refuses %j',
    (options) => {
      expect(() => createClient(options)).toThrow(expect.objectContaining({ name: 'ConfigurationError' }));
    },
  );

  it('sends nothing when nobody named the API', async () => {
    const { client } = setUp({ apiUrl: undefined, sessionToken: 'bos_session_test_opaque' });
    await expect(client.usageMetrics()).rejects.toMatchObject({ name: 'ConfigurationError' });
    expect(server.requests).toEqual([]);
  });

  it('does not follow a redirect: its token is for one host', async () => {
    server.script((response) => void response.writeHead(302, { Location: '/elsewhere' }).end());
    await expect(setUp({ sessionToken: 'x', maxRetries: 0 }).client.usageMetrics()).rejects.toMatchObject({
      name: 'NetworkError',
    });
    expect(server.requests).toHaveLength(1);
  });
});
