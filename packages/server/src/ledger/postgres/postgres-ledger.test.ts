import fc from 'fast-check';
import { beforeAll, describe, expect, it, onTestFinished, vi } from 'vitest';
import type { TrackCommand, Verdict } from '../../metering/decide.ts';
import { MemoryLedger } from '../../metering/testing/memory-ledger.ts';
import { command, DAY_MS, NOW, PRICING } from '../../metering/testing/pricing.ts';
import { rowsOf } from '../account.ts';
import { LedgerUnavailableError, type Change, type Ledger, type TenantLedger } from '../ledger.ts';
import { ledgerContract, recorded, tally, word } from '../testing/contract.ts';
import { administer, auditPostgres, startPostgres, type TestPostgres } from '../testing/postgres.ts';
import { catalogCache } from './catalogs.ts';
import { knownStandings } from './known-standings.ts';
import { CONNECTIONS_MAX, openDatabase, type Database, type Statement } from './database.ts';
import { openChangeFeed } from './notifications.ts';
import { openPostgresLedger } from './postgres-ledger.ts';
import { clearEvents, createCustomer, ensureCustomer } from './profiles.ts';
import { track } from './track.ts';

let postgres: TestPostgres;

beforeAll(async () => {
  postgres = await startPostgres();
  return () => postgres.stop();
});

async function open(url: string, clock: () => number = () => NOW): Promise<Ledger> {
  const ledger = await openPostgresLedger({ url }, clock);
  onTestFinished(() => ledger.close());
  return ledger;
}

ledgerContract('the PostgreSQL ledger', async (clock) => {
  const url = await postgres.newStore();
  const ledger = await open(url, clock);
  return {
    ledger,
    async reopen() {
      await ledger.close();
      return open(url, clock);
    },
    audit: () => auditPostgres(url),
    tamper: (sql) => postgres.run(url, sql),
  };
});

interface Pair {
  readonly url: string;
  readonly ledgers: readonly [Ledger, Ledger];
  readonly tenantId: string;
  readonly a: TenantLedger;
  readonly b: TenantLedger;
}

/** Two ledgers on one store with a priced tenant, as two processes would have them. */
async function openPair(clock?: () => number): Promise<Pair> {
  const url = await postgres.newStore();
  const ledgers = [await open(url, clock), await open(url, clock)] as const;
  const tenantId = await ledgers[0].ensureTenant('Acme', 'test', NOW);
  const [a, b] = [ledgers[0].tenant(tenantId), ledgers[1].tenant(tenantId)];
  // Until both know the catalog, what changes next is told as part of that.
  const priced = heard(ledgers[1], ({ kind }) => kind === 'catalog');
  await a.putCatalog(PRICING, NOW);
  await priced;
  return { url, ledgers, tenantId, a, b };
}

/** Every command by itself and all at once, through both in turn. */
async function race({ a, b }: Pair, commands: readonly TrackCommand[]): Promise<Verdict[]> {
  const verdicts = await Promise.all(commands.map((one, index) => (index % 2 === 0 ? a : b).track([one])));
  return verdicts.flat();
}

