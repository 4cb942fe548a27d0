import { join } from 'node:path';
import Database from 'libsql';
import { beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import { command, NOW, PRICING } from '../metering/testing/pricing.ts';
import type { Ledger } from './ledger.ts';
import { MIGRATIONS as POSTGRES_MIGRATIONS } from './postgres/migrations.ts';
import { openPostgresLedger } from './postgres/postgres-ledger.ts';
import { MIGRATIONS as SQLITE_MIGRATIONS } from './sqlite/migrations.ts';
import { openSqliteLedger } from './sqlite/sqlite-ledger.ts';
import { administer, startPostgres, type TestPostgres } from './testing/postgres.ts';
import { tempFolder } from './testing/temp-folder.ts';

/** Stores as releases before this one left them, with data, brought up to date by opening them. */

const TENANT = 'ten_1';
const SECRET = '00'.repeat(32);

/** What the first release wrote for a customer on a trial who tracked 2 and 3 calls, and put a nudge away. */
const WRITTEN = (secret: string): readonly string[] => [
  `insert into tenant values ('${TENANT}', 'Acme', 'live', ${NOW})`,
  `insert into secret_key values ('hash_1', 'key_1', '${TENANT}', 'ci', ${NOW}, null)`,
  `insert into signing_key values ('kid_1', ${secret}, ${NOW})`,
  `insert into catalog values ('${TENANT}', 2, '${JSON.stringify(PRICING)}', ${NOW})`,
  `insert into customer values ('${TENANT}', 'cus_1', 'user_1', null, 'a@example.com', null, '{"a":1}', ${NOW}, 1,
    ${NOW}, ${NOW})`,
  `insert into subscription values ('${TENANT}', 'sub_1', 'cus_1', 'trial', 'price_trial', 0, 'trialing', ${NOW},
    ${NOW + 14 * 86_400_000}, 0, null, null, '{}', ${NOW}, ${NOW})`,
  `insert into counter values ('${TENANT}', 'cus_1', 'api_calls', 'month', ${NOW}, 5, 2, 0, 0, 0)`,
  eventRow('evt_019c00000001', { sequence: 1, quantity: 2, consumed: 2, key: `'k1'` }),
  eventRow('evt_019c00000002', { sequence: 2, quantity: 3, consumed: 5, key: 'null' }),
  `insert into idempotency values ('${TENANT}', 'cus_1', 'secret', 'k1', 'evt_019c00000001', ${NOW})`,
  `insert into nudge_dismissal values ('${TENANT}', 'cus_1', 'nudge_1', ${NOW + 1_000})`,
];

function eventRow(
  id: string,
  {
    sequence,
    quantity,
    consumed,
    key,
  }: { sequence: number; quantity: number; consumed: number; key: string },
): string {
  const period = `${NOW}, ${Date.parse('2026-02-28T10:00:00Z')}`;
  return `insert into event values ('${TENANT}', '${id}', 'cus_1', 'api_calls', 'month', ${NOW}, ${sequence}, 'add',
    ${quantity}, ${quantity}, 0, ${consumed}, null, ${period}, 3, ${NOW}, null, null, 'secret', ${key}, null)`;
}

let postgres: TestPostgres;

beforeAll(async () => {
  postgres = await startPostgres();
  return () => postgres.stop();
});

/** Opens an embedded store that an old release wrote, and one between it and now has migrated. */
function openSqlite(version: number): Promise<Ledger> {
  const path = join(tempFolder(), 'store.db');
  const database = new Database(path);
  const [first = '', ...later] = SQLITE_MIGRATIONS.slice(0, version);
  for (const sql of [first, ...WRITTEN(`x'${SECRET}'`), ...later]) database.exec(sql);
  database.exec(`pragma user_version = ${version}`);
  database.close();
  return openSqliteLedger(path, () => NOW);
}

async function openPostgres(version: number): Promise<Ledger> {
  const url = await postgres.newStore();
  await administer(url, async (client) => {
    await client.query(
      'create table migration (version integer primary key, applied_at timestamptz not null default now())',
    );
    const [first = '', ...later] = POSTGRES_MIGRATIONS.slice(0, version);
    for (const sql of [first, ...WRITTEN(`'\\x${SECRET}'`), ...later]) await client.query(sql);
    await client.query('insert into migration select generate_series(1, $1)', [version]);
  });
  return openPostgresLedger({ url }, () => NOW);
}

describe.each([
  ['an embedded store', openSqlite, SQLITE_MIGRATIONS.length],
  ['a store on PostgreSQL', openPostgres, POSTGRES_MIGRATIONS.length],
])('%s', (_, open, current) => {
  const versions = Array.from({ length: current - 1 }, (_, index) => index + 1);

  it.each(versions)('of schema version %i has all that it had, and goes on from there', async (version) => {
    const ledger = await open(version);
    onTestFinished(() => ledger.close());
    expect(await ledger.isReady()).toBe(true);
    expect(await ledger.verify(NOW, () => undefined)).toMatchObject({
      events: 2,
      counters: 1,
      differencesTotal: 0,
    });

    expect(await ledger.findSecretKey('hash_1')).toEqual({ id: 'key_1', tenantId: TENANT, mode: 'live' });
    const [key] = await ledger.signingKeys({ kid: 'fresh', secret: new Uint8Array(32).fill(1) }, NOW);
    expect([key?.kid, key?.secret.byteLength]).toEqual(['kid_1', 32]);

    const tenant = ledger.tenant(TENANT);
    expect((await tenant.catalog()).document).toEqual(PRICING);
    const account = await tenant.account('user_1', NOW);
    expect(account.customer).toMatchObject({
      id: 'cus_1',
      email: 'a@example.com',
      implicit: true,
      deletedAt: null,
    });
    expect(account.customer?.subscription).toMatchObject({ id: 'sub_1', trialProductId: 'trial' });
    expect([...account.dismissals.keys()]).toEqual(['nudge_1']);

    const verdicts = await tenant.track([
      command('api_calls', 2, { idempotencyKey: 'k1' }),
      command('api_calls', 4, { idempotencyKey: 'k2' }),
    ]);
    expect(verdicts).toMatchObject([
      { outcome: 'duplicate', event: { id: 'evt_019c00000001', consumed: 2n, sequence: 1 } },
      { outcome: 'recorded', event: { consumed: 9n, sequence: 3 } },
    ]);
    expect(await ledger.verify(NOW, () => undefined)).toMatchObject({ events: 3, differencesTotal: 0 });
  });
});
