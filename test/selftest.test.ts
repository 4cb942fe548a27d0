import { join } from 'node:path';
import { beforeAll, describe, expect, test } from 'vitest';
import { openSqlite } from '../packages/server/src/ledger/sqlite/database.ts';
import { startPostgres, type TestPostgres } from '../packages/server/src/ledger/testing/postgres.ts';
import { pricedStore } from './support/priced-store.ts';
import { billingos, signalledAt, type Environment } from './support/program.ts';
import { useServers } from './support/servers.ts';

/** `billingos selftest` against running servers that are right; `proofs/broken-builds` has those that are not. */

interface Facts {
  readonly correct: boolean;
  readonly customers: readonly string[];
  readonly recorded: number;
  readonly refused: number;
  readonly invariants: readonly { readonly name: string; readonly violations_total: number }[];
}

const { data, serve } = useServers();
let postgres: TestPostgres;

beforeAll(async () => {
  postgres = await startPostgres();
  return () => postgres.stop();
});

/** A server with a tenant, and what names both to the selftest. */
async function pricedServer(store: Environment = { BILLINGOS_DATA: data.path }) {
  const { secretKey } = await pricedStore(store);
  const { url } = await serve([], { ...store, BILLINGOS_RATE_LIMIT: '0' });
  return { url, secretKey, api: { BILLINGOS_API_URL: url, BILLINGOS_SECRET_KEY: secretKey } };
}

async function statusOf(url: string, secretKey: string, customer: string): Promise<number> {
  const headers = { Authorization: `Bearer ${secretKey}` };
  return (await fetch(`${url}/customers/external/${customer}`, { headers })).status;
}

/** Of the customers that an embedded store has, past its ledger. */
function externalIds(folder: string): unknown[] {
  const sqlite = openSqlite(join(folder, 'billingos.db'));
  const rows = sqlite.all('select external_id from customer where deleted_at is null');
  sqlite.close();
  return rows.map((row) => row['external_id']);
}

describe('billingos selftest', () => {
  test.each([
    ['api_calls', 'the embedded store'],
    ['seats', 'PostgreSQL'],
  ] as const)('finds nothing wrong with %s on %s, and leaves no customer', async (feature, kind) => {
    const { url, secretKey, api } = await pricedServer(
      kind === 'PostgreSQL' ? { DATABASE_URL: await postgres.newStore() } : undefined,
    );
    const { code, stdout } = await billingos(
      ['selftest', '--feature', feature, '--seconds', '1', '--json'],
      api,
    );
    const facts = JSON.parse(stdout) as Facts;
    expect([code, wrongIn(facts)], stdout).toEqual([0, []]);
    expect(facts).toMatchObject({ correct: true, api_url: url, feature, unknown: 0 });
    expect(facts.recorded).toBeGreaterThan(0);
    expect(facts.refused).toBeGreaterThan(0);
    const statuses = await Promise.all(facts.customers.map((customer) => statusOf(url, secretKey, customer)));
    expect(statuses).toEqual([404, 404, 404]);
  });

  test('takes the API and the key from the command line, and prints its verdict', async () => {
    const { url, secretKey } = await pricedServer();
    const args = ['selftest', '--feature', 'seats', '--seconds', '1', '--url', url, '--key', secretKey];
    const { code, stdout } = await billingos(args);
    expect([code, stdout]).toEqual([0, expect.stringMatching(/^Correct: \d+ events sent/)]);
    expect(stdout).toMatch(/✓ {2}the limit is never passed +3 checked\n/);
  });

  test('deletes its customers and gives no verdict when it is interrupted', async () => {
    const { api } = await pricedServer();
    const { code, stdout, stderr } = await signalledAt(
      /s left/,
      'SIGINT',
      ['selftest', '--feature', 'seats', '--seconds', '60'],
      api,
    );
    expect([code, stdout]).toEqual([1, '']);
    expect(stderr).toContain('Stopped before its time: there is no verdict.');
    expect(stderr).not.toContain('did not delete');
    expect(externalIds(data.path)).toEqual([]);
  });

  const TEST_KEY = 'sk_test_0123456789abcdef';
  test.each([
    [['--seconds', '0'], { BILLINGOS_SECRET_KEY: TEST_KEY }, 2, '--seconds is "0"'],
    [['--clients', 'many'], { BILLINGOS_SECRET_KEY: TEST_KEY }, 2, '--clients is "many"'],
    [[], {}, 2, 'BILLINGOS_SECRET_KEY is not set'],
    [['--key', 'secret'], {}, 2, '--key is not set to a secret key'],
    [['--key', 'sk_live_0123456789abcdef'], {}, 2, 'give it a key of test mode'],
    [['--url', 'localhost'], { BILLINGOS_SECRET_KEY: TEST_KEY }, 2, '--url is "localhost"'],
    [[], { BILLINGOS_SECRET_KEY: TEST_KEY }, 1, 'No API answers at http://127.0.0.1:2'],
  ])('with %j and %j ends with %i and says why', async (args, env, code, message) => {
    const named = { BILLINGOS_API_URL: 'http://127.0.0.1:2', ...env };
    const ended = await billingos(['selftest', '--feature', 'seats', ...args], named);
    expect(ended).toMatchObject({ code, stdout: '' });
    expect(ended.stderr).toContain(message);
  });

  test.each([
    ['mails', 'New customers have no metered feature "mails"'],
    ['bulk_calls', 'bulk_calls has no limit of at least 1'],
  ])('of %s names the features that it could try instead', async (feature, message) => {
    const { api } = await pricedServer();
    const { code, stderr } = await billingos(['selftest', '--feature', feature], api);
    expect([code, stderr]).toEqual([1, expect.stringContaining(message)]);
    expect(stderr).toContain('these have one: api_calls, seats');
  });
});

function wrongIn({ invariants }: Facts): string[] {
  return invariants.filter(({ violations_total }) => violations_total > 0).map(({ name }) => name);
}