describe('two processes', () => {
  it('let exactly 100 of 400 parallel events through a limit, numbered 1 to 100', async () => {
    const pair = await openPair();
    const verdicts = await race(
      pair,
      Array.from({ length: 400 }, () => command('api_calls', 1)),
    );
    expect(tally(verdicts)).toEqual({ recorded: 100, quota_exceeded: 300 });
    const sequences = recorded(verdicts).map(({ sequence }) => sequence);
    expect(sequences.sort((one, other) => one - other)).toEqual(Array.from({ length: 100 }, (_, n) => n + 1));
    expect((await auditPostgres(pair.url)).faults).toEqual([]);
  });

  it('count each key once when both are given the same ones at the same moment', async () => {
    const pair = await openPair();
    const keys = Array.from({ length: 200 }, (_, index) => `k${Math.floor(index / 4)}`);
    const commands = keys.map((idempotencyKey) => command('api_calls', 1, { idempotencyKey }));
    const verdicts = await race(pair, commands);
    expect(tally(verdicts)).toEqual({ recorded: 50, duplicate: 150 });
    const ids = new Map(recorded(verdicts).map((event) => [event.idempotencyKey, event.id]));
    for (const verdict of verdicts) {
      if (verdict.outcome === 'refused') continue;
      expect(verdict.event.id).toBe(ids.get(verdict.event.idempotencyKey));
    }
    expect(await auditPostgres(pair.url)).toMatchObject({ eventIds: [...ids.values()].sort(), faults: [] });
  });

  it('give keys that are aimed at two features at the same moment to one of them', async () => {
    const pair = await openPair();
    const commands = Array.from({ length: 60 }, (_, index) => {
      const key = Math.floor(index / 2);
      return command(index % 2 === 0 ? 'api_calls' : 'emails', 1, {
        idempotencyKey: `k${key}`,
        externalId: `user_${key % 7}`,
      });
    });
    const verdicts = await race(pair, commands);
    expect(tally(verdicts)).toEqual({ recorded: 30, idempotency_key_reused: 30 });
    expect((await auditPostgres(pair.url)).faults).toEqual([]);
  });

  it('make a customer once that both see first', async () => {
    const pair = await openPair();
    const commands = Array.from({ length: 200 }, (_, index) =>
      command('api_calls', 1, { externalId: `user_${index % 50}` }),
    );
    expect(tally(await race(pair, commands))).toEqual({ recorded: 200 });
    const customers = await administer(pair.url, (client) => client.query('select id from customer'));
    const subscriptions = await administer(pair.url, (client) => client.query('select id from subscription'));
    expect([customers.rowCount, subscriptions.rowCount]).toEqual([50, 50]);
  });

  it('charge the same counters in opposite order without holding each other up', async () => {
    const pair = await openPair();
    const features = ['api_calls', 'emails', 'events', 'seats'];
    const forth = features.map((feature) => command(feature, feature === 'seats' ? 0 : 1));
    const back = [...forth].reverse();
    const verdicts = await Promise.all(
      Array.from({ length: 40 }, (_, index) => (index % 2 === 0 ? pair.a.track(forth) : pair.b.track(back))),
    );
    expect(tally(verdicts.flat())).toEqual({ recorded: 160 });
    expect((await auditPostgres(pair.url)).faults).toEqual([]);
  });

  it('decide as one ledger in memory does, whichever of them is asked', async () => {
    const clock = { now: NOW };
    const { ledgers, a } = await openPair(() => clock.now);
    const { catalog } = await a.catalog();
    let run = 0;
    await fc.assert(
      fc.asyncProperty(fc.array(batches, { minLength: 1, maxLength: 6 }), async (steps) => {
        run += 1;
        clock.now = NOW;
        const tenantId = await ledgers[0].ensureTenant(`Model ${run}`, 'test', NOW);
        const tenants = ledgers.map((ledger) => ledger.tenant(tenantId));
        await tenants[0]!.putCatalog(PRICING, NOW);
        const customer = await tenants[0]!.ensureCustomer('user_1', {}, NOW);
        const model = new MemoryLedger();
        for (const { commands, through, daysLater } of steps) {
          clock.now += daysLater * DAY_MS;
          const verdicts = await tenants[through]!.track(commands);
          const expected = model.track(commands, { customer, catalog, now: clock.now });
          expect(verdicts.map(withoutId)).toEqual(expected.map(withoutId));
        }
      }),
      { numRuns: 30 },
    );
  });

  describe('of which one knows a customer', () => {
    /** A pair whose first has tracked and checked, and so remembers who is on which plan. */
    async function openKnowing(): Promise<Pair> {
      const pair = await openPair();
      await pair.a.track([command('api_calls', 1)]);
      await pair.a.account('user_1', NOW, 'api_calls');
      return pair;
    }
    const limitIn = async (tenant: TenantLedger): Promise<bigint | null | undefined> =>
      rowsOf(await tenant.account('user_1', NOW), NOW, 'api_calls')[0]?.entitlement.limit;

    it('find a plan that the other has just changed', async () => {
      const { a, b } = await openKnowing();
      const customer = await b.customerByExternalId('user_1');
      await b.subscribe(customer!.id, 'price_pro', {}, NOW);
      expect(await limitIn(a)).toBe(10_000n);
      expect((await a.track([command('api_calls', 500)])).map(word)).toEqual(['recorded']);
    });

    it('find a catalog that the other has just replaced', async () => {
      const { a, b } = await openKnowing();
      const [free, ...others] = structuredClone(PRICING.products);
      const features = free!.features.map((one) => ({ ...one, limit: 7 }));
      await b.putCatalog({ ...PRICING, products: [{ ...free!, features }, ...others] }, NOW);
      expect(await limitIn(a)).toBe(7n);
      expect((await a.track([command('api_calls', 7)])).map(word)).toEqual(['quota_exceeded']);
    });

    it('find that the other has just deleted them, and created them anew', async () => {
      const { a, b } = await openKnowing();
      const customer = await b.customerByExternalId('user_1');
      await b.deleteCustomer(customer!.id, NOW);
      expect(await a.account('user_1', NOW)).toMatchObject({ customer: null, deleted: true });
      expect((await a.track([command('api_calls', 1)])).map(word)).toEqual(['customer_not_found']);
      await b.createCustomer('user_1', {}, NOW);
      const [event] = recorded(await a.track([command('api_calls', 1)]));
      expect(event).toMatchObject({ sequence: 1 });
    });
  });

  it('sign with one key when they start at once', async () => {
    const { ledgers } = await openPair();
    const rings = await Promise.all(
      ledgers.map((ledger, index) =>
        ledger.signingKeys({ kid: `key_${index}`, secret: new Uint8Array(32) }, NOW),
      ),
    );
    expect(rings[0]).toEqual(rings[1]);
    expect(rings[0]).toHaveLength(1);
  });
});

