import { once } from 'node:events';
import { connect } from 'node:net';
import fc from 'fast-check';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { send, startTestServer, type TestServer, type TestTenant } from '../testing/test-server.ts';

/** What no client of ours sends: none of it may yield a 500, a hang, or anything of anyone else's. */

let server: TestServer;
let acme: TestTenant;
let key: string;

beforeAll(async () => {
  server = await startTestServer();
  acme = await server.newTenant();
  key = `Authorization: Bearer ${acme.secretKey}`;
});
afterAll(() => server.close());
afterEach(() => expect(server.errors).toEqual([]));

/** Sends bytes as they are and reads until the server closes, as it is asked to. */
async function raw(lines: string[], body = ''): Promise<string> {
  const socket = connect(Number(new URL(server.url).port), '127.0.0.1');
  let reply = '';
  socket.on('data', (chunk) => (reply += chunk.toString()));
  socket.on('error', () => undefined);
  socket.write(Buffer.from(`${[...lines, 'Connection: close'].join('\r\n')}\r\n\r\n${body}`, 'latin1'));
  await once(socket, 'close');
  return reply;
}

const statusOf = (reply: string): number => Number(/^HTTP\/1\.1 (\d+)/.exec(reply)?.[1]);

describe('a hostile request', () => {
  it.each<[string, string[], number]>([
    ['without a host', ['GET /healthz HTTP/1.1'], 400],
    ['with an impossible host', ['GET /healthz HTTP/1.1', 'Host: a b'], 400],
    ['with credentials in the host', ['GET /healthz HTTP/1.1', 'Host: a@b'], 400],
    ['for *', ['OPTIONS * HTTP/1.1', 'Host: x'], 400],
    ['for another scheme', ['GET ftp://x/healthz HTTP/1.1', 'Host: x'], 400],
    ['for another host’s path', ['GET //evil.example/healthz HTTP/1.1', 'Host: x'], 404],
    ['with raw bytes in the path', ['GET /customers/external/\xff HTTP/1.1', 'Host: x'], 400],
    ['with huge headers', ['GET /healthz HTTP/1.1', 'Host: x', `X: ${'a'.repeat(20_000)}`], 431],
    ['of an unheard method', ['PROPFIND /v1/catalog HTTP/1.1', 'Host: x'], 404],
    ['that traces', ['TRACE /v1/catalog HTTP/1.1', 'Host: x'], 404],
    ['with a negative length', ['POST /v1/usage/track HTTP/1.1', 'Host: x', 'Content-Length: -1'], 400],
  ])('%s', async (_what, lines, status) => {
    expect(statusOf(await raw(lines))).toBe(status);
  });

  it.each<[string, string[], string]>([
    ['no HTTP', ['HELO mail.example'], 'malformed_request'],
    ['no host', ['GET /healthz HTTP/1.1'], 'malformed_request'],
    ['no target', ['GET ftp://x/healthz HTTP/1.1', 'Host: x'], 'malformed_request'],
    [
      'too much header',
      ['GET /healthz HTTP/1.1', 'Host: x', `X: ${'a'.repeat(20_000)}`],
      'headers_too_large',
    ],
  ])('that is %s is told so in the words of the contract', async (_what, lines, code) => {
    const reply = await raw(lines);
    const [head = '', body = ''] = reply.split('\r\n\r\n');
    const { instance, status, error } = JSON.parse(body) as {
      instance: string;
      status: number;
      error: { code: string };
    };
    expect([status, error.code]).toEqual([statusOf(reply), code]);
    expect(head).toMatch(/^content-type: application\/json$/im);
    expect(head).toContain(instance);
  });

  it('with an expectation of its own is answered like any other', async () => {
    const lines = ['GET /healthz HTTP/1.1', 'Host: x', 'Expect: the-unexpected'];
    expect(statusOf(await raw(lines))).toBe(200);
  });

  it('that is two requests in one by its lengths', async () => {
    const lines = [
      'POST /v1/usage/track HTTP/1.1',
      'Host: x',
      key,
      'Content-Length: 5',
      'Transfer-Encoding: chunked',
    ];
    expect(statusOf(await raw(lines, '0\r\n\r\nGET /v1/catalog HTTP/1.1\r\n\r\n'))).toBe(400);
  });

  it('with a broken chunk', async () => {
    const lines = ['POST /v1/usage/track HTTP/1.1', 'Host: x', key, 'Transfer-Encoding: chunked'];
    expect(statusOf(await raw(lines, 'ZZ\r\n'))).toBe(400);
  });

  it('with two credentials', async () => {
    const lines = ['GET /v1/catalog HTTP/1.1', 'Host: x', key, 'Authorization: Bearer x'];
    // The first one counts, or none; never the second.
    expect([200, 401]).toContain(statusOf(await raw(lines)));
  });

  it('with two idempotency keys that differ', async () => {
    const body = JSON.stringify({ customer_id: 'u', feature_key: 'events', quantity: 1 });
    const lines = ['POST /v1/usage/track HTTP/1.1', 'Host: x', key, 'Content-Type: application/json'];
    const keys = ['Idempotency-Key: a', 'Idempotency-Key: b', `Content-Length: ${body.length}`];
    // HTTP joins them into one key: it is a key like any other, and neither of the two.
    expect(statusOf(await raw([...lines, ...keys], body))).toBe(201);
    const replay = await acme.ask('POST', '/v1/usage/track', body, { 'Idempotency-Key': 'a' });
    expect(replay.headers.get('Idempotent-Replayed')).toBeNull();
  });

  it('that breaks off in its body records nothing, and leaves the server well', async () => {
    const socket = connect(Number(new URL(server.url).port), '127.0.0.1');
    const lines = ['POST /v1/usage/track HTTP/1.1', 'Host: x', key, 'Content-Type: application/json'];
    socket.write(`${[...lines, 'Content-Length: 90', 'Expect: 100-continue'].join('\r\n')}\r\n\r\n`);
    await once(socket, 'data');
    socket.write('{"customer_id":"broken","feature_key":"events","quantity":1');
    socket.destroy();
    await once(socket, 'close');
    expect((await send(`${server.url}/healthz`)).status).toBe(200);
    expect((await acme.ask('GET', '/customers/external/broken')).status).toBe(404);
  });
});

