import { afterEach, beforeAll, describe, expect, test } from 'vitest';
import { startPostgres, type TestPostgres } from '../packages/server/src/ledger/testing/postgres.ts';
import { startBalancer } from './support/balancer.ts';
import { brokenBuild, type Break } from './support/broken-build.ts';
import { pricedStore } from './support/priced-store.ts';
import { billingos, signalledAt, startServe, type Environment } from './support/program.ts';
import { useServers } from './support/servers.ts';

/** `billingos selftest` against running servers: right ones, and builds that are wrong on purpose. */

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
    expect(await externalIds(data.path)).toEqual([]);
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

const TRACK = 'ledger/postgres/track.js';

const WRONG: [name: string, caughtBy: string, breaks: Break[]][] = [
  [
    'checks the limit before it has the lock',
    'limit',
    [{ file: TRACK, find: 'limit 1 for update', replace: 'limit 1' }],
  ],
  [
    'keeps the key of an event in a transaction of its own',
    'once',
    [
      {
        file: TRACK,
        find: 'where idempotency_key is not null\n    order by',
        replace: 'where false\n    order by',
      },
      { file: TRACK, find: "number(row, 'kept') === keyed", replace: 'keyed >= 0' },
      {
        file: TRACK,
        find: "if ('verdicts' in outcome)\n            return outcome.verdicts;",
        replace: `if ('verdicts' in outcome) {
            const text = \`insert into idempotency (tenant_id, customer_id, origin, key, event_id, recorded_at)
              select tenant_id, customer_id, origin, idempotency_key, id, recorded_at from event
              where tenant_id = $1 and id = any($2) on conflict do nothing\`;
            const ids = outcome.verdicts.flatMap(({ event }) => (event ? [event.id] : []));
            await database.transaction((own) => own.query({ name: 'late_keys', text }, tenantId, ids));
            return outcome.verdicts;
        }`,
      },
    ],
  ],
  [
    'numbers events by the clock',
    'sequences',
    [{ file: 'metering/decide.js', find: 'counter.sequence + 1', replace: 'Date.now()' }],
  ],
];

describe('a server that is wrong', () => {
  const ends: (() => void | Promise<void>)[] = [];
  afterEach(async () => {
    for (const end of ends.splice(0).reverse()) await end();
  });

  test.each(WRONG)('because it %s is caught, each time', async (_, caughtBy, breaks) => {
    const build = brokenBuild(breaks);
    ends.push(build.remove);
    const env = { DATABASE_URL: await postgres.newStore(), BILLINGOS_RATE_LIMIT: '0' };
    const { secretKey } = await pricedStore(env);
    const servers = await Promise.all([startServe([], env, build.cli), startServe([], env, build.cli)]);
    ends.push(async () => {
      for (const server of servers) server.signal('SIGKILL');
      await Promise.all(servers.map(({ ended }) => ended));
    });
    const balancer = await startBalancer(servers.map(({ url }) => url));
    ends.push(() => balancer.stop());
    const api = { BILLINGOS_API_URL: balancer.url, BILLINGOS_SECRET_KEY: secretKey };
    for (let run = 0; run < 3; run += 1) {
      const args = ['selftest', '--feature', 'api_calls', '--seconds', '2', '--json'];
      const { code, stdout } = await billingos(args, api);
      const facts = JSON.parse(stdout) as Facts;
      expect([code, facts.correct]).toEqual([1, false]);
      expect(wrongIn(facts)).toContain(caughtBy);
    }
  });
});

function wrongIn({ invariants }: Facts): string[] {
  return invariants.filter(({ violations_total }) => violations_total > 0).map(({ name }) => name);
}