const batches = fc.record({
  commands: fc.array(
    fc
      .record({
        feature: fc.constantFrom('api_calls', 'emails', 'seats', 'storage_gb', 'exports', 'sso', 'nothing'),
        quantity: fc.oneof(fc.integer({ min: -60, max: 60 }), fc.constantFrom('0.5', '1e-13', '1e30')),
        action: fc.constantFrom('add' as const, 'add' as const, 'set' as const),
        origin: fc.constantFrom('secret' as const, 'session' as const),
        idempotencyKey: fc.option(fc.constantFrom('k1', 'k2', 'k3')),
        timestamp: fc.option(fc.integer({ min: NOW - DAY_MS, max: NOW + 40 * DAY_MS }), { freq: 4 }),
      })
      .map(({ feature, quantity, ...changes }) => command(feature, quantity, changes)),
    { minLength: 1, maxLength: 8 },
  ),
  through: fc.constantFrom(0, 1),
  daysLater: fc.constantFrom(0, 0, 1, 20),
});

function withoutId(verdict: Verdict): unknown {
  return verdict.outcome === 'refused' ? verdict : { ...verdict, event: { ...verdict.event, id: '' } };
}

/** The database, with `before` run ahead of each statement of a name, told how often it has been. */
function interrupted(
  database: Database,
  name: string,
  before: (times: number) => Promise<unknown>,
): Database {
  let times = 0;
  return {
    ...database,
    transaction: (work) =>
      database.transaction((transaction) => {
        let last: Promise<unknown> = Promise.resolve();
        /** In order: what is sent ahead stays behind what is held up. */
        const inTurn =
          <T>(ask: (statement: Statement, ...values: unknown[]) => Promise<T>) =>
          (statement: Statement, ...values: unknown[]): Promise<T> => {
            const asked = last.then(async () => {
              if (statement.name === name) await before((times += 1));
              return ask(statement, ...values);
            });
            last = asked.catch(() => undefined);
            return asked;
          };
        return work({
          ...transaction,
          query: inTurn((...asked) => transaction.query(...asked)),
          queryAhead: inTurn((...asked) => transaction.queryAhead(...asked)),
          commitWith: inTurn((...asked) => transaction.commitWith(...asked)),
        });
      }),
  };
}

