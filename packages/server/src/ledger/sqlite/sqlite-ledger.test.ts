import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Worker } from 'node:worker_threads';
import Database from 'libsql';
import { describe, expect, it, onTestFinished, vi } from 'vitest';
import type { Verdict } from '../../metering/decide.ts';
import { command, NOW, PRICING } from '../../metering/testing/pricing.ts';
import { LedgerUnavailableError, type Change, type Ledger, type TenantLedger } from '../ledger.ts';
import { audit } from '../testing/audit.ts';
import { tempFolder } from '../testing/temp-folder.ts';
import { openSqlite } from './database.ts';
import { openSqliteLedger } from './sqlite-ledger.ts';
import { sqliteStore } from './store.ts';

interface Opened {
  readonly path: string;
  readonly ledger: Ledger;
  readonly tenantId: string;
  readonly tenant: TenantLedger;
}

/** A ledger on a real file with a priced tenant, closed after the test. */
async function open(path = join(tempFolder(), 'store.db')): Promise<Opened> {
  const ledger = await openSqliteLedger(path, () => NOW);
  onTestFinished(() => ledger.close());
  const tenantId = await ledger.ensureTenant('Acme', 'test', NOW);
  const tenant = ledger.tenant(tenantId);
  await tenant.putCatalog(PRICING, NOW);
  return { path, ledger, tenantId, tenant };
}

const word = (verdict: Verdict | undefined): string =>
  verdict === undefined ? 'nothing' : verdict.outcome === 'refused' ? verdict.code : verdict.outcome;

function tally(words: readonly string[]): Record<string, number> {
  return Object.fromEntries(
    [...new Set(words)].map((one) => [one, words.filter((other) => other === one).length]),
  );
}

describe('the embedded ledger', () => {
  it('lets exactly 100 of 200 parallel events through a limit of 100', async () => {
    const { path, tenant } = await open();
    const verdicts = await Promise.all(
      Array.from({ length: 200 }, () => tenant.track([command('api_calls', 1)])),
    );
    expect(tally(verdicts.map(([verdict]) => word(verdict)))).toEqual({ recorded: 100, quota_exceeded: 100 });
    expect(audit(path)).toMatchObject({ faults: [] });
    expect(audit(path).eventIds).toHaveLength(100);
  });

  it('counts one key once, however often it comes at the same moment', async () => {
    const { path, tenant } = await open();
    const once = command('api_calls', 1, { idempotencyKey: 'k' });
    const verdicts = (await Promise.all(Array.from({ length: 50 }, () => tenant.track([once])))).flat();
    expect(tally(verdicts.map(word))).toEqual({ recorded: 1, duplicate: 49 });
    const ids = verdicts.map((verdict) => (verdict.outcome === 'refused' ? null : verdict.event.id));
    expect(new Set(ids).size).toBe(1);
    expect(audit(path)).toMatchObject({ eventIds: [ids[0]], faults: [] });
  });

  it('gives a key aimed at two features at the same moment to one of them', async () => {
    const { tenant } = await open();
    const aim = (feature: string) => tenant.track([command(feature, 1, { idempotencyKey: 'k' })]);
    const verdicts = (await Promise.all([aim('api_calls'), aim('seats')])).flat();
    expect(verdicts.map(word)).toEqual(['recorded', 'idempotency_key_reused']);
  });

  it('shows an event to whoever reads after its promise resolved', async () => {
    const { tenant } = await open();
    for (let sequence = 1; sequence <= 20; sequence += 1) {
      await tenant.track([command('api_calls', 1)]);
      const { counters } = await tenant.account('user_1', NOW, 'api_calls');
      expect([...counters.values()].map((counter) => counter.sequence)).toEqual([sequence]);
    }
  });

  it('has everything after it was closed and opened again', async () => {
    const path = join(tempFolder(), 'store.db');
    const first = await openSqliteLedger(path, () => NOW);
    const tenantId = await first.ensureTenant('Acme', 'test', NOW);
    await first.tenant(tenantId).putCatalog(PRICING, NOW);
    const keyed = command('seats', '3', { idempotencyKey: 'k', metadata: '{"a":"\\u0000"}' });
    const [recorded] = await first.tenant(tenantId).track([keyed]);
    const account = await first.tenant(tenantId).account('user_1', NOW);
    await first.close();

    const { tenant } = await open(path);
    expect(await tenant.account('user_1', NOW)).toEqual(account);
    const [again] = await tenant.track([keyed]);
    expect(again).toEqual({ ...recorded, outcome: 'duplicate' });
  });

  it('keeps 64-bit amounts exactly', async () => {
    const { tenant } = await open();
    await tenant.track([command('events', '9223372036854775807')]);
    const { counters } = await tenant.account('user_1', NOW, 'events');
    expect([...counters.values()].map(({ consumed }) => consumed)).toEqual([9_223_372_036_854_775_807n]);
  });

  it('keeps tenants apart, whatever names they share', async () => {
    const { ledger, tenant } = await open();
    const other = ledger.tenant(await ledger.ensureTenant('Acme', 'live', NOW));
    await other.putCatalog(PRICING, NOW);
    const once = command('api_calls', 100, { idempotencyKey: 'k' });
    expect((await Promise.all([tenant.track([once]), other.track([once])])).flat().map(word)).toEqual([
      'recorded',
      'recorded',
    ]);
    const mine = await tenant.customerByExternalId('user_1');
    expect(await other.customer(mine!.id)).toBeNull();
    expect(await other.subscription(mine!.subscription!.id)).toBeNull();
  });

  it('is the same tenant for the same organization and mode', async () => {
    const { ledger, tenantId } = await open();
    expect(await ledger.ensureTenant('Acme', 'test', NOW + 1)).toBe(tenantId);
  });

  it('signs with the key that was there first', async () => {
    const { ledger } = await open();
    const key = (kid: string) => ({ kid, secret: new Uint8Array(32).fill(kid.length) });
    await ledger.signingKeys(key('a'), NOW);
    const [signing] = await ledger.signingKeys(key('bb'), NOW);
    expect(signing?.kid).toBe('a');
    expect([...signing!.secret]).toEqual([...key('a').secret]);
  });
});

