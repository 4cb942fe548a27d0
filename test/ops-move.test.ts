import { randomBytes } from 'node:crypto';
import { existsSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, test } from 'vitest';
import { writeExport, type Part } from '../packages/server/src/ledger/export-file.ts';
import { startPostgres, type TestPostgres } from '../packages/server/src/ledger/testing/postgres.ts';
import { command } from '../packages/server/src/metering/testing/pricing.ts';
import { storeSettings } from '../packages/server/src/settings.ts';
import { openLedger } from '../packages/server/src/store.ts';
import { pricedStore, sessionToken, track } from './support/priced-store.ts';
import { billingos, killedAt, type Environment, type ServeProcess } from './support/program.ts';
import { facts, useServers } from './support/servers.ts';

/** Stores that are copied, put back and moved, by the commands an operator has. */

/** Events that move at once: enough that neither side holds them in memory. */
const EVENTS = 100_000;
const BATCH = 1_000;
const MOVE_MS_MAX = 240_000;
/** Enough that an import has told of some, and is not done, when it is killed. */
const IMPORTED_UNTIL_KILLED = 150_000;

const { data, serve: start } = useServers();
let postgres: TestPostgres;

beforeAll(async () => {
  postgres = await startPostgres();
  return () => postgres.stop();
});

const embedded = (name: string): Environment => ({ BILLINGOS_DATA: join(data.path, name) });

const serve = (env: Environment): Promise<ServeProcess> => start([], env);

async function stop(server: ServeProcess): Promise<void> {
  server.signal('SIGTERM');
  expect((await server.ended).code).toBe(0);
}

