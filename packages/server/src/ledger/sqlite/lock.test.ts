import { statSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { tempFolder } from '../testing/temp-folder.ts';
import { StoreFailedError } from './database.ts';
import { lockStore, StoreInUseError } from './lock.ts';

describe('lockStore', () => {
  it('refuses a second holder, naming the first and what to do', () => {
    const folder = tempFolder();
    const lock = lockStore(folder);
    lock.describe({ pid: 42, url: 'http://127.0.0.1:4242' });
    expect(() => lockStore(folder)).toThrow(StoreInUseError);
    expect(() => lockStore(folder)).toThrow(
      /http:\/\/127\.0\.0\.1:4242 \(process 42\)\. Stop it, or use another folder/,
    );
    lock.release();
  });

  it('says of a folder that can hold no lock why, and what to do', () => {
    const file = join(tempFolder(), 'file');
    writeFileSync(file, '');
    expect(() => lockStore(file)).toThrow(
      /cannot be the folder of a store: EEXIST.* Name another with --data/,
    );
    expect(() => lockStore(file)).toThrow(StoreFailedError);
    const folder = tempFolder();
    writeFileSync(
      join(folder, 'server.lock'),
      'not a database, and long enough to be sure of it '.repeat(20),
    );
    expect(() => lockStore(folder)).toThrow(/server\.lock cannot be locked: file is not a database/);
    expect(() => lockStore(folder)).toThrow(StoreFailedError);
  });

  it('makes a folder with those around it, open to nobody else', () => {
    const folder = join(tempFolder(), 'outer', 'inner');
    lockStore(folder).release();
    for (const made of [folder, dirname(folder)]) expect(statSync(made).mode & 0o777).toBe(0o700);
  });

  it('says so where the system makes no folders', () => {
    expect(() => lockStore('/proc/store')).toThrow(/\/proc\/store cannot be the folder of a store/);
  });

  it('is free again once released', () => {
    const folder = tempFolder();
    lockStore(folder).release();
    lockStore(folder).release();
  });

  it('does not name a server of the past for one that is just starting', () => {
    const folder = tempFolder();
    writeFileSync(join(folder, 'server.json'), JSON.stringify({ pid: 1, url: 'http://gone' }));
    const lock = lockStore(folder);
    expect(() => lockStore(folder)).toThrow(/just starting/);
    lock.release();
  });
});