describe('durability', () => {
  it('rests on a write-ahead log that is synced with every commit', () => {
    const sqlite = openSqlite(join(tempFolder(), 'store.db'));
    onTestFinished(() => sqlite.close());
    expect(sqlite.get('pragma journal_mode')).toMatchObject({ journal_mode: 'wal' });
    expect(sqlite.get('pragma synchronous')).toMatchObject({ synchronous: 2n });
  });

  it('rolls back all of a transaction that throws', () => {
    const sqlite = openSqlite(join(tempFolder(), 'store.db'));
    onTestFinished(() => sqlite.close());
    sqlite.run('create table t (n integer)');
    expect(() =>
      sqlite.write(() => {
        sqlite.run('insert into t values (1)');
        throw new Error('halfway');
      }),
    ).toThrow('halfway');
    expect(sqlite.all('select * from t')).toEqual([]);
    sqlite.write(() => sqlite.run('insert into t values (2)'));
    expect(sqlite.all('select n from t')).toHaveLength(1);
  });

  it('refuses a store of a newer release, and says so', async () => {
    const path = join(tempFolder(), 'store.db');
    const database = new Database(path);
    database.exec('pragma user_version = 999');
    database.close();
    await expect(openSqliteLedger(path, () => NOW)).rejects.toThrow('newer release');
  });

  it('refuses a file that is no store', async () => {
    const path = join(tempFolder(), 'store.db');
    writeFileSync(path, 'not a database, and long enough to be sure of it '.repeat(20));
    await expect(openSqliteLedger(path, () => NOW)).rejects.toThrow(/not a database/);
  });
});

describe('a read', () => {
  it('sees one picture, whatever is committed between its statements', async () => {
    const { path, tenantId, tenant } = await open();
    await tenant.track([command('api_calls', 1), command('seats', 1)]);
    const reader = openSqlite(path);
    const writer = openSqlite(path);
    onTestFinished(() => [reader, writer].forEach((sqlite) => sqlite.close()));
    let reads = 0;
    const store = sqliteStore({
      ...reader,
      get: (sql, ...values) => {
        // After the first counter was read, both grow in one commit.
        if (sql.includes('from counter') && ++reads === 2) {
          writer.write(() => writer.run('update counter set consumed = consumed + 1'));
        }
        return reader.get(sql, ...values);
      },
    });
    const consumed = (): bigint[] =>
      [...store.account(tenantId, 'user_1', NOW).counters.values()].map((c) => c.consumed);
    expect(consumed()).toEqual([1n, 1n]);
    expect(consumed()).toEqual([2n, 2n]);
  });
});

