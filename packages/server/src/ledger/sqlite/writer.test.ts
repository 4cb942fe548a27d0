import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { tempFolder } from '../testing/temp-folder.ts';
import { startWriter, type Writer } from './writer.ts';

async function start(): Promise<Writer> {
  const writer = await startWriter(join(tempFolder(), 'billingos.db'));
  onTestFinished(() => writer.close());
  return writer;
}

describe('the thread that writes', () => {
  it('gives each of many callers its own answer', async () => {
    const writer = await start();
    const names = ['one', 'two', 'three', 'two'];
    const ids = await Promise.all(names.map((name) => writer.call('ensureTenant', name, 'test', 0)));
    expect(await writer.call('tenantIds')).toEqual(ids.slice(0, 3).sort());
    expect(ids[3]).toBe(ids[1]);
  });

  it('tells a caller of its own error and nobody else', async () => {
    const writer = await start();
    const failing = writer.call('nothing' as 'tenantIds');
    const tenants = writer.call('tenantIds');
    await expect(failing).rejects.toThrow('not a function');
    expect(await tenants).toEqual([]);
  });

  it('answers the next caller when a call cannot be sent', async () => {
    const writer = await start();
    const unsendable = (() => undefined) as unknown as string;
    const refused = writer.call('findSecretKey', unsendable);
    const tenants = writer.call('tenantIds');
    await expect(refused).rejects.toThrow('could not be cloned');
    expect(await tenants).toEqual([]);
  });
});
