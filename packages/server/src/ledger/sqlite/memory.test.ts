import { join } from 'node:path';
import { expect, it, onTestFinished } from 'vitest';
import { customerOn } from '../../metering/testing/pricing.ts';
import { tempFolder } from '../testing/temp-folder.ts';
import { migrate, openSqlite, type Sqlite } from './database.ts';
import { memoryOf, type Memory } from './memory.ts';

const CUSTOMER = customerOn(null);

function openStore(path = join(tempFolder(), 'store.db')): { path: string; sqlite: Sqlite } {
  const sqlite = openSqlite(path);
  onTestFinished(() => sqlite.close());
  migrate(sqlite);
  return { path, sqlite };
}

function addTenant(sqlite: Sqlite, id: string): void {
  sqlite.run(`insert into tenant (id, organization, mode, created_at) values (?, ?, 'test', 0)`, id, id);
}

/** A transaction that writes something and remembers a customer. */
function remember(sqlite: Sqlite, memory: Memory, tenantId = 't'): void {
  sqlite.write(() => {
    memory.recall()(tenantId).customers.set('user_1', CUSTOMER);
    addTenant(sqlite, tenantId);
    return memory.seal();
  })();
}

function recalled(sqlite: Sqlite, memory: Memory, tenantId = 't'): string[] {
  return sqlite.write(() => [...memory.recall()(tenantId).customers.keys()]);
}

it('knows what its last transaction knew', () => {
  const { sqlite } = openStore();
  const memory = memoryOf(sqlite);
  remember(sqlite, memory);
  expect(recalled(sqlite, memory)).toEqual(['user_1']);
});

it('knows of each tenant its own', () => {
  const { sqlite } = openStore();
  const memory = memoryOf(sqlite);
  remember(sqlite, memory);
  expect(recalled(sqlite, memory, 'u')).toEqual([]);
});

it('knows all tenants of one transaction', () => {
  const { sqlite } = openStore();
  const memory = memoryOf(sqlite);
  sqlite.write(() => {
    const knownOf = memory.recall();
    knownOf('t').customers.set('user_1', CUSTOMER);
    knownOf('u').customers.set('user_2', CUSTOMER);
    return memory.seal();
  })();
  const known = sqlite.write(() => ['t', 'u'].map(memory.recall()));
  expect(known.map(({ customers }) => [...customers.keys()])).toEqual([['user_1'], ['user_2']]);
});

it('forgets all when another connection has written', () => {
  const { path, sqlite } = openStore();
  const memory = memoryOf(sqlite);
  remember(sqlite, memory);
  addTenant(openStore(path).sqlite, 'other');
  expect(recalled(sqlite, memory)).toEqual([]);
});

it('forgets all when its connection has written something else', () => {
  const { sqlite } = openStore();
  const memory = memoryOf(sqlite);
  remember(sqlite, memory);
  addTenant(sqlite, 'other');
  expect(recalled(sqlite, memory)).toEqual([]);
});

it('forgets all when its transaction was rolled back', () => {
  const { sqlite } = openStore();
  const memory = memoryOf(sqlite);
  remember(sqlite, memory);
  const failing = () =>
    sqlite.write(() => {
      memory.recall()('t').customers.set('user_2', CUSTOMER);
      memory.seal();
      throw new Error('poison');
    });
  expect(failing).toThrow('poison');
  expect(recalled(sqlite, memory)).toEqual([]);
});

it('forgets all when it knows too much', () => {
  const { sqlite } = openStore();
  const memory = memoryOf(sqlite, 2);
  for (const tenantId of ['t', 'u', 'v']) remember(sqlite, memory, tenantId);
  expect(recalled(sqlite, memory)).toEqual([]);
});
