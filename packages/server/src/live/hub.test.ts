import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import type { Account } from '../ledger/account.ts';
import type { Change, Ledger, TenantLedger } from '../ledger/ledger.ts';
import { CATALOG, customerOn, DAY_MS, NOW } from '../metering/testing/pricing.ts';
import { chargedAt, counterId, emptyCounter } from '../metering/usage.ts';
import { standingAt } from '../metering/subscription.ts';
import { readStream } from '../testing/read-stream.ts';
import { createHub, PATROL_MS, type HubOptions } from './hub.ts';
import { STREAMS_PER_TOKEN_MAX } from './stream-caps.ts';

const WATCHED = { tenantId: 'ten_1', externalId: 'user_1' };
const HOUR_MS = 3_600_000;

beforeEach(() => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'setInterval', 'clearInterval'] });
});
afterEach(() => {
  vi.useRealTimers();
});

const until = (expiresAt: number) => ({ keyId: 'key_1', tokenId: 'tok_1', customerId: 'cus_1', expiresAt });

/** A hub over a ledger whose reads the test holds and whose changes it makes. */
function hubOver() {
  const clock = { now: NOW };
  const listeners = new Set<(changes: readonly Change[]) => void>();
  const customer = customerOn('price_free');
  const consumed = new Map<string, bigint>();
  let gate: Promise<void> | null = null;
  let reads = 0;
  let holds = true;
  let deleted = false;

  const account = (): Account => {
    const standing = standingAt(customer, CATALOG, clock.now);
    const counters = [...consumed].map(([feature, amount]) => {
      const entitlement = standing.product!.entitlements.get(feature)!;
      const { key } = chargedAt(entitlement, standing, customer.id, clock.now);
      return { ...emptyCounter(key), consumed: amount, sequence: Number(amount) };
    });
    return {
      customer,
      catalog: CATALOG,
      counters: new Map(counters.map((counter) => [counterId(counter), counter])),
      dismissals: new Map(),
      deleted,
    };
  };
  const tenant: Pick<TenantLedger, 'account' | 'grantsHold' | 'changedSince'> = {
    grantsHold: (grants) => Promise.resolve(grants.map(() => holds)),
    changedSince: ([shown]) =>
      Promise.resolve(
        (shown?.counters ?? [])
          .filter(({ feature, sequence }) => sequence !== Number(consumed.get(feature) ?? 0n))
          .map(({ feature }) => ({ kind: 'usage', ...WATCHED, feature })),
      ),
    async account() {
      reads += 1;
      const read = account();
      await gate;
      return read;
    },
  };
  const ledger = {
    tenant: () => tenant as TenantLedger,
    onChange(listener: (changes: readonly Change[]) => void) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
  };
  const options: HubOptions = {
    clock: () => clock.now,
    metrics: (_externalId, rows) =>
      JSON.stringify(rows.map((row) => [row.entitlement.feature.key, row.counter.consumed.toString()])),
    metric: (row) => JSON.stringify([row.entitlement.feature.key, row.counter.consumed.toString()]),
  };
  return {
    hub: createHub(ledger as unknown as Ledger, options),
    clock,
    tenant,
    listeners,
    reads: () => reads,
    change: (...changes: Change[]) => listeners.forEach((listener) => listener(changes)),
    use: (feature: string, amount: bigint): void => {
      consumed.set(feature, amount);
      listeners.forEach((listener) => listener([{ kind: 'usage', ...WATCHED, feature }]));
    },
    /** As another process would that cannot say so. */
    useSilently: (feature: string, amount: bigint): void => void consumed.set(feature, amount),
    revoke: (): void => void (holds = false),
    forget: (): void => {
      deleted = true;
      listeners.forEach((listener) => listener([{ kind: 'plan', ...WATCHED }]));
    },
    /** Lets reads begin but not end, until told. */
    hold: () => {
      let release = (): void => undefined;
      gate = new Promise((resolve) => (release = resolve));
      const letOthersPass = (): void => void (gate = null);
      return {
        letOthersPass,
        release: (): void => {
          letOthersPass();
          release();
        },
      };
    },
  };
}

/** All promises that can settle have settled. */
const settled = () => new Promise<void>((resolve) => setImmediate(resolve));