describe('a batch', () => {
  async function openInterrupted(name: string, before: (pair: Pair, times: number) => Promise<unknown>) {
    const pair = await openPair();
    await pair.a.ensureCustomer('user_1', {}, NOW);
    const database = openDatabase(pair.url);
    onTestFinished(() => database.close());
    const hindered = interrupted(database, name, (times) => before(pair, times));
    return {
      pair,
      track: (commands: readonly TrackCommand[]) =>
        track(hindered, catalogCache(), knownStandings(), pair.tenantId, commands, () => NOW),
    };
  }

  it('is decided by the plan that came into force while it waited for its counters', async () => {
    const { pair, track } = await openInterrupted('counters_lock', async ({ b }, times) => {
      if (times > 1) return;
      const customer = await b.customerByExternalId('user_1');
      await b.subscribe(customer!.id, 'price_pro', {}, NOW);
    });
    await pair.a.track([command('api_calls', 1)]);
    const verdicts = await track([command('api_calls', 500), command('exports', 1)]);
    expect(verdicts.map(word)).toEqual(['recorded', 'recorded']);
  });

  it('is decided by the catalog that came into force while it waited for its counters', async () => {
    const { pair, track } = await openInterrupted('counters_lock', async ({ b }, times) => {
      if (times > 1) return;
      const [free, ...others] = structuredClone(PRICING.products);
      const unlimited = free!.features.map((one) => ({ ...one, limit: null }));
      await b.putCatalog({ ...PRICING, products: [{ ...free!, features: unlimited }, ...others] }, NOW);
    });
    await pair.a.track([command('api_calls', 1)]);
    const [event] = recorded(await track([command('api_calls', 500)]));
    expect(event).toMatchObject({ limit: null, revision: 4 });
  });

  it('that waits for its counters holds up no other tenant', async () => {
    const { url, ledgers, a } = await openPair();
    await a.track([command('api_calls', 1)]);
    const other = ledgers[0].tenant(await ledgers[0].ensureTenant('Other', 'test', NOW));
    await other.putCatalog(PRICING, NOW);
    const held = await administer(url, async (client) => {
      await client.query('begin; select 1 from counter for update');
      const waiting = a.track([command('api_calls', 1)]);
      expect((await other.track([command('api_calls', 1)])).map(word)).toEqual(['recorded']);
      return { waiting };
    });
    expect((await held.waiting).map(word)).toEqual(['recorded']);
  });

  it('that plans have changed under again and again keeps them from changing', async () => {
    const outcomes: string[] = [];
    const { pair, track } = await openInterrupted('verify', async ({ url }) => {
      const changing = administer(url, (client) =>
        client.query('set lock_timeout = 50; update customer set revision = revision + 2'),
      );
      const outcome = await changing.then(() => 'changed').catch(String);
      outcomes.push(outcome);
    });
    await pair.a.track([command('api_calls', 1)]);
    const [event] = recorded(await track([command('api_calls', 1)]));
    expect(event).toMatchObject({ sequence: 2, revision: 2 + 4 });
    expect(outcomes).toEqual(['changed', 'changed', expect.stringContaining('lock timeout')]);
  });

  it('finds a key that another process has used for another counter in the meantime', async () => {
    const key = { idempotencyKey: 'k' };
    const { pair, track } = await openInterrupted('write', async ({ b }, times) => {
      if (times === 1) await b.track([command('seats', 1, key)]);
    });
    const verdicts = await track([command('api_calls', 1), command('api_calls', 1, key)]);
    expect(verdicts.map(word)).toEqual(['recorded', 'idempotency_key_reused']);
    expect((await auditPostgres(pair.url)).faults).toEqual([]);
  });

  it('that finds a correction’s key used in the meantime says nothing of it in the audit trail', async () => {
    const corrected = (feature: string, changes = {}) => ({
      ...command(feature, 1, changes),
      author: { keyId: 'key_1', requestId: 'req_1' },
    });
    const key = { idempotencyKey: 'k' };
    const { pair, track } = await openInterrupted('write', async ({ b }, times) => {
      if (times === 1) await b.track([command('seats', 1, key)]);
    });
    const verdicts = await track([corrected('api_calls'), corrected('api_calls', key)]);
    const [event] = recorded(verdicts.slice(0, 1));
    const trail = await pair.ledgers[0].auditTrail('');
    expect(trail.filter(({ action }) => action === 'usage.corrected').map(({ subject }) => subject)).toEqual([
      event!.id,
    ]);
  });

  it('is repeated after a deadlock that somebody else has caused', async () => {
    const { url, a } = await openPair();
    await a.track([command('api_calls', 1)]);
    const [one, other] = [openDatabase(url), openDatabase(url)];
    onTestFinished(() => Promise.all([one.close(), other.close()]).then(() => undefined));
    const lock = (table: string) => ({ name: '', text: `select 1 from ${table} for update` });
    let arrived = 0;
    let go: () => void = () => undefined;
    const bothArrived = new Promise<void>((resolve) => (go = resolve));
    const inOrder = (database: Database, tables: readonly string[]) =>
      database.transaction(async (transaction) => {
        await transaction.query(lock(tables[0]!));
        arrived += 1;
        if (arrived === 2) go();
        await bothArrived;
        await transaction.query(lock(tables[1]!));
        return 'done';
      });
    const outcomes = [inOrder(one, ['counter', 'event']), inOrder(other, ['event', 'counter'])];
    expect(await Promise.all(outcomes)).toEqual(['done', 'done']);
  });

  it('whose commit fails has an unknown outcome', async () => {
    const { url, a } = await openPair();
    await a.ensureCustomer('user_1', {}, NOW);
    await administer(url, (client) =>
      client.query(
        `create table nothing (id text primary key);
        alter table event add foreign key (feature) references nothing deferrable initially deferred`,
      ),
    );
    await expect(a.track([command('api_calls', 1)])).rejects.toBeInstanceOf(LedgerUnavailableError);
    expect((await auditPostgres(url)).eventIds).toEqual([]);
  });
});

