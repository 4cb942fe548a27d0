import { afterEach, describe, expect, test } from 'vitest';
import { brokenBuild, type Break } from '../support/broken-build.ts';
import { pricedStore } from '../support/priced-store.ts';
import { billingos, startServe, type Environment } from '../support/program.ts';
import { addressOf, startWire } from '../support/wire.ts';
import { report, scale } from './support/scale.ts';
import { usePostgres } from './support/stores.ts';

/** `billingos selftest` against builds that are wrong on purpose, two processes of each on one PostgreSQL. */

const RUNS = scale(1, 5);
const SECONDS = 2;
/** Where others use the machine too, few events meet in so short a time: then it is tried again. */
const TRIES_MAX = 10;
const TIMEOUT_MS = scale(120_000, 300_000);

interface Facts {
  readonly correct: boolean;
  readonly events_sent: number;
  readonly invariants: readonly { readonly name: string; readonly violations_total: number }[];
}

const postgres = usePostgres();

const TRACK = 'ledger/postgres/track.js';

const WRONG: [name: string, caughtBy: string, breaks: Break[]][] = [
  [
    'checks the limit before it has the lock',
    'sequences',
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

  test.each(WRONG)(
    'because it %s is caught, each time',
    async (name, caughtBy, breaks) => {
      const build = brokenBuild(breaks);
      ends.push(build.remove);
      const env = { DATABASE_URL: await postgres.newStore(), BILLINGOS_RATE_LIMIT: '0' };
      const { secretKey } = await pricedStore(env);
      const servers = await Promise.all([startServe([], env, build.cli), startServe([], env, build.cli)]);
      ends.push(async () => {
        for (const server of servers) server.signal('SIGKILL');
        await Promise.all(servers.map(({ ended }) => ended));
      });
      let turn = 0;
      const wire = await startWire(() => addressOf(servers[(turn += 1) % 2]?.url ?? ''));
      ends.push(() => wire.stop());
      const api = {
        BILLINGOS_API_URL: `http://127.0.0.1:${wire.port}`,
        BILLINGOS_SECRET_KEY: secretKey,
      };
      for (let run = 0; run < RUNS; run += 1) {
        const { tries, events, wrong } = await untilCaught(api);
        expect(wrong).toContain(caughtBy);
        report(`${tries * SECONDS} s and ${events} events show that a server ${name}: ${wrong.join(', ')}`);
      }
    },
    TIMEOUT_MS,
  );
});

/** Puts the selftest to a server until it finds something wrong. */
async function untilCaught(api: Environment) {
  const args = ['selftest', '--feature', 'api_calls', '--seconds', String(SECONDS), '--json'];
  let events = 0;
  for (let tries = 1; ; tries += 1) {
    const { code, stdout } = await billingos(args, api);
    const facts = JSON.parse(stdout) as Facts;
    events += facts.events_sent;
    if (facts.correct && tries < TRIES_MAX) continue;
    expect([code, facts.correct]).toEqual([1, false]);
    return { tries, events, wrong: wrongIn(facts) };
  }
}

function wrongIn({ invariants }: Facts): string[] {
  return invariants.filter(({ violations_total }) => violations_total > 0).map(({ name }) => name);
}