describe('whatever JSON is sent', () => {
  const text = fc.string({ unit: 'binary', maxLength: 20 });
  const json = fc.anything({
    withNullPrototype: false,
    values: [fc.constant(null), fc.double(), text, fc.boolean()],
  });
  const amount = fc.oneof(
    fc.double(),
    fc.integer(),
    text,
    fc.constantFrom('-0', '1e400', '1e-320', '9e18', '', ' 1'),
  );

  it('is answered below 500', async () => {
    const body = fc.record(
      {
        customer_id: fc.oneof(fc.constant('user_1'), json),
        feature_key: fc.oneof(fc.constantFrom('api_calls', 'storage_gb', 'seats', 'sso', '__proto__'), json),
        quantity: amount,
        action: fc.oneof(fc.constantFrom('add', 'set'), json),
        metadata: json,
        timestamp: fc.oneof(
          fc.date({ noInvalidDate: true }).map((date) => date.toISOString()),
          json,
        ),
        idempotency_key: fc.oneof(fc.constantFrom('a', 'b'), json),
      },
      { requiredKeys: [] },
    );
    await fc.assert(
      fc.asyncProperty(body, async (value) => {
        const sent = JSON.stringify(value);
        const track = await acme.ask('POST', '/v1/usage/track', sent);
        expect(track.status).toBeLessThan(500);
        expect(track.json).toBeTypeOf('object');
        if (track.status === 201) expect(track.text).not.toMatch(/NaN|Infinity|e[+-]/);
        expect((await acme.ask('PUT', '/v1/catalog', sent)).status).toBe(422);
      }),
      { numRuns: 150 },
    );
  });

  it('leaves readable usage behind', async () => {
    const { status, json: reply } = await acme.ask('GET', '/v1/usage/metrics?customer_id=user_1');
    expect(status).toBe(200);
    for (const metric of reply.metrics) expect(metric.consumed).toBeGreaterThanOrEqual(0);
  });
});

describe('whatever is written into paths and queries', () => {
  const piece = fc.oneof(
    fc.string({ unit: 'grapheme', maxLength: 30 }).map((one) => encodeURIComponent(one.toWellFormed())),
    fc.string({ unit: fc.constantFrom('%', '2', 'F', 'f', 'E', '0', '.', '/', '~', ';'), maxLength: 12 }),
  );

  it('is answered below 500', async () => {
    await fc.assert(
      fc.asyncProperty(piece, piece, async (a, b) => {
        const paths = [
          `/customers/external/${a}`,
          `/v1/usage/check?customer_id=${a}&feature_key=api_calls&quantity=${b}`,
          `/v1/usage/metrics?${a}=${b}&customer_id=${b}`,
          `/${a}/${b}`,
        ];
        for (const path of paths) expect((await acme.ask('GET', path)).status, path).toBeLessThan(500);
        const dismissed = await acme.askAsUser('POST', `/v1/features/nudges/${a}/dismiss`);
        expect(dismissed.status).toBeLessThan(500);
        expect((await acme.ask('PATCH', `/subscriptions/${a}`, {})).status).toBeLessThan(500);
      }),
      { numRuns: 60 },
    );
  });
});