describe('a customer', () => {
  it('who is deleted in another process while they are created can be deleted again', async () => {
    const { url, tenantId, b } = await openPair();
    const known = await b.ensureCustomer('user_1', {}, NOW);
    const database = openDatabase(url);
    onTestFinished(() => database.close());
    const hindered = interrupted(database, 'customers_insert', () => b.deleteCustomer(known!.id, NOW));
    const { kind, customer } = await createCustomer(hindered, catalogCache(), tenantId, 'user_1', {}, NOW);
    expect(kind).toBe('created');
    expect(await b.deleteCustomer(customer.id, NOW)).toBe(true);
  });

  it('who is deleted in another process once they were found to be there is created all the same', async () => {
    const { url, tenantId, b } = await openPair();
    const known = await b.ensureCustomer('user_1', {}, NOW);
    const database = openDatabase(url);
    onTestFinished(() => database.close());
    const hindered = interrupted(database, 'customer_lock', () => b.deleteCustomer(known!.id, NOW));
    const { kind, customer } = await createCustomer(hindered, catalogCache(), tenantId, 'user_1', {}, NOW);
    expect(kind).toBe('created');
    expect(customer.id).not.toBe(known?.id);
  });

  it('who is deleted in another process while they are first seen is not made again', async () => {
    const { url, tenantId, b } = await openPair();
    const database = openDatabase(url);
    onTestFinished(() => database.close());
    const hindered = interrupted(database, 'customers_insert', async (times) => {
      if (times > 1) return;
      const seen = await b.ensureCustomer('user_1', {}, NOW);
      await b.deleteCustomer(seen!.id, NOW);
    });
    expect(await ensureCustomer(hindered, catalogCache(), tenantId, 'user_1', {}, NOW)).toBeNull();
  });
});