describe('changes', () => {
  async function listened() {
    const opened = await open();
    const heard: Change[] = [];
    const stop = opened.ledger.onChange((changes) => heard.push(...changes));
    return { ...opened, heard, stop };
  }

  it('are told once per customer and feature, after the commit, and not for refusals', async () => {
    const { tenant, tenantId, heard } = await listened();
    await tenant.track([command('api_calls', 1), command('api_calls', 2), command('seats', 9)]);
    expect(heard).toEqual([{ kind: 'usage', tenantId, externalId: 'user_1', feature: 'api_calls' }]);
  });

  it('are told of plans and catalogs that really changed', async () => {
    const { tenant, tenantId, heard } = await listened();
    const customer = await tenant.ensureCustomer('user_1', {}, NOW);
    await tenant.subscribe(customer!.id, 'price_pro', {}, NOW);
    await tenant.subscribe(customer!.id, 'price_pro', {}, NOW);
    await tenant.putCatalog(PRICING, NOW);
    await tenant.putCatalog(
      { ...PRICING, features: PRICING.features.map((one) => ({ ...one, title: 'New' })) },
      NOW,
    );
    expect(heard).toEqual([
      { kind: 'plan', tenantId, externalId: 'user_1' },
      { kind: 'catalog', tenantId },
    ]);
  });

  it('are not told to who stopped listening', async () => {
    const { tenant, heard, stop } = await listened();
    stop();
    await tenant.track([command('api_calls', 1)]);
    expect(heard).toEqual([]);
  });

  it('are counted once even when a listener throws', async () => {
    const { path, ledger, tenant, heard } = await listened();
    const warned = vi.spyOn(process, 'emitWarning').mockImplementation(() => undefined);
    onTestFinished(() => warned.mockRestore());
    ledger.onChange(() => {
      throw new Error('a listener’s own fault');
    });
    const verdicts = await Promise.all(
      [1, 2].map((quantity) => tenant.track([command('api_calls', quantity)])),
    );
    expect(verdicts.flat().map(word)).toEqual(['recorded', 'recorded']);
    expect(audit(path).eventIds).toHaveLength(2);
    expect(heard).toHaveLength(1);
    expect(warned).toHaveBeenCalled();
  });
});

describe('the catalog', () => {
  const changed = (change: (document: typeof PRICING) => typeof PRICING) => change(structuredClone(PRICING));
  const used = async () => {
    const opened = await open();
    await opened.tenant.track([command('api_calls', 1)]);
    return opened.tenant;
  };

  it('keeps what is counted and what is subscribed to', async () => {
    const tenant = await used();
    const emptied = await tenant.putCatalog({ features: [], products: [] }, NOW);
    expect(emptied).toEqual({ kind: 'in_use', names: ['feature api_calls', 'price price_free'] });
    const retyped = changed((document) => {
      document.features[0]!.decimals = 2;
      return document;
    });
    expect(await tenant.putCatalog(retyped, NOW)).toMatchObject({ names: ['feature api_calls'] });
    const dearer = changed((document) => {
      document.products[0]!.prices[0]!.amount = 1;
      return document;
    });
    expect(await tenant.putCatalog(dearer, NOW)).toMatchObject({ names: ['price price_free'] });
    expect((await tenant.catalog()).document).toEqual(PRICING);
  });

  it('takes defaults that are written out for the same', async () => {
    const tenant = await used();
    await tenant.track([command('compute', 1)]);
    const spelled = changed((document) => {
      document.features[1]!.decimals = 9;
      document.products[0]!.prices[0]!.interval_count = 1;
      return document;
    });
    expect(await tenant.putCatalog(spelled, NOW)).toMatchObject({ kind: 'kept' });
  });

  it('lets go of a price whose last subscription has ended by itself', async () => {
    const { tenant } = await open();
    const customer = await tenant.ensureCustomer('user_1', {}, NOW);
    const outcome = await tenant.subscribe(customer!.id, 'price_pro', {}, NOW);
    const { id } = 'subscription' in outcome ? outcome.subscription : { id: '' };
    await tenant.updateSubscription(id, { cancelAtPeriodEnd: true }, NOW);
    const withoutPro = changed((document) => {
      document.products.splice(1, 1);
      return document;
    });
    expect(await tenant.putCatalog(withoutPro, NOW)).toMatchObject({ names: ['price price_pro'] });
    expect(await tenant.putCatalog(withoutPro, NOW + 32 * 86_400_000)).toMatchObject({ kind: 'kept' });
  });

  it('takes effect with the next event', async () => {
    const tenant = await used();
    const lower = changed((document) => {
      document.products[0]!.features[0]!.limit = 1;
      return document;
    });
    await tenant.putCatalog(lower, NOW);
    expect((await tenant.track([command('api_calls', 1)])).map(word)).toEqual(['quota_exceeded']);
  });
});

