import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { tempFolder } from '../testing/temp-folder.ts';
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