describe('a deletion', () => {
  const said = (externalId: string) => command('seats', 1, { externalId, metadata: '{"who":"Ada"}' });

  it('clears what was said in events step by step, and others are recorded in between', async () => {
    const { url, tenantId, a } = await openPair();
    await a.track(Array.from({ length: 5 }, () => said('user_1')));
    const customer = await a.customerByExternalId('user_1');
    const database = openDatabase(url);
    onTestFinished(() => database.close());
    const left: number[] = [];
    const watched = interrupted(database, 'events_clear', async () => {
      expect((await a.track([command('seats', 1, { externalId: 'user_2' })])).map(word)).toEqual([
        'recorded',
      ]);
      left.push((await auditPostgres(url)).metadata.length);
    });
    await clearEvents(watched, tenantId, customer!.id, 2);
    expect([...left, (await auditPostgres(url)).metadata.length]).toEqual([5, 3, 1, 0]);
  });

  it.each([
    ['is there', 'seats'],
    ['is made', 'api_calls'],
  ])('leaves nothing of an event on its way in another process, whose counter %s', async (_, feature) => {
    const { url, tenantId, a, b } = await openPair();
    await a.track([said('user_1')]);
    const customer = await a.customerByExternalId('user_1');
    const database = openDatabase(url);
    onTestFinished(() => database.close());
    let deleting: Promise<boolean> | undefined;
    const hindered = interrupted(database, 'write', async () => {
      deleting ??= b.deleteCustomer(customer!.id, NOW);
      await Promise.race([deleting, waits(url)]);
    });
    await track(
      hindered,
      catalogCache(),
      knownStandings(),
      tenantId,
      [{ ...said('user_1'), feature }],
      () => NOW,
    );
    expect(await deleting).toBe(true);
    const { eventIds, metadata } = await auditPostgres(url);
    expect([eventIds.length, metadata]).toEqual([2, []]);
  });

  /** Until somebody waits for another's lock. */
  const waits = (url: string) =>
    vi.waitFor(async () => {
      const { rows } = await administer(url, (client) =>
        client.query('select from pg_locks where not granted'),
      );
      expect(rows.length).toBeGreaterThan(0);
    }, 10_000);
});

/** A database without a schema. */
async function openEmpty(): Promise<Database> {
  const database = openDatabase(await postgres.newStore());
  onTestFinished(() => database.close());
  return database;
}

describe('statements sent ahead', () => {
  const select = (what: string) => ({ name: '', text: `select ${what} as found` });

  it('are answered each with its own, in order', async () => {
    const database = await openEmpty();
    const rows = await database.transaction((transaction) =>
      Promise.all([1, 2, 3].map((n) => transaction.queryAhead(select(`${n}`)))),
    );
    expect(rows).toEqual([[{ found: 1n }], [{ found: 2n }], [{ found: 3n }]]);
  });

  it('fail their transaction with the first that fails, and leave the connection to the next', async () => {
    const database = await openEmpty();
    const failing = database.transaction((transaction) =>
      Promise.all([transaction.queryAhead(select('1 / 0')), transaction.queryAhead(select('1'))]),
    );
    await expect(failing).rejects.toThrow('division by zero');
    expect(await database.query(select('2'))).toEqual([{ found: 2n }]);
  });
});

