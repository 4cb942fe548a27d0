import { spawnSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { chmodSync, existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { request } from 'node:http';
import { join } from 'node:path';
import { beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { startPostgres, type TestPostgres } from '../packages/server/src/ledger/testing/postgres.ts';
import { brokenBuild } from './support/broken-build.ts';
import { sessionToken } from './support/priced-store.ts';
import { billingos } from './support/program.ts';
import { facts, useServers } from './support/servers.ts';

/** The commands as an operator runs them: the built program, on a real disk and a real database, over real HTTP. */

const CATALOG = {
  features: [{ key: 'api_calls', title: 'API calls', type: 'usage_quota', decimals: 0 }],
  products: [
    {
      id: 'starter',
      name: 'Starter',
      default: true,
      prices: [{ id: 'price_starter', amount: 0, currency: 'usd', interval: 'month' }],
      features: [{ feature: 'api_calls', limit: 1000 }],
    },
  ],
};

const { data, serve } = useServers();
let postgres: TestPostgres;

beforeAll(async () => {
  postgres = await startPostgres();
  return () => postgres.stop();
});

const createKey = (store: readonly string[], env: Record<string, string> = {}) =>
  facts<{ id: string; secret_key: string }>(
    ['keys', 'create', '--org', 'Acme', '--mode', 'test', ...store],
    env,
  );

const track = (url: string, secretKey: string, key = randomBytes(8).toString('hex')) =>
  fetch(`${url}/v1/usage/track`, {
    method: 'POST',
    headers: { Authorization: `Bearer ${secretKey}`, 'Content-Type': 'application/json' },
    body: JSON.stringify({ customer_id: 'u', feature_key: 'api_calls', quantity: 1, idempotency_key: key }),
  });

/** A server on the embedded store with a tenant that has a catalog. */
async function pricedServer(store = ['--data', data.path], env: Record<string, string> = {}) {
  const server = await serve(store, env);
  const { id, secret_key } = await createKey(store, env);
  const api = { BILLINGOS_API_URL: server.url, BILLINGOS_SECRET_KEY: secret_key };
  const pushed = await billingos(['catalog', 'push', '-'], api, JSON.stringify(CATALOG));
  expect(pushed).toMatchObject({ code: 0, stderr: '' });
  return { server, id, secretKey: secret_key, api };
}

describe('billingos dev', () => {
  test('ends when its port is taken, and says how to get another', async () => {
    const { server } = await pricedServer();
    const { port } = new URL(server.url);
    const { code, stderr } = await billingos(['dev', '--port', port, '--data', join(data.path, 'other')]);
    expect(code).toBe(1);
    expect(stderr).toMatch(/^billingos: Port \d+ of 127\.0\.0\.1 is taken\. Choose another with --port/);
  });

  test('ends when the drop-in is missing, and says how to get it', () => {
    const { cli, remove } = brokenBuild([]);
    rmSync(join(cli, '../../public'));
    const { status, stderr } = spawnSync(process.execPath, [cli, 'dev', '--port', '0', '--data', data.path], {
      encoding: 'utf8',
    });
    remove();
    expect(status).toBe(1);
    expect(stderr).toMatch(/^billingos: .+billingos\.js is missing\. In a clone, run: npm run build\./);
  });

  test('makes no demo of a store that is in use, and says what to run instead', async () => {
    const { server } = await pricedServer();
    server.signal('SIGTERM');
    await server.ended;
    const refused = await billingos(['dev', '--port', '0', '--data', data.path]);
    expect(refused).toMatchObject({ code: 2, stdout: '' });
    expect(refused.stderr).toContain('the store of Acme');
    expect(refused.stderr).toContain(`billingos serve --data "${data.path}"`);
    expect(existsSync(join(data.path, 'dev.json'))).toBe(false);
  });

  test.each(['billingos.db', 'server.lock', ''])('says in one line that it cannot use %j', async (name) => {
    const file = join(data.path, name === '' ? 'file' : name);
    writeFileSync(file, 'not a database, and long enough to be sure of it '.repeat(20));
    const folder = name === '' ? file : data.path;
    const refused = await billingos(['dev', '--port', '0', '--data', folder]);
    expect(refused).toMatchObject({ code: 1, stdout: '' });
    expect(refused.stderr.trim().split('\n')).toEqual([expect.stringContaining(file)]);
  });
});

describe('billingos serve', () => {
  test('has nothing of the demo, and is ready', async () => {
    const { url } = await serve(['--data', data.path]);
    const statuses = await Promise.all(
      ['/readyz', '/healthz', '/billingos.js', '/', '/demo/demo.js', '/api/billingos-session'].map(
        async (path) => (await fetch(url + path)).status,
      ),
    );
    expect(statuses).toEqual([200, 200, 200, 404, 404, 404]);
    expect(await facts(['keys', 'list', '--data', data.path])).toEqual({ keys: [] });
  });

  test('is one of many on PostgreSQL: they count as one', async () => {
    const env = { DATABASE_URL: await postgres.newStore() };
    const { server, secretKey } = await pricedServer([], env);
    const other = await serve([], env);
    const replies = await Promise.all(
      Array.from({ length: 20 }, (_, n) => track(n % 2 === 0 ? server.url : other.url, secretKey)),
    );
    expect(replies.map(({ status }) => status)).toEqual(Array.from({ length: 20 }, () => 201));
    expect(await facts(['verify'], env)).toMatchObject({ exact: true, events: 20, counters: 1 });
  });

  test.each([
    [{}, '"key";q=1000;w=1'],
    [{ BILLINGOS_RATE_LIMIT: '7' }, '"key";q=7;w=1'],
    [{ BILLINGOS_RATE_LIMIT: '0' }, null],
  ])('limits what a key may ask, as it is told: %j', async (env, policy) => {
    const { server, secretKey } = await pricedServer(['--data', data.path], env);
    expect((await track(server.url, secretKey)).headers.get('RateLimit-Policy')).toBe(policy);
  });

  test('refuses a second server on one embedded store, naming the first', async () => {
    const { url } = await serve(['--data', data.path]);
    const second = await billingos(['serve', '--port', '0', '--data', data.path]);
    expect(second).toMatchObject({ code: 1, stdout: '' });
    expect(second.stderr).toContain(`in use by the server at ${url}`);
  });

  test.each(['billingos.db', 'server.lock'])('says in one line that it cannot open %s', async (name) => {
    mkdirSync(join(data.path, name));
    const refused = await billingos(['serve', '--port', '0', '--data', data.path]);
    expect(refused).toMatchObject({ code: 1, stdout: '' });
    expect(refused.stderr.trim().split('\n')).toEqual([expect.stringContaining(join(data.path, name))]);
  });

  test.each(['203.0.113.7', 'nowhere.invalid'])('says that this machine has no address %s', async (host) => {
    const env = { BILLINGOS_PUBLIC_URL: 'https://usage.example' };
    const refused = await billingos(['serve', '--port', '0', '--host', host, '--data', data.path], env);
    expect(refused).toMatchObject({ code: 1, stdout: '' });
    expect(refused.stderr).toBe(
      `billingos: This machine has no address ${host}. Choose another with --host or BILLINGOS_ADMIN_HOST.\n`,
    );
  });

  test('tells nobody to close what is no folder', async () => {
    const refused = await billingos(['serve', '--port', '0', '--data', '/dev/null']);
    expect(refused).toMatchObject({ code: 1, stdout: '' });
    expect(refused.stderr).toContain('/dev/null cannot be the folder of a store');
  });

  test('refuses settings that are not secure, and makes nothing', async () => {
    const folder = join(data.path, 'open');
    const refused = await billingos(['serve', '--host', '0.0.0.0', '--data', folder]);
    expect(refused).toMatchObject({ code: 2, stdout: '' });
    expect(refused.stderr).toContain('BILLINGOS_PUBLIC_URL=https://');
    expect((await billingos(['migrate', '--data', folder])).stdout).toContain('Schema 0 →');
    chmodSync(folder, 0o755);
    const readable = await billingos(['serve', '--port', '0', '--data', folder]);
    expect(readable).toMatchObject({ code: 2 });
    expect(readable.stderr).toContain(`chmod 700 "${folder}"`);
  });

  test('signs with the first key of the ring, and takes tokens of the others', async () => {
    const [older, newer] = ['older', 'newer'].map((kid) => `${kid}:${randomBytes(32).toString('base64')}`);
    const first = await pricedServer(['--data', data.path], { BILLINGOS_SIGNING_KEYS: older! });
    const token = await sessionToken(first.server.url, first.secretKey);
    first.server.signal('SIGTERM');
    await first.server.ended;
    const { url } = await serve(['--data', data.path], { BILLINGOS_SIGNING_KEYS: `${newer},${older}` });
    expect(kidOf(token)).toBe('older');
    expect(kidOf(await sessionToken(url, first.secretKey))).toBe('newer');
    const metrics = await fetch(`${url}/v1/features/usage-metrics`, {
      headers: { Authorization: `Bearer ${token}` },
    });
    expect(metrics.status).toBe(200);
  });

  test.each(['SIGTERM', 'SIGINT'] as const)('stops in order on %s', async (signal) => {
    const { server, secretKey } = await pricedServer();
    const stream = await fetch(`${server.url}/v1/usage/stream?customer_id=u`, {
      headers: { Authorization: `Bearer ${secretKey}` },
    });
    const slow = slowTrack(server.url, secretKey);
    await slow.begun;
    const started = performance.now();
    server.signal(signal);
    expect(await stream.text()).toContain('event: bye');
    const ready = await fetch(`${server.url}/readyz`);
    expect([ready.status, await ready.text()]).toEqual([503, expect.stringContaining('store_unavailable')]);
    slow.finish();
    expect(await slow.status).toBe(201);
    const { code, stderr } = await server.ended;
    expect([code, stderr]).toEqual([0, expect.not.stringContaining('"level":"error"')]);
    expect(performance.now() - started).toBeLessThan(10_000);
    expect(await facts(['verify', '--data', data.path])).toMatchObject({ exact: true, events: 1 });
  });

  test('stops at once on a second signal', async () => {
    const { server, secretKey } = await pricedServer();
    const slow = slowTrack(server.url, secretKey);
    await slow.begun;
    server.signal('SIGTERM');
    await untilNotReady(server.url);
    server.signal('SIGTERM');
    expect(await server.ended).toMatchObject({ code: 1 });
    await expect(slow.status).rejects.toThrow();
  });
});

describe('billingos keys', () => {
  test('makes a tenant once, and keys that work until they are revoked', async () => {
    const { server, id, secretKey } = await pricedServer();
    const other = await createKey(['--data', data.path]);
    expect((await track(server.url, other.secret_key)).status).toBe(201);
    await facts(['keys', 'revoke', other.id, '--data', data.path]);
    const { keys } = await facts<{ keys: Record<string, unknown>[] }>(['keys', 'list', '--data', data.path]);
    expect(keys.map((key) => [key['id'], key['organization'], key['revoked_at'] !== null])).toEqual([
      [id, 'Acme', false],
      [other.id, 'Acme', true],
    ]);
    // Never asked before, so no answer is remembered of it: refused at once.
    const another = await createKey(['--data', data.path]);
    await facts(['keys', 'revoke', another.secret_key, '--data', data.path]);
    expect((await track(server.url, another.secret_key)).status).toBe(401);
    expect((await track(server.url, secretKey)).status).toBe(201);
  });

  test('print the key alone on the first line, and say that it is not shown again', async () => {
    await billingos(['migrate', '--data', data.path]);
    const args = ['keys', 'create', '--org', 'Acme', '--mode', 'live', '--name', 'ci', '--data', data.path];
    const { code, stdout, stderr } = await billingos(args);
    expect([code, stderr]).toEqual([0, '']);
    expect(stdout).toMatch(/^sk_live_[\w-]{38}\n\nKey key_\w+ of Acme, live mode\. It is shown this once/);
  });

  test.each([
    [['keys', 'create', '--org', 'A', '--mode', 'prod'], 2, '--mode is "prod"; give test or live.'],
    [['keys', 'create', '--org', ' ', '--mode', 'test'], 2, '--org must be 1 to 255 characters'],
    [['keys', 'list', '--nothing'], 2, "Unknown option '--nothing'"],
  ])('%j ends with %i and says why', async (args, code, message) => {
    const ended = await billingos(args, { BILLINGOS_DATA: data.path });
    expect(ended).toMatchObject({ code, stdout: '' });
    expect(ended.stderr).toContain(message);
  });

  test('cannot revoke a key that is not there', async () => {
    await billingos(['migrate', '--data', data.path]);
    const { code, stderr } = await billingos(['keys', 'revoke', 'key_nobody', '--data', data.path]);
    expect([code, stderr]).toEqual([1, expect.stringContaining('There is no key key_nobody')]);
  });
});

describe.each(['embedded', 'PostgreSQL'] as const)('on the %s store, billingos', (kind) => {
  let env: Record<string, string>;

  beforeEach(async () => {
    env =
      kind === 'embedded'
        ? { BILLINGOS_DATA: join(data.path, 'store') }
        : { DATABASE_URL: await postgres.newStore() };
  });

  test('migrate makes the store once, however often it runs at once', async () => {
    const all = await Promise.all(
      Array.from({ length: 5 }, () => facts<{ from: number; to: number }>(['migrate'], env)),
    );
    const { to } = all[0]!;
    expect(all.every((one) => one.to === to && one.from <= to)).toBe(true);
    expect(await facts(['migrate'], env)).toMatchObject({ from: to, to });
    expect(await facts(['verify'], env)).toMatchObject({ exact: true, events: 0 });
  });

  test.each(['verify', 'keys list', 'keys create --org A --mode test'])(
    '%s makes no store, and says where it looked',
    async (line) => {
      const { code, stderr } = await billingos(line.split(' '), env);
      expect(code).toBe(1);
      expect(stderr).toContain(`There is no store at ${env['BILLINGOS_DATA'] ?? 'PostgreSQL at '}`);
      expect((await facts<{ from: number }>(['migrate'], env)).from).toBe(0);
    },
  );

  test('verify is exact beside a server under load', async () => {
    const { server, secretKey } = await pricedServer([], env);
    let loading = true;
    const load = Array.from({ length: 8 }, async () => {
      while (loading) expect((await track(server.url, secretKey)).status).toBeLessThan(403);
    });
    const verifications = [await facts(['verify'], env), await facts(['verify'], env)];
    loading = false;
    await Promise.all(load);
    for (const verification of verifications) expect(verification).toMatchObject({ exact: true });
  });
});

describe('billingos verify', () => {
  test('says what differs, and ends with 1', async () => {
    const env = { DATABASE_URL: await postgres.newStore() };
    const { server, secretKey } = await pricedServer([], env);
    await track(server.url, secretKey);
    await postgres.run(env.DATABASE_URL, 'update counter set consumed = 7');
    const { code, stdout, stderr } = await billingos(['verify'], env);
    expect(code).toBe(1);
    expect(stdout).toMatch(
      /^Not exact: 1 events, 1 counters, 1 differences\n {2}ten_\w+ cus_\w+ api_calls month \S+: the counter says 7 at sequence 1, its events come to 1 at 1\n$/,
    );
    expect(stderr).toBe('0 of 1 events\n');
  });

  test('says nothing of how the driver takes sslmode=require', async () => {
    const env = { DATABASE_URL: 'postgres://app@127.0.0.1:1/billing?sslmode=require' };
    const { stderr } = await billingos(['verify'], env);
    expect(stderr.trim().split('\n')).toHaveLength(1);
  });

  test('says which database it cannot reach, without its password', async () => {
    const env = { DATABASE_URL: 'postgres://app:hush@127.0.0.1:1/billing' };
    const { code, stdout, stderr } = await billingos(['verify'], env);
    expect([code, stdout]).toEqual([1, '']);
    expect(stderr).toContain(
      'PostgreSQL at 127.0.0.1:1/billing cannot be used: connect ECONNREFUSED 127.0.0.1:1. Is it running',
    );
    expect(stderr).not.toContain('hush');
  });
});

describe('billingos catalog', () => {
  test('pushes a file and pulls it back, with its schema named', async () => {
    const { api } = await pricedServer();
    const file = join(data.path, 'catalog.json');
    await facts(['catalog', 'pull', file], api);
    const { $schema, ...pulled } = JSON.parse(readFileSync(file, 'utf8')) as Record<string, unknown>;
    expect(pulled).toEqual(CATALOG);
    expect($schema).toContain('catalog.schema.json');
    expect(await facts(['catalog', 'push', file], api)).toMatchObject({
      features: 1,
      products: 1,
      mode: 'test',
    });
    const printed = await billingos(['catalog', 'pull', '-'], api);
    expect(printed.stdout).toBe(readFileSync(file, 'utf8'));
  });

  test('is told by name what is in use', async () => {
    const { server, secretKey, api } = await pricedServer();
    await track(server.url, secretKey);
    const pushed = await billingos(['catalog', 'push', '-'], api, '{"features":[],"products":[]}');
    expect(pushed).toMatchObject({ code: 1, stdout: '' });
    expect(pushed.stderr).toMatch(/feature api_calls, price price_starter/);
  });

  test('sends nothing that is no catalog, and points at the mistakes', async () => {
    const { api } = await pricedServer();
    const file = join(data.path, 'catalog.json');
    writeFileSync(file, JSON.stringify({ ...CATALOG, features: [{ key: 'api calls' }] }));
    const { code, stderr } = await billingos(['catalog', 'push', file], api);
    expect(code).toBe(1);
    expect(stderr).toContain(`${file} is not a catalog:\n  features.0.key: letters, digits`);
    const after = await billingos(['catalog', 'pull', '-', '--json'], api);
    expect(JSON.parse(after.stdout)).toEqual(CATALOG);
  });

  const api = { BILLINGOS_API_URL: 'http://127.0.0.1:1', BILLINGOS_SECRET_KEY: 'sk_test_0123456789abcdef' };
  test.each([
    [{ BILLINGOS_SECRET_KEY: api.BILLINGOS_SECRET_KEY }, 2, 'BILLINGOS_API_URL is not set'],
    [{ BILLINGOS_API_URL: api.BILLINGOS_API_URL }, 2, 'BILLINGOS_SECRET_KEY is not set'],
    [api, 1, 'No API answers at http://127.0.0.1:1'],
  ])('with %j ends with %i and says why', async (env, code, message) => {
    const ended = await billingos(['catalog', 'pull', '-'], env);
    expect(ended).toMatchObject({ code, stdout: '' });
    expect(ended.stderr).toContain(message);
  });

  test('says that the key is refused, and that a file is not there', async () => {
    const { api } = await pricedServer();
    const refused = await billingos(['catalog', 'pull', '-'], {
      ...api,
      BILLINGOS_SECRET_KEY: 'sk_test_0123456789abcdef',
    });
    expect([refused.code, refused.stderr]).toEqual([1, expect.stringContaining('refuses the key')]);
    const missing = await billingos(['catalog', 'push', join(data.path, 'none.json')], api);
    expect([missing.code, missing.stderr]).toEqual([1, expect.stringContaining('none.json')]);
  });
});

function kidOf(token: string): unknown {
  const [header = ''] = token.replace(/^bos_session_test_/, '').split('.');
  return (JSON.parse(Buffer.from(header, 'base64url').toString()) as { kid: unknown }).kid;
}

/** A tracked event whose body is held back until it may finish: a request under way. */
function slowTrack(url: string, secretKey: string) {
  const outgoing = request(`${url}/v1/usage/track`, {
    method: 'POST',
    headers: {
      Authorization: `Bearer ${secretKey}`,
      'Content-Type': 'application/json',
      Expect: '100-continue',
    },
  });
  const status = new Promise<number | undefined>((resolve, reject) => {
    outgoing.on('response', (reply) => resolve(reply.resume().statusCode));
    outgoing.on('error', reject);
  });
  // Heard by whoever waits for it, which may be later.
  status.catch(() => undefined);
  outgoing.flushHeaders();
  return {
    /** The server has the request. */
    begun: new Promise((resolve) => outgoing.once('continue', resolve)),
    status,
    finish: () => outgoing.end(JSON.stringify({ customer_id: 'u', feature_key: 'api_calls', quantity: 1 })),
  };
}

async function untilNotReady(url: string): Promise<void> {
  while ((await fetch(`${url}/readyz`)).status === 200);
}
