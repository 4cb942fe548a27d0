import { join } from 'node:path';
import { beforeEach, describe, expect, it, vi } from 'vitest';
import type { Ledger } from '../ledger/ledger.ts';
import { openSqliteLedger } from '../ledger/sqlite/sqlite-ledger.ts';
import { tempFolder } from '../ledger/testing/temp-folder.ts';
import { NOW } from '../metering/testing/pricing.ts';
import { generateSecretKey, hashSecretKey, secretKeyLookup } from './secret-keys.ts';

/** How long the contract lets a revoked key work (wire contract §2). */
const REVOKED_WITHIN_MS = 5_000;

const anybody = () => true;
const nobody = () => false;

let ledger: Ledger;
let key: string;
let id: string;
let now: number;

beforeEach(async () => {
  const path = join(tempFolder(), 'store.db');
  now = NOW;
  ledger = await openSqliteLedger(path, () => now);
  key = generateSecretKey('test');
  const tenantId = await ledger.ensureTenant('Acme', 'test', now);
  id = await ledger.addSecretKey(tenantId, { hash: hashSecretKey(key), name: 'one' }, now);
  return () => ledger.close();
});

describe('a secret key', () => {
  it('stops working within five seconds of its revocation, wherever it was just used', async () => {
    const processes = [secretKeyLookup(ledger, () => now), secretKeyLookup(ledger, () => now)];
    for (const find of processes) expect(await find(key, anybody)).toMatchObject({ id });
    now += REVOKED_WITHIN_MS - 1;
    for (const find of processes) expect(await find(key, anybody)).toMatchObject({ id });
    await ledger.revokeSecretKey(id, now);
    now += 1;
    for (const find of processes) expect(await find(key, anybody)).toBeNull();
  });

  it('that is used all the time stops working too', async () => {
    const find = secretKeyLookup(ledger, () => now);
    await find(key, anybody);
    await ledger.revokeSecretKey(id, now);
    const revokedAt = now;
    while ((await find(key, anybody)) !== null) now += 100;
    expect(now - revokedAt).toBeLessThanOrEqual(REVOKED_WITHIN_MS);
  });

  it('that is revoked does not go on working because the clock steps back', async () => {
    const find = secretKeyLookup(ledger, () => now);
    await find(key, anybody);
    await ledger.revokeSecretKey(id, now);
    now -= 3_600_000;
    expect(await find(key, anybody)).toBeNull();
  });

  it('that was refused is looked up again: it may have been made since', async () => {
    const find = secretKeyLookup(ledger, () => now);
    const fresh = generateSecretKey('live');
    expect(await find(fresh, anybody)).toBeNull();
    const tenantId = await ledger.ensureTenant('Acme', 'live', now);
    await ledger.addSecretKey(tenantId, { hash: hashSecretKey(fresh), name: 'fresh' }, now);
    expect(await find(fresh, anybody)).toMatchObject({ tenantId, mode: 'live' });
  });

  it('is known by its checksum, wherever it is changed', async () => {
    await ledger.close();
    for (let at = 0; at < key.length; at += 1) {
      const other = key[at] === 'A' ? 'B' : 'A';
      const changed = key.slice(0, at) + other + key.slice(at + 1);
      expect(await secretKeyLookup(ledger, () => now)(changed, anybody)).toBeNull();
    }
  });

  it('is asked for once, by however many requests at the same time', async () => {
    const asked = vi.spyOn(ledger, 'findSecretKey');
    const find = secretKeyLookup(ledger, () => now);
    await Promise.all(Array.from({ length: 50 }, () => find(key, anybody)));
    expect(asked).toHaveBeenCalledTimes(1);
  });

  it('that was seen working is found where nobody else may ask', async () => {
    const find = secretKeyLookup(ledger, () => now);
    expect(await find(key, nobody)).toBeNull();
    await find(key, anybody);
    now += REVOKED_WITHIN_MS;
    expect(await find(key, nobody)).toMatchObject({ id });
    await ledger.revokeSecretKey(id, now);
    now += REVOKED_WITHIN_MS;
    expect(await find(key, nobody)).toBeNull();
  });

  it('is asked for again after the store was away', async () => {
    const find = secretKeyLookup(ledger, () => now);
    vi.spyOn(ledger, 'findSecretKey').mockRejectedValueOnce(new Error('away'));
    await expect(find(key, anybody)).rejects.toThrow('away');
    expect(await find(key, anybody)).toMatchObject({ id });
  });

  it.each(['', 'sk_', 'sk_test_short', 'sk_prod_0123456789abcdef', `sk_test_${'a'.repeat(129)}`])(
    'that cannot be one is not asked for: %s',
    async (text) => {
      await ledger.close();
      expect(await secretKeyLookup(ledger, () => now)(text, anybody)).toBeNull();
    },
  );
});