describe('a statement that the commit is sent with', () => {
  const TABLE = { name: '', text: 'create table kept (n integer)' };
  const insert = (value: string) => ({ name: '', text: `insert into kept select ${value}` });
  const KEPT = { name: '', text: 'select n from kept order by n' };

  async function openStore(): Promise<Database> {
    const database = await openEmpty();
    await database.query(TABLE);
    return database;
  }

  it('is committed, and what came before it', async () => {
    const database = await openStore();
    await database.transaction(async (transaction) => {
      await transaction.query(insert('1'));
      await transaction.commitWith(insert('2'));
    });
    expect(await database.query(KEPT)).toEqual([{ n: 1n }, { n: 2n }]);
  });

  it('leaves nothing of its transaction when it fails, says why, and leaves the connection to the next', async () => {
    const database = await openStore();
    const failing = database.transaction(async (transaction) => {
      await transaction.query(insert('1'));
      await transaction.commitWith(insert('1 / 0'));
    });
    await expect(failing).rejects.toThrow('division by zero');
    expect(await database.query(KEPT)).toEqual([]);
  });

  it('is run again, with all of its transaction, when another one is to blame that it was undone', async () => {
    const database = await openStore();
    let times = 0;
    await database.transaction(async (transaction) => {
      times += 1;
      await transaction.query(insert(`${times}`));
      const undone = {
        name: '',
        text: "do $$ begin raise exception 'undone' using errcode = '40P01'; end $$",
      };
      await transaction.commitWith(times === 1 ? undone : insert('3'));
    });
    expect(await database.query(KEPT)).toEqual([{ n: 2n }, { n: 3n }]);
  });

  it('has an unknown outcome when the connection breaks', async () => {
    const database = await openStore();
    const breaking = database.transaction((transaction) =>
      transaction.commitWith({ name: '', text: 'select pg_terminate_backend(pg_backend_pid())' }),
    );
    await expect(breaking).rejects.toBeInstanceOf(LedgerUnavailableError);
    expect(await database.query(KEPT)).toEqual([]);
  });
});

describe('connections that are cut', () => {
  it('lose no event that was acknowledged and count none twice', async () => {
    const pair = await openPair();
    const commands = Array.from({ length: 300 }, (_, index) =>
      command('events', 1, { idempotencyKey: `k${index}`, externalId: `user_${index % 5}` }),
    );
    const send = async (one: TrackCommand, index: number) => {
      const [verdict] = await (index % 2 === 0 ? pair.a : pair.b).track([one]);
      if (index === 0) await postgres.cutConnections();
      return verdict;
    };
    for (const outcome of await Promise.allSettled(commands.map(send))) {
      if (outcome.status === 'rejected') expect(outcome.reason).toBeInstanceOf(LedgerUnavailableError);
    }
    // A connection may notice that it was cut only when it is used: then the outcome is unknown once more.
    const settled = commands.map((one, index) => untilKnown(index % 2 === 0 ? pair.a : pair.b, one));
    const again = (await Promise.all(settled)).flat();
    expect(again.filter(({ outcome }) => outcome === 'refused')).toEqual([]);
    const { eventIds, faults } = await auditPostgres(pair.url);
    expect(eventIds).toHaveLength(300);
    expect(faults).toEqual([]);
  });

  it('are made again, and who listens is told to read anew', async () => {
    const { ledgers, a, tenantId } = await openPair();
    const renewed = heard(ledgers[1], ({ kind }) => kind === 'catalog');
    await postgres.cutConnections();
    expect(await renewed).toEqual({ kind: 'catalog', tenantId });
    const told = heard(ledgers[1], ({ kind }) => kind === 'usage');
    await a.track([command('api_calls', 1)]);
    expect(await told).toMatchObject({ feature: 'api_calls' });
  });
});