describe('the hub', () => {
  it('begins with a snapshot, then tells of each change', async () => {
    const { hub, use } = hubOver();
    const reader = readStream(
      (await hub.open(WATCHED, until(NOW + HOUR_MS), new AbortController().signal)).body,
    );
    expect(await reader.next()).toMatchObject({ event: 'snapshot' });
    use('api_calls', 5n);
    expect(await reader.next()).toEqual({ event: 'usage', data: ['api_calls', '5'] });
    hub.close();
  });

  it('tells what changed while the snapshot was read, if that was read first', async () => {
    const { hub, use, hold } = hubOver();
    const reads = hold();
    const opening = hub.open(WATCHED, until(NOW + HOUR_MS), new AbortController().signal);
    use('api_calls', 5n);
    reads.release();
    const reader = readStream((await opening).body);
    expect(await reader.next()).toMatchObject({ event: 'snapshot' });
    expect(await reader.next()).toEqual({ event: 'usage', data: ['api_calls', '5'] });
    hub.close();
  });

  it('takes what changed while the snapshot was read into the snapshot, if that comes back later', async () => {
    const { hub, use, hold } = hubOver();
    const reads = hold();
    const opening = hub.open(WATCHED, until(NOW + HOUR_MS), new AbortController().signal);
    reads.letOthersPass();
    use('api_calls', 5n);
    await settled();
    reads.release();
    const reader = readStream((await opening).body);
    const snapshot = await reader.next();
    expect(snapshot?.event).toBe('snapshot');
    expect(snapshot?.data).toContainEqual(['api_calls', '5']);
    hub.close();
    expect(await reader.rest()).toEqual([{ event: 'bye', data: { reason: 'closing' } }]);
  });

  it('sends a snapshot again after a change of plan or catalog', async () => {
    const { hub, change } = hubOver();
    const reader = readStream(
      (await hub.open(WATCHED, until(NOW + HOUR_MS), new AbortController().signal)).body,
    );
    await reader.next();
    change({ kind: 'plan', ...WATCHED });
    expect(await reader.next()).toMatchObject({ event: 'snapshot' });
    change({ kind: 'catalog', tenantId: WATCHED.tenantId });
    expect(await reader.next()).toMatchObject({ event: 'snapshot' });
    hub.close();
  });

  it('reads once for a burst, and once more for what came meanwhile', async () => {
    const { hub, use, reads } = hubOver();
    await hub.open(WATCHED, until(NOW + HOUR_MS), new AbortController().signal);
    const before = reads();
    for (let turn = 1; turn <= 100; turn += 1) use('api_calls', BigInt(turn));
    await settled();
    expect(reads() - before).toBe(2);
    hub.close();
  });

  it('reads nothing for changes that nobody watches', async () => {
    const { hub, change, reads } = hubOver();
    await hub.open(WATCHED, until(NOW + HOUR_MS), new AbortController().signal);
    const before = reads();
    change({ kind: 'usage', tenantId: 'ten_1', externalId: 'user_2', feature: 'api_calls' });
    change({ kind: 'usage', tenantId: 'ten_2', externalId: 'user_1', feature: 'api_calls' });
    change({ kind: 'catalog', tenantId: 'ten_2' });
    await settled();
    expect(reads()).toBe(before);
    hub.close();
  });

  it('sends the fresh row at the period’s end', async () => {
    // A month of patrols is not what this waits for.
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
    const { hub, clock, use } = hubOver();
    use('api_calls', 7n);
    const reader = readStream(
      (await hub.open(WATCHED, until(NOW + 60 * DAY_MS), new AbortController().signal)).body,
    );
    await reader.next();
    // A timer cannot wait as long as a period: it is set again on the way.
    clock.now += 2 ** 31 - 1;
    await vi.advanceTimersByTimeAsync(2 ** 31 - 1);
    await reader.next();
    clock.now = NOW + 28 * DAY_MS;
    await vi.advanceTimersByTimeAsync(28 * DAY_MS - 2 ** 31 + 1);
    expect(await reader.next()).toMatchObject({ event: 'snapshot' });
    hub.close();
  });

  it('says goodbye when the token expires, and only to its own watcher', async () => {
    const { hub, clock, use } = hubOver();
    const open = async (lifeMs: number) =>
      readStream((await hub.open(WATCHED, until(NOW + lifeMs), new AbortController().signal)).body);
    const [short, long] = [await open(60_000), await open(HOUR_MS)];
    clock.now = NOW + 60_000;
    await vi.advanceTimersByTimeAsync(60_000);
    expect((await short.rest()).at(-1)).toEqual({ event: 'bye', data: { reason: 'expired' } });
    await long.next();
    use('api_calls', 5n);
    expect((await long.next())?.event).not.toBe('bye');
    hub.close();
    expect((await long.rest()).at(-1)).toEqual({ event: 'bye', data: { reason: 'closing' } });
  });

  it('closes its streams when the store is away', async () => {
    const { hub, tenant, use } = hubOver();
    const reader = readStream(
      (await hub.open(WATCHED, until(NOW + HOUR_MS), new AbortController().signal)).body,
    );
    await reader.next();
    tenant.account = () => Promise.reject(new Error('away'));
    use('api_calls', 5n);
    expect(await reader.rest()).toEqual([{ event: 'bye', data: { reason: 'unavailable' } }]);
    expect(vi.getTimerCount()).toBe(0);
  });
});