describe('a subscription', () => {
  it('gives one trial for each customer and product', async () => {
    const { tenant } = await open();
    const customer = await tenant.ensureCustomer('user_1', {}, NOW);
    const first = await tenant.subscribe(customer!.id, 'price_trial', {}, NOW);
    if (first.kind !== 'created') throw new Error(first.kind);
    expect(first.subscription.status).toBe('trialing');
    await tenant.updateSubscription(first.subscription.id, { cancelAtPeriodEnd: true }, NOW);
    const second = await tenant.subscribe(customer!.id, 'price_trial', {}, NOW + 40 * 86_400_000);
    expect(second).toMatchObject({ kind: 'created', subscription: { status: 'active', trialEnd: null } });
  });

  it('keeps the anchor and what was consumed through a change of plan', async () => {
    const { tenant } = await open();
    await tenant.track([command('api_calls', 80)]);
    const customer = await tenant.customerByExternalId('user_1');
    await tenant.subscribe(customer!.id, 'price_pro', {}, NOW + 5);
    const account = await tenant.account('user_1', NOW + 5, 'api_calls');
    expect(account.customer).toMatchObject({
      anchor: NOW,
      revision: 2,
      subscription: { priceId: 'price_pro' },
    });
    expect([...account.counters.values()]).toMatchObject([{ consumed: 80n, sequence: 1 }]);
  });
});

describe('a change of plan that changes the reset', () => {
  it('is no refill, there and back, and every counter still adds up', async () => {
    const { path, tenant } = await open();
    const use = async (quantity: number) => (await tenant.track([command('api_calls', quantity)])).map(word);
    const customer = await tenant.ensureCustomer('user_1', {}, NOW);
    const outcome = await tenant.subscribe(customer!.id, 'price_pro', {}, NOW);
    const { id } = 'subscription' in outcome ? outcome.subscription : { id: '' };
    await use(9_000);
    await tenant.updateSubscription(id, { priceId: 'price_pro_year' }, NOW);
    expect(await use(1_001)).toEqual(['quota_exceeded']);
    expect(await use(500)).toEqual(['recorded']);
    await tenant.updateSubscription(id, { priceId: 'price_pro' }, NOW);
    const { counters } = await tenant.account('user_1', NOW, 'api_calls');
    expect([...counters.values()]).toMatchObject([{ reset: 'month', consumed: 9_500n, sequence: 2 }]);
    expect(audit(path).faults).toEqual([]);
  });
});

describe('a store that fails', () => {
  /** The ledger's thread, caught at its next message. */
  async function threadOf(ledger: Ledger): Promise<Worker> {
    const sent = vi.spyOn(Worker.prototype, 'postMessage');
    onTestFinished(() => sent.mockRestore());
    await ledger.ensureTenant('Acme', 'test', NOW);
    return sent.mock.contexts[0] as Worker;
  }

  it('answers what is under way, and what comes after, as unavailable', async () => {
    const { ledger, tenant } = await open();
    const thread = await threadOf(ledger);
    const waiting = Array.from({ length: 20 }, () => tenant.track([command('api_calls', 1)]));
    const settled = Promise.allSettled(waiting);
    await thread.terminate();
    for (const outcome of await settled) {
      if (outcome.status === 'rejected') expect(outcome.reason).toBeInstanceOf(LedgerUnavailableError);
    }
    await expect(tenant.track([command('api_calls', 1)])).rejects.toBeInstanceOf(LedgerUnavailableError);
    await expect(tenant.ensureCustomer('user_2', {}, NOW)).rejects.toBeInstanceOf(LedgerUnavailableError);
    await ledger.close();
  });

  it('is unavailable, not broken, while another connection holds it', () => {
    const path = join(tempFolder(), 'store.db');
    const sqlite = openSqlite(path);
    sqlite.run('create table t (n integer)');
    sqlite.get('pragma busy_timeout = 0');
    const other = openSqlite(path);
    onTestFinished(() => [sqlite, other].forEach((one) => one.close()));
    other.write(() => {
      expect(() => sqlite.write(() => null)).toThrow(expect.objectContaining({ name: 'StoreFailedError' }));
    });
    expect(sqlite.write(() => 'again')).toBe('again');
  });

  it('says so of a commit that failed, and can go on', () => {
    const sqlite = openSqlite(join(tempFolder(), 'store.db'));
    onTestFinished(() => sqlite.close());
    sqlite.run('create table parent (id integer primary key)');
    sqlite.run('create table child (id integer references parent (id) deferrable initially deferred)');
    expect(() => sqlite.write(() => sqlite.run('insert into child values (1)'))).toThrow(
      expect.objectContaining({ name: 'StoreFailedError' }),
    );
    expect(sqlite.write(() => sqlite.all('select * from child'))).toEqual([]);
  });
});
