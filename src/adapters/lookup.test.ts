import { describe, expect, test } from 'vitest';
import { AuthenticationError, NetworkError } from '../client/errors.ts';
import type { CheckReply } from '../client/wire.ts';
import { FakeStore, metricOf } from '../elements/testing/fake-store.ts';
import { createStore } from '../store/create-store.ts';
import { FakeClient, reading, wireRow } from '../store/testing/fake-client.ts';
import { featureLookup } from './lookup.ts';

/** A store that answers checks as the test says. */
class AskedStore extends FakeStore {
  asked = 0;
  answer: () => Promise<CheckReply> = () => Promise.resolve(replyOf(true));

  override checkFeature(): Promise<CheckReply> {
    this.asked += 1;
    return this.answer();
  }
}

function replyOf(has_access: boolean): CheckReply {
  return {
    ...{ feature_key: 'sso', has_access, reason: has_access ? null : 'feature_not_in_plan' },
    ...{ limit: null, usage: null, metadata: { remaining: null, resets_at: null, type: 'boolean_flag' } },
    ...{ as_of: '2026-02-03T14:02:00.000Z', sequence: 0, revision: 3 },
  };
}

/** Lets what was asked be answered. */
async function settled(): Promise<void> {
  for (let turn = 0; turn < 10; turn += 1) await Promise.resolve();
}

function followed(store: AskedStore, featureKey: string) {
  const lookup = featureLookup(store, featureKey);
  const leave = lookup.subscribe(() => undefined);
  return { lookup, leave, access: () => lookup.getState().data?.has_access };
}

describe('a metered feature', () => {
  test('is read off its meter, without a question', () => {
    const store = new AskedStore({ metrics: [metricOf({ consumed: 999 })] });
    const { lookup, access } = followed(store, 'api_calls');
    expect(access()).toBe(true);
    store.set({ metrics: [metricOf({ consumed: 1000 })] });
    expect(lookup.getState().data).toMatchObject({
      has_access: false,
      reason: 'quota_exceeded',
      usage: 1000,
    });
    expect(store.asked).toBe(0);
  });

  test('stays open past its limit where that is allowed, and without a limit', () => {
    const over = metricOf({ consumed: 1001, overage_allowed: true });
    const store = new AskedStore({ metrics: [over, metricOf({ feature_key: 'mails', limit: Infinity })] });
    expect(followed(store, 'api_calls').access()).toBe(true);
    expect(followed(store, 'mails').access()).toBe(true);
  });

  test('leaves nothing behind when the plan no longer has it', async () => {
    const store = new AskedStore({ metrics: [metricOf()] });
    store.answer = () => Promise.resolve(replyOf(false));
    const { access } = followed(store, 'api_calls');
    store.set({ metrics: [] });
    expect(access()).toBe(undefined);
    await settled();
    expect(access()).toBe(false);
  });
});

describe('a feature without a meter', () => {
  test('is asked for once, however many want to know', async () => {
    const store = new AskedStore({ metrics: [metricOf()] });
    const [one, two] = [followed(store, 'sso'), followed(store, 'sso')];
    await settled();
    store.set({ metrics: [metricOf({ consumed: 843 })] });
    await settled();
    expect([one.access(), two.access(), store.asked]).toEqual([true, true, 1]);
  });

  test('is asked for again when the plan changes, and keeps its answer meanwhile', async () => {
    const store = new AskedStore({ metrics: [metricOf()] });
    const { access, lookup } = followed(store, 'sso');
    await settled();
    store.answer = () => Promise.resolve(replyOf(false));
    store.set({ metrics: [metricOf({ revision: 4 })] });
    expect(access()).toBe(true);
    await settled();
    expect(lookup.getState()).toMatchObject({ data: { has_access: false, limit: 0 }, isFetching: false });
  });

  test('keeps the last answer after a failure, and is asked for again when the line is back', async () => {
    const store = new AskedStore({ metrics: [metricOf()] });
    const { access, lookup } = followed(store, 'sso');
    await settled();
    store.answer = () => Promise.reject(new NetworkError('down'));
    await lookup.refetch();
    expect(lookup.getState()).toMatchObject({ isError: true, error: { code: 'network_error' } });
    expect(access()).toBe(true);
    store.answer = () => Promise.resolve(replyOf(false));
    store.set({ stale: true });
    store.set({ stale: false });
    await settled();
    expect(lookup.getState()).toMatchObject({ isError: false, error: null });
    expect(access()).toBe(false);
  });

  test('is forgotten with the customer who signs out', async () => {
    const store = new AskedStore({ metrics: [metricOf()] });
    const { lookup } = followed(store, 'sso');
    await settled();
    store.set({ error: new AuthenticationError('nobody') });
    expect(lookup.getState()).toMatchObject({ data: undefined, isLoading: false, isError: true });
  });

  test('an answer that comes after the customer has left is dropped', async () => {
    const store = new AskedStore({ metrics: [metricOf()] });
    let answer: (reply: CheckReply) => void = () => undefined;
    store.answer = () => new Promise((resolve) => (answer = resolve));
    const { access } = followed(store, 'sso');
    await settled();
    store.set({ error: new AuthenticationError('nobody') });
    answer(replyOf(true));
    await settled();
    expect(access()).toBe(undefined);
  });
});

test('an answer never shows to the customer who signs in next, though both have the same plan', async () => {
  const client = new FakeClient();
  const store = createStore(client, { live: 'off', storage: 'memory' });
  let user = 'anna';
  client.onCustomer = () => Promise.resolve(user);
  client.onMetrics = () => Promise.resolve(reading([wireRow()], user));
  client.checkFeature = () => Promise.resolve(replyOf(user === 'anna'));
  const lookup = featureLookup(store, 'sso');
  const seen: (boolean | undefined)[] = [];
  const leave = lookup.subscribe(() => seen.push(lookup.getState().data?.has_access));
  await store.refetch();
  await settled();
  expect(seen.at(-1)).toBe(true);
  user = 'ben';
  seen.length = 0;
  await store.refetch();
  await settled();
  expect(lookup.getState().data).toMatchObject({ has_access: false });
  expect(seen).not.toContain(true);
  leave();
  store.close();
});

test('nothing listens to the store once nobody wants to know', () => {
  const store = new AskedStore({ metrics: [metricOf()] });
  const { leave } = followed(store, 'api_calls');
  expect(store.subscribers).toBe(1);
  leave();
  expect(store.subscribers).toBe(0);
});