describe('a change made through one process', () => {
  it('of usage, plan and catalog is heard through the other', async () => {
    const { ledgers, a, tenantId } = await openPair();
    const usage = heard(ledgers[1], ({ kind }) => kind === 'usage');
    await a.track([command('api_calls', 1)]);
    expect(await usage).toEqual({ kind: 'usage', tenantId, externalId: 'user_1', feature: 'api_calls' });
    const plan = heard(ledgers[1], ({ kind }) => kind === 'plan');
    const customer = await a.customerByExternalId('user_1');
    await a.subscribe(customer!.id, 'price_pro', {}, NOW);
    expect(await plan).toEqual({ kind: 'plan', tenantId, externalId: 'user_1' });
    const catalog = heard(ledgers[1], ({ kind }) => kind === 'catalog');
    await a.putCatalog({ ...PRICING, features: PRICING.features.map((one) => ({ ...one, unit: 'x' })) }, NOW);
    expect(await catalog).toEqual({ kind: 'catalog', tenantId });
  });

  it('is heard once in its own', async () => {
    const { ledgers, a, b } = await openPair();
    const own: Change[] = [];
    ledgers[0].onChange((changes) => own.push(...changes));
    const echoed = heard(ledgers[1], ({ kind }) => kind === 'usage');
    await a.track([command('api_calls', 1)]);
    await echoed;
    const answered = heard(ledgers[0], (change) => change.kind === 'usage' && change.feature === 'seats');
    await b.track([command('seats', 1)]);
    await answered;
    expect(own.map((change) => change.kind === 'usage' && change.feature)).toEqual(['api_calls', 'seats']);
  });

  it('is heard with hundreds of others, more than one notification holds', async () => {
    const { ledgers, a } = await openPair();
    const awaited = new Set(Array.from({ length: 300 }, (_, index) => `пользователь_${index}`));
    const all = heard(ledgers[1], (change) => {
      if (change.kind === 'usage') awaited.delete(change.externalId);
      return awaited.size === 0;
    });
    await a.track([...awaited].map((externalId) => command('api_calls', 1, { externalId })));
    await all;
    expect(awaited.size).toBe(0);
  });

  it('survives whatever else is said on the channel', async () => {
    const { url, ledgers, a } = await openPair();
    const usage = heard(ledgers[1], () => true);
    await administer(url, async (client) => {
      for (const payload of ['', 'no JSON', '{}', '{"changes":[null,{"kind":"usage"}]}']) {
        await client.query('select pg_notify($1, $2)', ['billingos_change', payload]);
      }
    });
    await a.track([command('api_calls', 1)]);
    expect(await usage).toMatchObject({ kind: 'usage' });
  });
});

describe('a database whose notifications do not arrive', () => {
  it('is worked with all the same, and said to be one', async () => {
    const warned = vi.spyOn(process, 'emitWarning').mockImplementation(() => undefined);
    onTestFinished(() => warned.mockRestore());
    const heardOf: Change[] = [];
    const feed = await openChangeFeed({
      url: await postgres.newStore(),
      hear: (changes) => heardOf.push(...changes),
      notify: () => Promise.resolve(),
      tenants: () => [],
    });
    feed.tell([{ kind: 'catalog', tenantId: 'ten_1' }]);
    await feed.close();
    expect(heardOf).toEqual([]);
    expect(warned).toHaveBeenCalledWith(expect.stringContaining('DATABASE_DIRECT_URL'));
  });
});

/** Sends an event until its outcome is known, as clients do: a pool has ten connections that may all have been cut. */
async function untilKnown(tenant: TenantLedger, one: TrackCommand): Promise<readonly Verdict[]> {
  for (let attempt = 1; ; attempt += 1) {
    try {
      return await tenant.track([one]);
    } catch (error) {
      if (!(error instanceof LedgerUnavailableError) || attempt > CONNECTIONS_MAX) throw error;
    }
  }
}

/** The first change of a kind that is heard. */
function heard(ledger: Ledger, isAwaited: (change: Change) => boolean): Promise<Change> {
  return new Promise((resolve) => {
    const stop = ledger.onChange((changes) => {
      const change = changes.find(isAwaited);
      if (change === undefined) return;
      stop();
      resolve(change);
    });
  });
}

describe('a database', () => {
  it('is brought up to date once by several that start at once', async () => {
    const url = await postgres.newStore();
    const ledgers = await Promise.all(Array.from({ length: 6 }, () => open(url)));
    const ids = await Promise.all(ledgers.map((ledger) => ledger.ensureTenant('Acme', 'test', NOW)));
    expect(new Set(ids).size).toBe(1);
  });

  it('of a newer release is refused, and the reason said', async () => {
    const { url } = await openPair();
    await administer(url, (client) => client.query('insert into migration (version) values (999)'));
    await expect(open(url)).rejects.toThrow('newer release');
  });

  it('that acknowledges before it is on disk is refused, and the reason said', async () => {
    const url = new URL(await postgres.newStore());
    url.searchParams.set('options', `${url.searchParams.get('options')} -c synchronous_commit=off`);
    await expect(open(url.href)).rejects.toThrow('synchronous_commit is off');
  });

  it('that cannot be reached is said to be so', async () => {
    await expect(open('postgres://postgres@localhost/postgres?host=/nowhere')).rejects.toThrow('ENOENT');
  });
});