/** What a client can see of a store, and would miss. */
async function seen({ url }: ServeProcess, secretKey: string, customerId: string) {
  const ask = async (path: string) => {
    const reply = await fetch(url + path, { headers: { Authorization: `Bearer ${secretKey}` } });
    const text = (await reply.text()).replaceAll(/"(as_of|resets_in_days)":("[^"]*"|\d+)/g, '"$1":null');
    return [reply.status, text];
  };
  return Promise.all([
    ask('/v1/usage/metrics?customer_id=u'),
    ask('/v1/catalog'),
    ask(`/customers/${customerId}`),
    ask(`/subscriptions?customer_id=${customerId}`),
  ]);
}

describe('a store that moves', () => {
  test.each([
    ['SQLite', 'PostgreSQL'],
    ['PostgreSQL', 'SQLite'],
  ] as const)('from %s to %s is the same to its clients', async (from, to) => {
    const stores = { SQLite: embedded('store'), PostgreSQL: { DATABASE_URL: await postgres.newStore() } };
    const [source, target] = [stores[from], stores[to]];
    const { secretKey } = await pricedStore(source);
    const old = await serve(source);
    const key = randomBytes(8).toString('hex');
    const first = await track(old.url, secretKey, {
      quantity: 7,
      idempotencyKey: key,
      metadata: { a: '\u0000é' },
    });
    const firstBody = await first.text();
    await track(old.url, secretKey, { quantity: 3, feature: 'seats' });
    await track(old.url, secretKey, { quantity: -1, feature: 'seats' });
    const customer = await fetch(`${old.url}/customers/external/u`, {
      headers: { Authorization: `Bearer ${secretKey}` },
    });
    const { id } = (await customer.json()) as { id: string };
    const token = await sessionToken(old.url, secretKey);
    const before = await seen(old, secretKey, id);
    await stop(old);

    const file = join(data.path, 'all.jsonl');
    await facts(['export', file], source);
    expect(statSync(file).mode & 0o777).toBe(0o600);
    const imported = await facts<{ rows: unknown; verification: unknown }>(['import', file], target);
    expect(imported).toMatchObject({
      rows: { tenant: 1, secret_key: 1, signing_key: 1, catalog: 1, customer: 1, event: 3, idempotency: 1 },
      verification: { exact: true, events: 3, counters: 2 },
    });

    const renewed = await serve(target);
    expect(await seen(renewed, secretKey, id)).toEqual(before);
    const again = await track(renewed.url, secretKey, { quantity: 7, idempotencyKey: key });
    expect([again.headers.get('idempotent-replayed'), await again.text()]).toEqual(['true', firstBody]);
    const session = await fetch(`${renewed.url}/v1/features/usage-metrics`, {
      headers: { Authorization: `Bearer ${token}` },
    });
    // Its issuer is the old address; the key that signed it is known here as it was there.
    expect(session.status).toBe(200);
    expect((await track(renewed.url, secretKey, { quantity: 1 })).status).toBe(201);
    const trail = await facts<{ entries: { action: string }[] }>(['audit'], target);
    expect(trail.entries.map(({ action }) => action)).toEqual([
      'key.created',
      'catalog.replaced',
      'usage.corrected',
    ]);
  });

  test(
    `moves ${EVENTS} events there and back, and says how far it is`,
    async () => {
      const [source, there, back] = [
        embedded('store'),
        { DATABASE_URL: await postgres.newStore() },
        embedded('back'),
      ];
      const { tenantId } = await pricedStore(source);
      const ledger = await openLedger(storeSettings({}, source), Date.now);
      for (let batch = 0; batch < EVENTS / BATCH; batch += 1) {
        await ledger
          .tenant(tenantId)
          .track(
            Array.from({ length: BATCH }, (_, n) =>
              command('bulk_calls', 1, { externalId: `user_${n % 100}`, idempotencyKey: `k_${batch}_${n}` }),
            ),
          );
      }
      await ledger.close();
      const [one, two] = [join(data.path, 'one.jsonl'), join(data.path, 'two.jsonl')];
      const told = await billingos(['export', one], source);
      expect([told.code, told.stderr]).toEqual([0, expect.stringMatching(/^1\d{5} rows\n/)]);
      const verification = { exact: true, events: EVENTS, counters: 100 };
      expect(await facts(['import', one], there)).toMatchObject({ verification });
      await facts(['export', two], there);
      expect(await facts(['import', two], back)).toMatchObject({ verification });
      expect(linesOf(two)).toEqual(linesOf(one));
    },
    MOVE_MS_MAX,
  );

  test('is as empty as before where an import was killed, and takes the next one', async () => {
    const file = join(data.path, 'all.jsonl');
    writeFileSync(file, '');
    await writeExport(file, [tenants(IMPORTED_UNTIL_KILLED)], () => undefined);
    for (const env of [{ DATABASE_URL: await postgres.newStore() }, embedded('target')]) {
      await killedAt(/Imported \d+ rows/, ['import', file], env);
      expect(await facts(['keys', 'list'], env)).toEqual({ keys: [] });
      expect(await facts(['import', file], env)).toMatchObject({ rows: { tenant: IMPORTED_UNTIL_KILLED } });
    }
  });

  test('takes nothing of a file that was written from other columns', async () => {
    const file = join(data.path, 'all.jsonl');
    writeFileSync(file, '');
    const part = tenants(1);
    await writeExport(file, [{ ...part, columns: part.columns.slice(1) }], () => undefined);
    for (const env of [{ DATABASE_URL: await postgres.newStore() }, embedded('target')]) {
      const refused = await billingos(['import', file], env);
      expect([refused.code, refused.stderr]).toEqual([
        1,
        expect.stringContaining('another release wrote it'),
      ]);
      expect(await facts(['keys', 'list'], env)).toEqual({ keys: [] });
    }
  });

  test('refuses a store that has something in it, and leaves it as it is', async () => {
    const [source, target] = [embedded('store'), embedded('other')];
    await pricedStore(source);
    await pricedStore(target);
    const keys = await facts(['keys', 'list'], target);
    const file = join(data.path, 'all.jsonl');
    await facts(['export', file], source);
    const refused = await billingos(['import', file], target);
    expect([refused.code, refused.stderr]).toEqual([
      1,
      expect.stringContaining('there are rows in "tenant"'),
    ]);
    expect(await facts(['keys', 'list'], target)).toEqual(keys);
  });

  test.each([
    ['is cut off', (text: string) => text.slice(0, -100), 'ends in the middle'],
    ['was changed', (text: string) => text.replace('Acme', 'Acne'), 'changed after it was written'],
    [
      'lost a line',
      (text: string) => text.replace(/\n\[[^\n]*"Acme"[^\n]*/, ''),
      'changed after it was written',
    ],
    ['is something else', () => 'id,name\n', 'It is no export'],
  ])('takes nothing of a file that %s', async (_, change, reason) => {
    const [source, target] = [embedded('store'), { DATABASE_URL: await postgres.newStore() }];
    await pricedStore(source);
    const file = join(data.path, 'all.jsonl');
    await facts(['export', file], source);
    writeFileSync(file, change(readFileSync(file, 'utf8')));
    for (const env of [target, embedded('target')]) {
      const refused = await billingos(['import', file], env);
      expect([refused.code, refused.stderr]).toEqual([1, expect.stringContaining(reason)]);
      expect(refused.stderr).toContain('and nothing was');
      expect(await facts(['migrate'], env)).toMatchObject({ from: 0 });
    }
  });
});

describe('a backup', () => {
  test('taken under load is an exact store, with everything acknowledged before', async () => {
    const source = embedded('store');
    const { secretKey } = await pricedStore(source);
    const server = await serve(source);
    let loading = true;
    const acknowledged: string[] = [];
    const load = Array.from({ length: 8 }, async () => {
      while (loading) {
        const key = randomBytes(8).toString('hex');
        const reply = await track(server.url, secretKey, {
          quantity: 1,
          feature: 'bulk_calls',
          idempotencyKey: key,
        });
        if (reply.status === 201) acknowledged.push(key);
      }
    });
    while (acknowledged.length < 100)
      await track(server.url, secretKey, { quantity: 1, feature: 'bulk_calls' });
    const before = [...acknowledged];
    const file = join(data.path, 'backup.db');
    await facts(['backup', file], source);
    loading = false;
    await Promise.all(load);
    expect(statSync(file).mode & 0o777).toBe(0o600);

    const restored = embedded('restored');
    const { events } = await facts<{ events: number }>(['restore', file], restored);
    expect(await facts(['verify'], restored)).toMatchObject({ exact: true, events });
    const renewed = await serve(restored);
    for (const key of before) {
      const again = await track(renewed.url, secretKey, {
        quantity: 1,
        feature: 'bulk_calls',
        idempotencyKey: key,
      });
      expect(again.headers.get('idempotent-replayed')).toBe('true');
    }
  });

  test('replaces nothing without --force', async () => {
    const source = embedded('store');
    await pricedStore(source);
    const file = join(data.path, 'backup.db');
    await facts(['backup', file], source);
    const kept = readFileSync(file);
    const refused = await billingos(['backup', file], source);
    expect([refused.code, refused.stderr]).toEqual([1, expect.stringContaining('--force')]);
    const unrestored = await billingos(['restore', file], source);
    expect([unrestored.code, unrestored.stderr]).toEqual([1, expect.stringContaining('--force')]);
    expect(readFileSync(file).equals(kept)).toBe(true);
    await facts(['backup', file, '--force'], source);
  });

  test('takes the place of a store with what that one had in its log', async () => {
    const source = embedded('store');
    const { secretKey } = await pricedStore(source);
    const file = join(data.path, 'backup.db');
    await facts(['backup', file], source);
    const server = await serve(source);
    await track(server.url, secretKey, { quantity: 1 });
    server.signal('SIGKILL');
    await server.ended;
    expect(existsSync(join(data.path, 'store/billingos.db-wal'))).toBe(true);
    await facts(['restore', file, '--force'], source);
    expect(await facts(['verify'], source)).toMatchObject({ exact: true, events: 0 });
  });

  test('is not put under a running server', async () => {
    const source = embedded('store');
    await pricedStore(source);
    const file = join(data.path, 'backup.db');
    await facts(['backup', file], source);
    const { url } = await serve(source);
    const refused = await billingos(['restore', file, '--force'], source);
    expect([refused.code, refused.stderr]).toEqual([1, expect.stringContaining(`the server at ${url}`)]);
  });

  test.each([
    ['damaged', (bytes: Buffer) => bytes.fill(0xff, 4_096, 12_288)],
    ['cut off', (bytes: Buffer) => bytes.subarray(0, bytes.length / 2)],
    [
      'of something else',
      () => Buffer.from('not a database, but long enough to be looked at as one '.repeat(99)),
    ],
  ])('that is %s is refused, and the store stays as it was', async (_, change) => {
    const source = embedded('store');
    const { secretKey } = await pricedStore(source);
    const file = join(data.path, 'backup.db');
    await facts(['backup', file], source);
    writeFileSync(file, change(readFileSync(file)));
    const refused = await billingos(['restore', file, '--force'], source);
    expect([refused.code, refused.stderr]).toEqual([1, expect.stringContaining('the store is as it was')]);
    const server = await serve(source);
    expect((await track(server.url, secretKey, { quantity: 1 })).status).toBe(201);
  });

  test('is refused for PostgreSQL, with the program that does it', async () => {
    const env = { DATABASE_URL: await postgres.newStore() };
    await pricedStore(env);
    const refused = await billingos(['backup', join(data.path, 'backup.db')], env);
    expect([refused.code, refused.stderr]).toEqual([1, expect.stringContaining('pg_dump')]);
  });
});

/** As many tenants in one part of an export. */
function tenants(count: number): Part {
  const columns = [
    ['created_at', 'integer'],
    ['id', 'text'],
    ['mode', 'text'],
    ['organization', 'text'],
  ] as const;
  const rows = Array.from({ length: count }, (_, n) => ({
    id: `ten_${n}`,
    organization: `Organization ${n}`,
    mode: 'test',
    created_at: 0n,
  }));
  return { table: 'tenant', columns, rows };
}

/** An export's lines, sorted: rows of a table have no order. Without the digest, which has. */
function linesOf(file: string): string[] {
  const lines = readFileSync(file, 'utf8').split('\n');
  return lines.map((line) => line.replace(/"sha256":"\w+"/, '')).sort();
}