describe('a patrol of the hub', () => {
  async function watched() {
    const over = hubOver();
    const reader = readStream(
      (await over.hub.open(WATCHED, until(NOW + HOUR_MS), new AbortController().signal)).body,
    );
    await reader.next();
    return { ...over, reader };
  }
  const patrol = async () => {
    await vi.advanceTimersByTimeAsync(PATROL_MS);
    await settled();
  };

  it('finds what another process changed without a word', async () => {
    const { hub, reader, useSilently } = await watched();
    useSilently('api_calls', 5n);
    await patrol();
    expect(await reader.next()).toEqual({ event: 'usage', data: ['api_calls', '5'] });
    hub.close();
  });

  it('finds nothing new in what was shown', async () => {
    const { hub, reads, use, reader } = await watched();
    use('api_calls', 5n);
    await reader.next();
    const before = reads();
    await patrol();
    await patrol();
    expect(reads()).toBe(before);
    hub.close();
  });

  it('ends the streams of those who may no longer watch', async () => {
    const { hub, reader, revoke } = await watched();
    revoke();
    await patrol();
    expect(await reader.rest()).toEqual([{ event: 'bye', data: { reason: 'revoked' } }]);
    hub.close();
  });

  it('ends the streams of a customer who was deleted', async () => {
    const { hub, reader, forget } = await watched();
    forget();
    expect(await reader.rest()).toEqual([{ event: 'bye', data: { reason: 'deleted' } }]);
    await expect(hub.open(WATCHED, until(NOW + HOUR_MS), new AbortController().signal)).rejects.toThrow(
      'deleted',
    );
    hub.close();
  });

  it('goes on when the store was away', async () => {
    const { hub, tenant, reader, useSilently } = await watched();
    const { changedSince } = tenant;
    tenant.changedSince = () => Promise.reject(new Error('away'));
    await patrol();
    tenant.changedSince = changedSince;
    useSilently('api_calls', 5n);
    await patrol();
    expect(await reader.next()).toMatchObject({ event: 'usage' });
    hub.close();
  });
});

describe('the hub keeps nothing', () => {
  it('of a stream’s place, however the stream ends', async () => {
    const { hub, clock, tenant } = hubOver();
    const open = (signal: AbortSignal) => hub.open(WATCHED, until(NOW + HOUR_MS), signal);
    const { account } = tenant;
    for (let n = 0; n < STREAMS_PER_TOKEN_MAX; n += 1) {
      const controller = new AbortController();
      await open(controller.signal);
      controller.abort();
      await (await open(new AbortController().signal)).body?.cancel();
      tenant.account = () => Promise.reject(new Error('away'));
      await expect(open(new AbortController().signal)).rejects.toThrow('away');
      tenant.account = account;
      await open(AbortSignal.abort());
      clock.now += 1_000;
    }
    const places = Array.from({ length: STREAMS_PER_TOKEN_MAX }, () => open(new AbortController().signal));
    await Promise.all(places);
    await expect(open(new AbortController().signal)).rejects.toThrow('streams open');
    hub.close();
  });

  it('of a watcher who aborts', async () => {
    const { hub, use, reads } = hubOver();
    const controller = new AbortController();
    await hub.open(WATCHED, until(NOW + HOUR_MS), controller.signal);
    controller.abort();
    const before = reads();
    use('api_calls', 5n);
    await settled();
    expect([reads(), vi.getTimerCount()]).toEqual([before, 0]);
  });

  it('of a watcher whose reader leaves', async () => {
    const { hub } = hubOver();
    const response = await hub.open(WATCHED, until(NOW + HOUR_MS), new AbortController().signal);
    await response.body?.cancel();
    expect(vi.getTimerCount()).toBe(0);
  });

  it('of a watcher who left before it was let in', async () => {
    const { hub } = hubOver();
    await hub.open(WATCHED, until(NOW + HOUR_MS), AbortSignal.abort());
    expect(vi.getTimerCount()).toBe(0);
  });

  it('of a watcher who leaves while its snapshot is read', async () => {
    const { hub, hold } = hubOver();
    const reads = hold();
    const controller = new AbortController();
    const opening = hub.open(WATCHED, until(NOW + HOUR_MS), controller.signal);
    controller.abort();
    reads.release();
    await opening;
    expect(vi.getTimerCount()).toBe(0);
  });

  it('of a watcher whose snapshot cannot be read', async () => {
    const { hub, tenant } = hubOver();
    tenant.account = () => Promise.reject(new Error('away'));
    await expect(hub.open(WATCHED, until(NOW + HOUR_MS), new AbortController().signal)).rejects.toThrow(
      'away',
    );
    expect(vi.getTimerCount()).toBe(0);
  });

  it('after it is closed', async () => {
    const { hub, listeners } = hubOver();
    await hub.open(WATCHED, until(NOW + HOUR_MS), new AbortController().signal);
    hub.close();
    expect([listeners.size, vi.getTimerCount()]).toEqual([0, 0]);
  });
});
