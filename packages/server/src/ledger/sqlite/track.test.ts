import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, it, onTestFinished } from 'vitest';
import type { Verdict } from '../../metering/decide.ts';
import { command, NOW, PRICING } from '../../metering/testing/pricing.ts';
import { OPERATOR } from '../audit-trail.ts';
import { text } from '../rows.ts';
import { audit } from '../testing/audit.ts';
import { tempFolder } from '../testing/temp-folder.ts';
import { migrate, openSqlite, type Sqlite } from './database.ts';
import { sqliteStore, type SqliteStore } from './store.ts';

interface Opened {
  readonly path: string;
  readonly sqlite: Sqlite;
  readonly store: SqliteStore;
  readonly tenantId: string;
}

/** A store with a priced tenant; the same again on the path of another. */
function open(path = join(tempFolder(), 'store.db')): Opened {
  const sqlite = openSqlite(path);
  onTestFinished(() => sqlite.close());
  migrate(sqlite);
  const store = sqliteStore(sqlite);
  const tenantId = store.ensureTenant('Acme', 'test', NOW);
  store.putCatalog(tenantId, PRICING, OPERATOR, NOW);
  return { path, sqlite, store, tenantId };
}

/** What two stores must agree on: everything but ids. */
function gist(verdict: Verdict): unknown {
  if (verdict.outcome === 'refused') return verdict;
  const { event, outcome } = verdict;
  return { outcome, ...event, id: '', customerId: '' };
}

describe('a batch', () => {
  it('of any size is written whole', () => {
    for (const size of [1, 15, 16, 17, 33, 1_000]) {
      const { path, store, tenantId } = open();
      const commands = Array.from({ length: size }, (_, index) =>
        command('events', 1, { externalId: `user_${index}`, idempotencyKey: `k${index}` }),
      );
      store.track([{ tenantId, commands }], NOW);
      const { eventIds, faults } = audit(path);
      expect([eventIds.length, faults]).toEqual([size, []]);
    }
  });

  it('of several tenants is decided for each by its own catalog and customers', () => {
    const { path, store, tenantId } = open();
    const other = store.ensureTenant('Other', 'test', NOW);
    const commands = [command('api_calls', 60)];
    const share = { tenantId, commands };
    const first = store.track([share, { tenantId: other, commands }], NOW);
    store.putCatalog(other, PRICING, OPERATOR, NOW);
    const second = store.track([{ tenantId: other, commands }, share], NOW);
    const words = [...first, ...second]
      .flat()
      .map((verdict) => (verdict.outcome === 'refused' ? verdict.code : verdict.event.consumed));
    expect(words).toEqual([60n, 'customer_not_found', 60n, 'quota_exceeded']);
    expect(audit(path).faults).toEqual([]);
  });

  it('leaves nothing that is counted on when it is rolled back', () => {
    const { path, sqlite, store, tenantId } = open();
    store.track([{ tenantId, commands: [command('api_calls', 1)] }], NOW);
    sqlite.run(`create temp trigger poison before insert on main.event when new.metadata = 'poison'
      begin select raise(abort, 'poison'); end`);
    const poisoned = [command('api_calls', 98), command('api_calls', 1, { metadata: 'poison' })];
    expect(() => store.track([{ tenantId, commands: poisoned }], NOW)).toThrow('poison');
    const [verdicts] = store.track([{ tenantId, commands: [command('api_calls', 99)] }], NOW);
    expect(verdicts).toMatchObject([{ outcome: 'recorded', event: { consumed: 100n, sequence: 2 } }]);
    expect(audit(path).faults).toEqual([]);
  });

  it('finds each row by more than its tenant, however many that has', () => {
    const { sqlite, tenantId } = open();
    const statements = new Set<string>();
    const spied: Sqlite = {
      ...sqlite,
      get: (sql, ...values) => (statements.add(sql), sqlite.get(sql, ...values)),
      all: (sql, ...values) => (statements.add(sql), sqlite.all(sql, ...values)),
    };
    const store = sqliteStore(spied);
    store.track([{ tenantId, commands: [command('api_calls', 1, { idempotencyKey: 'k' })] }], NOW);
    store.accounts([{ tenantId, commands: [{ externalId: 'user_1', now: NOW, feature: undefined }] }]);
    const plans = [...statements].flatMap((sql) => sqlite.all(`explain query plan ${sql}`));
    const steps = plans.map((row) => text(row, 'detail'));
    expect(steps).toContainEqual(expect.stringContaining('subscription_by_customer'));
    // Of those read here only a catalog is alone in its tenant.
    expect(steps.filter((step) => /^S\w+ (?!catalog).*\(tenant_id=\?\)$/.test(step))).toEqual([]);
  });
});

describe('two connections to one store', () => {
  type Step = { connection: 0 | 1 } & (
    | { kind: 'track'; feature: string; quantity: number; user: number }
    | { kind: 'subscribe'; user: number }
    | { kind: 'cancel'; user: number }
    | { kind: 'catalog'; limit: number }
  );

  const user = fc.integer({ min: 1, max: 2 });
  const connection = fc.constantFrom(0 as const, 1 as const);
  const step: fc.Arbitrary<Step> = fc.oneof(
    {
      weight: 4,
      arbitrary: fc.record({
        kind: fc.constant('track' as const),
        connection,
        feature: fc.constantFrom('api_calls', 'seats', 'exports'),
        quantity: fc.integer({ min: -2, max: 40 }),
        user,
      }),
    },
    { weight: 1, arbitrary: fc.record({ kind: fc.constant('subscribe' as const), connection, user }) },
    { weight: 1, arbitrary: fc.record({ kind: fc.constant('cancel' as const), connection, user }) },
    {
      weight: 1,
      arbitrary: fc.record({
        kind: fc.constant('catalog' as const),
        connection,
        limit: fc.integer({ min: 10, max: 100 }),
      }),
    },
  );

  function take({ store, tenantId }: Pick<Opened, 'store' | 'tenantId'>, one: Step): unknown {
    if (one.kind === 'catalog') {
      const [free, ...others] = PRICING.products;
      const features = free!.features.map((entry) =>
        entry.feature === 'api_calls' ? { ...entry, limit: one.limit } : entry,
      );
      return store.putCatalog(
        tenantId,
        { ...PRICING, products: [{ ...free!, features }, ...others] },
        OPERATOR,
        NOW,
      );
    }
    const externalId = `user_${one.user}`;
    if (one.kind === 'track') {
      const commands = [command(one.feature, one.quantity, { externalId })];
      return store.track([{ tenantId, commands }], NOW)[0]?.map(gist);
    }
    const customer = store.ensureCustomer(tenantId, externalId, {}, NOW);
    if (one.kind === 'subscribe')
      return store.subscribe(tenantId, customer!.id, 'price_pro', {}, OPERATOR, NOW).kind;
    return store.updateSubscription(
      tenantId,
      customer!.subscription!.id,
      { status: 'incomplete' },
      OPERATOR,
      NOW,
    ).kind;
  }

  it('decide as one that remembers nothing, whichever of them writes what', () => {
    fc.assert(
      fc.property(fc.array(step, { minLength: 1, maxLength: 30 }), (steps) => {
        const first = open();
        const connections = [first, open(first.path)] as const;
        const forgetful = open();
        for (const one of steps) {
          const store = sqliteStore(forgetful.sqlite);
          expect(take(connections[one.connection], one)).toEqual(take({ ...forgetful, store }, one));
        }
        expect(audit(first.path).faults).toEqual([]);
      }),
      { numRuns: 40 },
    );
  });
});
