import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Worker } from 'node:worker_threads';
import Database from 'libsql';
import { describe, expect, it, onTestFinished, vi } from 'vitest';
import { command, NOW, PRICING } from '../../metering/testing/pricing.ts';
import { LedgerUnavailableError, type Ledger, type TenantLedger } from '../ledger.ts';
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
    const read = { externalId: 'user_1', now: NOW, feature: undefined };
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
      [...(store.accounts([{ tenantId, commands: [read] }])[0]?.[0]?.counters.values() ?? [])].map(
        (c) => c.consumed,
      );
    expect(consumed()).toEqual([1n, 1n]);
    expect(consumed()).toEqual([2n, 2n]);
  });
});

describe('a deletion', () => {
  it('clears what was said in events step by step, and others are recorded in between', async () => {
    const { path, tenantId, tenant } = await open();
    await tenant.track(Array.from({ length: 5 }, () => command('seats', 1, { metadata: '{"who":"Ada"}' })));
    const customer = await tenant.customerByExternalId('user_1');
    const sqlite = openSqlite(path);
    onTestFinished(() => sqlite.close());
    const store = sqliteStore(sqlite);
    const left: number[] = [];
    for (let more = true; more;) {
      more = store.clearEvents(tenantId, customer!.id, 2);
      left.push(audit(path).metadata.length);
      const verdicts = await tenant.track([command('seats', 1, { externalId: 'user_2' })]);
      expect(verdicts).toMatchObject([{ outcome: 'recorded' }]);
    }
    expect(left).toEqual([3, 1, 0]);
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
