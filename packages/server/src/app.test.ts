import { writeFileSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { brotliCompressSync } from 'node:zlib';
import { afterAll, afterEach, beforeAll, describe, expect, it, onTestFinished, vi } from 'vitest';
import { openApiDocument } from './app.ts';
import { PROBLEMS } from './problems.ts';
import { send, startTestServer, type TestServer, type TestTenant } from './testing/test-server.ts';

let server: TestServer;
let acme: TestTenant;
const dropInFolder = mkdtempSync(join(tmpdir(), 'billingos-drop-in-'));
writeFileSync(join(dropInFolder, 'billingos.js'), 'export {};');
writeFileSync(join(dropInFolder, 'billingos-ahead.js'), 'export {};');
writeFileSync(join(dropInFolder, 'billingos.js.br'), brotliCompressSync('export {};'));
writeFileSync(join(dropInFolder, 'billingos-core-abc123.js'), 'export {};');
writeFileSync(join(dropInFolder, 'secret.txt'), 'nobody’s business');

beforeAll(async () => {
  server = await startTestServer({ dropInFolder });
  acme = await server.newTenant();
});
afterAll(async () => {
  await server.close();
  rmSync(dropInFolder, { recursive: true });
});
afterEach(() => expect(server.errors).toEqual([]));

const get = (path: string, headers?: Record<string, string>) =>
  send(server.url + path, { headers: headers ?? {} });
const track = (body: unknown, headers?: Record<string, string>) =>
  acme.ask('POST', '/v1/usage/track', body, headers);
const good = { customer_id: 'user_1', feature_key: 'events', quantity: 1 };

describe('every reply', () => {
  it.each(['/healthz', '/nope', '/v1/catalog', '/openapi.json', '/billingos.js'])(
    'carries the request’s id and the API’s version: %s',
    async (path) => {
      const { headers } = await get(path, { 'X-BillingOS-Version': '2020-01-01' });
      expect(headers.get('X-Request-Id')).toMatch(/^req_/);
      expect(headers.get('X-BillingOS-Version')).toBe('2026-01-01');
    },
  );

  it('is data to a browser, and sets no cookie', async () => {
    for (const path of ['/healthz', '/nope', '/v1/catalog', '/v1/products']) {
      const { headers } = await get(path);
      expect(headers.get('X-Content-Type-Options')).toBe('nosniff');
      expect(headers.get('Content-Security-Policy')).toBe("default-src 'none'; frame-ancestors 'none'");
      expect(headers.get('Set-Cookie')).toBeNull();
    }
  });

  it.each(['access_token', 'token', 'api_key', 'authorization', 'session_token'])(
    'is a 401 to a credential in the address: ?%s=',
    async (name) => {
      const [token, path] = [await acme.sessionToken(), '/v1/features/usage-metrics'];
      expect((await get(`${path}?${name}=${token}`)).status).toBe(401);
      expect((await get(`/v1/catalog?${name}=${acme.secretKey}`)).status).toBe(401);
      expect((await get('/v1/catalog', { Cookie: `${name}=${acme.secretKey}` })).status).toBe(401);
    },
  );

  it('names the request in the error too', async () => {
    const { headers, json } = await get('/nope');
    expect(json.instance).toBe(headers.get('X-Request-Id'));
  });
});

describe('readiness', () => {
  const ready = async (url: string) => {
    const { status, headers, text } = await send(`${url}/readyz`);
    const { error } = JSON.parse(text) as { error?: { code: string } };
    return [status, error?.code, headers.get('Retry-After')];
  };

  it('is given while the store answers', async () => {
    expect(await ready(server.url)).toEqual([200, undefined, null]);
  });

  it('ends when the server is about to stop, which still answers', async () => {
    const stopping = await startTestServer();
    onTestFinished(() => stopping.close());
    stopping.app.close();
    expect(await ready(stopping.url)).toEqual([503, 'store_unavailable', '1']);
    expect((await send(`${stopping.url}/healthz`)).status).toBe(200);
  });

  it('ends with the store, and is no error of the server’s', async () => {
    const storeless = await startTestServer();
    onTestFinished(() => storeless.close());
    await storeless.ledger.close();
    expect(await ready(storeless.url)).toEqual([503, 'store_unavailable', '1']);
    expect(storeless.errors).toEqual([]);
  });

  it.each([
    ['never answers', () => new Promise<boolean>(() => undefined)],
    ['has an older schema', () => Promise.resolve(false)],
  ])('is not given while the store %s', async (_what, isReady) => {
    const waiting = await startTestServer();
    onTestFinished(() => waiting.close());
    vi.spyOn(waiting.ledger, 'isReady').mockImplementation(isReady);
    expect(await ready(waiting.url)).toEqual([503, 'store_unavailable', '1']);
  });
});

describe('an error', () => {
  it.each([
    [undefined, 'application/json'],
    ['application/json', 'application/json'],
    ['application/problem+json', 'application/problem+json'],
    ['text/html, application/problem+json;q=0.9', 'application/problem+json'],
  ])('for Accept: %s is %s', async (accept, type) => {
    const { headers } = await get('/nope', accept === undefined ? {} : { Accept: accept });
    expect(headers.get('Content-Type')).toBe(type);
  });

  it('has both documents in one', async () => {
    const { json } = await get('/nope');
    expect(json).toEqual({
      type: '/problems/not_found',
      title: 'Not found',
      status: 404,
      detail: 'There is no GET /nope.',
      instance: expect.any(String) as unknown,
      error: { code: 'not_found', message: 'There is no GET /nope.' },
      statusCode: 404,
    });
  });

  it.each(['PUT', 'DELETE', 'OPTIONS', 'PATCH'])('answers %s where there is only POST', async (method) => {
    const { status, headers, json } = await send(`${server.url}/v1/usage/track`, { method });
    expect([status, headers.get('Access-Control-Allow-Origin')]).toEqual([404, null]);
    expect(headers.get('Allow')).toBe('POST');
    expect(json.detail).toBe(`There is no ${method} /v1/usage/track. There is POST.`);
  });

  it('names every method of a path, and none where there is no such path', async () => {
    const [put, nope] = [await send(`${server.url}/customers/cus_1`, { method: 'PUT' }), await get('/nope')];
    expect(put.headers.get('Allow')).toBe('GET, PATCH, DELETE');
    expect(nope.headers.get('Allow')).toBeNull();
  });
});

describe('a body', () => {
  it.each<[string, string | Uint8Array]>([
    ['cut short', '{"customer_id":'],
    ['of blanks', '   '],
    ['with NaN', '{"quantity":NaN}'],
    ['with a trailing comma', '{"quantity":1,}'],
    ['in UTF-16', new Uint8Array(Buffer.from('{}', 'utf16le'))],
    [
      'of ill-formed UTF-8',
      new Uint8Array([...Buffer.from('{"customer_id":"'), 0xc3, 0x28, ...Buffer.from('"}')]),
    ],
  ])('%s is invalid_json', async (_what, body) => {
    const { status, json } = await track(body);
    expect([status, json.error.code]).toEqual([400, 'invalid_json']);
  });

  it('may begin with a byte order mark', async () => {
    expect((await track(`\ufeff${JSON.stringify(good)}`)).status).toBe(201);
  });

  it.each([
    'text/plain',
    'application/x-www-form-urlencoded',
    'application/json-seq',
    'application/jsonx',
    'json',
    '',
  ])('of type %j is unsupported_media_type', async (type) => {
    const { status, json } = await track(good, { 'Content-Type': type });
    expect([status, json.error.code]).toEqual([415, 'unsupported_media_type']);
  });

  it.each(['application/json;charset=utf-8', 'APPLICATION/JSON', 'application/vnd.api+json ; v=1'])(
    'of type %j is JSON',
    async (type) => {
      expect((await track(good, { 'Content-Type': type })).status).toBe(201);
    },
  );

  it('that is absent is {}, whatever its type', async () => {
    const { status, json } = await acme.ask('POST', '/v1/usage/track', undefined, {
      'Content-Type': 'text/plain',
    });
    expect([status, json.error.code]).toEqual([422, 'validation_failed']);
    const dismissed = await acme.askAsUser('POST', '/v1/features/nudges/none/dismiss');
    expect(dismissed.json.error.code).toBe('not_found');
  });

  it.each([[[]], ['text'], [null], [7], [[good]]])('of %j is not valid', async (body) => {
    const { json } = await track(JSON.stringify(body));
    expect(json.error.code).toBe('validation_failed');
  });

  it('of more than 64 KiB is payload_too_large', async () => {
    const { status, json, headers } = await track({ ...good, metadata: { a: 'x'.repeat(70_000) } });
    expect([status, json.error.code]).toEqual([413, 'payload_too_large']);
    expect(headers.get('X-Request-Id')).not.toBeNull();
  });

  it('without a length is counted as it comes, and cut off', async () => {
    let sent = 0;
    const endless = new ReadableStream<Uint8Array>({
      pull(controller) {
        sent += 1;
        if (sent > 64) controller.close();
        else controller.enqueue(new Uint8Array(16 * 1024).fill(0x20));
      },
    });
    const { status, json } = await track(endless);
    expect([status, json.error.code]).toEqual([413, 'payload_too_large']);
  });

  it.each([
    ['lists', '['.repeat(30_000)],
    ['closed lists', '['.repeat(30_000) + ']'.repeat(30_000)],
    ['objects', `${'{"a":'.repeat(9_000)}1${'}'.repeat(9_000)}`],
  ])('of thousands of nested %s is refused', async (_what, body) => {
    expect([400, 422]).toContain((await track(body)).status);
  });

  it('of thousands of members is refused, in few words', async () => {
    const members = Array.from({ length: 4_000 }, (_, n) => `"a${n}":1`).join(',');
    const { status, json } = await track(`{${members}}`);
    expect([status, json.detail]).toEqual([
      422,
      'The body is more than can be read: at most 1000 members of an object.',
    ]);
  });

  it('that is wrong at length is answered in short', async () => {
    const unknown = Array.from({ length: 900 }, (_, n) => [`${'x'.repeat(50)}${n}`, 1] as const);
    const { status, text } = await track(Object.fromEntries(unknown));
    expect(status).toBe(422);
    expect(text.length).toBeLessThan(2_000);
  });

  it('with __proto__ for a member has an unknown member', async () => {
    const { status } = await track(
      `{"customer_id":"u","feature_key":"events","quantity":1,"__proto__":{"x":1}}`,
    );
    expect(status).toBe(422);
  });
});

describe('CORS', () => {
  const origin = { Origin: 'https://shop.example' };

  it.each(['/v1/features/usage-metrics', '/v1/products', '/v1/features/nudges/x/dismiss', '/billingos.js'])(
    'lets any origin’s preflight through: %s',
    async (path) => {
      const { status, headers } = await send(server.url + path, {
        method: 'OPTIONS',
        headers: {
          ...origin,
          'Access-Control-Request-Method': 'POST',
          'Access-Control-Request-Headers': 'authorization,idempotency-key',
        },
      });
      expect(status).toBe(204);
      expect(headers.get('Access-Control-Allow-Origin')).toBe('*');
      expect(headers.get('Access-Control-Allow-Credentials')).toBeNull();
      expect(headers.get('Access-Control-Allow-Headers')?.split(',')).toEqual([
        'Authorization',
        'Content-Type',
        'Idempotency-Key',
        'X-BillingOS-Version',
        'Last-Event-ID',
      ]);
      expect(Number(headers.get('Access-Control-Max-Age'))).toBeGreaterThan(0);
    },
  );

  it('exposes what clients read, on replies and on errors', async () => {
    const ok = await acme.askAsUser('GET', '/v1/features/usage-metrics', undefined, origin);
    const denied = await get('/v1/features/usage-metrics', origin);
    const lost = await get('/v1/features/nope', origin);
    expect([ok, denied, lost].map(({ status }) => status)).toEqual([200, 401, 404]);
    for (const { headers } of [ok, denied, lost]) {
      expect(headers.get('Access-Control-Allow-Origin')).toBe('*');
      expect(headers.get('Access-Control-Expose-Headers')).toBe(
        'X-Request-Id,Retry-After,Idempotent-Replayed,RateLimit,RateLimit-Policy',
      );
    }
  });

  it.each(['/v1/usage/metrics?customer_id=u', '/v1/catalog', '/v1/session-tokens', '/healthz'])(
    'has no word for secret-key routes: %s',
    async (path) => {
      const reply = await acme.ask('GET', path, undefined, origin);
      expect(reply.headers.get('Access-Control-Allow-Origin')).toBeNull();
    },
  );
});

describe('routes for anyone', () => {
  it('say that the process is up', async () => {
    expect((await get('/healthz')).json).toEqual({ status: 'ok' });
  });

  it('give out the drop-in, cached by what it is', async () => {
    const entry = await get('/billingos.js');
    expect(entry.headers.get('Content-Type')).toBe('text/javascript; charset=utf-8');
    expect(entry.headers.get('Cache-Control')).toContain('max-age=300');
    const ahead = await get('/billingos-ahead.js');
    expect(ahead.headers.get('Cache-Control')).toBe(entry.headers.get('Cache-Control'));
    const chunk = await get('/billingos-core-abc123.js');
    expect(chunk.headers.get('Cache-Control')).toContain('immutable');
    const same = await get('/billingos.js', { 'If-None-Match': entry.headers.get('ETag') ?? '' });
    expect([same.status, same.text]).toEqual([304, '']);
  });

  it('give out the drop-in compressed to those who take that', async () => {
    const plain = await get('/billingos.js', { 'Accept-Encoding': 'gzip, br;q=0' });
    const compressed = await get('/billingos.js', { 'Accept-Encoding': 'gzip, br' });
    expect([plain, compressed].map(({ headers }) => headers.get('Content-Encoding'))).toEqual([null, 'br']);
    expect(compressed.text).toBe(plain.text);
    expect(compressed.headers.get('ETag')).not.toBe(plain.headers.get('ETag'));
    expect(plain.headers.get('Vary')).toContain('Accept-Encoding');
  });

  it.each(['/billingos-nope.js', '/secret.txt', '/billingos..%2Fsecret.txt.js', '/..%2f..%2fpackage.json'])(
    'give out nothing else: %s',
    async (path) => {
      expect((await get(path)).status).toBe(404);
    },
  );

  it('answer HEAD like GET, without the body', async () => {
    const { status, text } = await send(`${server.url}/healthz`, { method: 'HEAD' });
    expect([status, text]).toEqual([200, '']);
  });
});

describe('the OpenAPI document', () => {
  interface Operation {
    operationId: string;
    security: Record<string, string[]>[];
    responses: Record<string, unknown>;
    parameters?: { name: string; in: string }[];
  }
  const operations = () =>
    Object.entries(openApiDocument(server.app.hono).paths ?? {}).flatMap(([path, methods]) =>
      Object.entries(methods as Record<string, Operation>).map(([method, operation]) => ({
        path,
        method,
        operation,
      })),
    );

  it('is served, the same each time', async () => {
    const [first, second] = [await get('/openapi.json'), await get('/openapi.json')];
    expect(first.json.openapi).toBe('3.1.0');
    expect(second.text).toBe(first.text);
  });

  it('has the app’s routes one to one', () => {
    const documented = operations().map(({ path, method }) => `${method.toUpperCase()} ${path}`);
    const served = server.app.hono.routes
      .filter(({ method }) => method !== 'ALL')
      .map(({ method, path }) => `${method} ${path.replaceAll(/:(\w+)/g, '{$1}')}`)
      // Files are not operations.
      .filter((route) => !/^GET \/(openapi\.json|docs|docs\/\{file\}|\{file\}.*)$/.test(route));
    expect(documented.toSorted()).toEqual([...new Set(served)].toSorted());
  });

  it('names each operation once, with its parameters, and a credential that is asked for', async () => {
    const ids = operations().map(({ operation }) => operation.operationId);
    expect(new Set(ids).size).toBe(ids.length);
    for (const { path, method, operation } of operations()) {
      const inPath = [...path.matchAll(/\{(\w+)\}/g)].map(([, name]) => name);
      const declared = (operation.parameters ?? [])
        .filter((one) => one.in === 'path')
        .map(({ name }) => name);
      expect(declared, path).toEqual(inPath);
      const { status } = await send(server.url + path.replaceAll(/[{}]/g, ''), {
        method: method.toUpperCase(),
      });
      expect(status, path).toBe(operation.security.length === 0 ? 200 : 401);
      expect('401' in operation.responses, path).toBe(operation.security.length > 0);
    }
  });

  it('names only credentials that it declares, and has every reference', () => {
    const document = openApiDocument(server.app.hono);
    const schemes = Object.keys(document.components?.securitySchemes ?? {});
    for (const { operation } of operations()) {
      for (const requirement of operation.security)
        expect(schemes).toEqual(expect.arrayContaining(Object.keys(requirement)));
    }
    const schemas = Object.keys(document.components?.schemas ?? {});
    const references = [...JSON.stringify(document).matchAll(/"#\/components\/schemas\/([^"]+)"/g)].map(
      ([, name]) => name,
    );
    expect(schemas).toEqual(expect.arrayContaining([...new Set(references)]));
  });

  it('tells of every problem by its status', () => {
    const statuses = new Set(Object.values(PROBLEMS).map(({ status }) => String(status)));
    for (const { path, operation } of operations()) {
      const told = Object.keys(operation.responses).filter((status) => Number(status) >= 400);
      expect(
        told.every((status) => statuses.has(status)),
        path,
      ).toBe(true);
    }
  });
});
