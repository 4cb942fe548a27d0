import { describe, expect, it, vi } from 'vitest';
import {
  AuthenticationError,
  AuthorizationError,
  ConfigurationError,
  NetworkError,
  QuotaExceededError,
} from '../client/errors.ts';
import { ManualClock, settled } from '../client/testing/clocks.ts';
import type { CheckReply, TrackReply, UsageMetricsReply } from '../client/wire.ts';
// The store loads this when it is needed; on a test's clock it is there at once.
import './background.ts';
import { createStore, LINGER_MS, POLL_MS, type StoreOptions } from './create-store.ts';
import { RECONNECT_CAP_MS, SNAPSHOT_WAIT_MS, STABLE_LINE_MS, WATCHDOG_MS } from './live.ts';
import { FakeBrowser } from './testing/fake-browser.ts';
import { FakeClient, nudge, reading, recorded, wireRow } from './testing/fake-client.ts';

const EVENT = { featureKey: 'api_calls', quantity: 1 };

function setUp(options: StoreOptions = {}) {
  const client = new FakeClient();
  const clock = new ManualClock();
  const store = createStore(client, { clock, random: () => 0.5, ...options });
  return { client, clock, store, consumed: () => store.feature('api_calls')?.consumed };
}

/** A store with a subscriber, and its line up with the first snapshot. */
async function setUpLive(options: StoreOptions = {}, first: UsageMetricsReply = reading()) {
  const all = setUp(options);
  const listener = vi.fn();
  const leave = all.store.subscribe(listener);
  await settled();
  all.client.line.push({ event: 'snapshot', data: first });
  await settled();
  listener.mockClear();
  return { ...all, listener, leave };
}

/** A promise that the test decides. */
function deferred<T>() {
  let resolve!: (value: T) => void;
  let reject!: (error: Error) => void;
  const promise = new Promise<T>((yes, no) => {
    resolve = yes;
    reject = no;
  });
  return { promise, resolve, reject };
}

function page() {
  const listeners = new Set<() => void>();
  return {
    hidden: false,
    subscribe(listener: () => void) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    show(hidden: boolean) {
      this.hidden = hidden;
      for (const listener of listeners) listener();
    },
    listeners,
  };
}

describe('the snapshot', () => {
  it('is pending before anything is known', () => {
    expect(setUp().store.getSnapshot()).toEqual({
      status: 'pending',
      fetchStatus: 'idle',
      metrics: [],
      nudges: [],
      live: false,
      stale: false,
      asOf: null,
      error: null,
    });
  });

  it('is ready from the beginning with initial numbers', () => {
    const { store } = setUp({ initial: reading() });
    expect(store.getSnapshot()).toMatchObject({ status: 'ready', asOf: '2026-02-03T00:00:00.000Z' });
    expect(store.feature('api_calls')).toMatchObject({ consumed: 10 });
  });

  it('is deeply frozen as far as the store made it', async () => {
    const { store } = await setUpLive();
    const snapshot = store.getSnapshot();
    for (const part of [snapshot, snapshot.metrics, snapshot.metrics[0], snapshot.nudges]) {
      expect(Object.isFrozen(part)).toBe(true);
    }
  });

  it('is the same object until something changes', async () => {
    const { client, store, listener } = await setUpLive();
    const before = store.getSnapshot();
    client.line.push({ event: 'heartbeat' }, { event: 'usage', data: wireRow() });
    await settled();
    expect(store.getSnapshot()).toBe(before);
    expect(listener).not.toHaveBeenCalled();
  });

  it('keeps the identity of a feature that only was read again', async () => {
    const { client, store } = await setUpLive({}, reading([wireRow(), wireRow({ feature_key: 'emails' })]));
    const [calls, emails] = store.getSnapshot().metrics;
    const later = { as_of: '2026-02-03T00:01:00.000Z' };
    const data = reading([wireRow({ ...later, consumed: 11 }), wireRow({ ...later, feature_key: 'emails' })]);
    client.line.push({ event: 'snapshot', data });
    await settled();
    expect(store.getSnapshot().metrics[0]).not.toBe(calls);
    expect(store.getSnapshot().metrics[1]).toBe(emails);
    expect(store.getSnapshot().asOf).toBe(later.as_of);
  });
});

describe('subscribing', () => {
  it('tells each listener once of changes that come together', async () => {
    const { client, listener } = await setUpLive();
    client.line.push({
      event: 'snapshot',
      data: reading([wireRow({ consumed: 11 }), wireRow({ feature_key: 'b' })]),
    });
    await settled();
    expect(listener).toHaveBeenCalledTimes(1);
  });

  it('tells a listener of one feature only when that one changes, once per batch', async () => {
    const row = (feature_key: string, consumed: number) => wireRow({ feature_key, consumed });
    const { client, store } = await setUpLive({}, reading([row('a', 10), row('b', 10)]));
    const [a, b] = [vi.fn(), vi.fn()];
    store.subscribe(a, { featureKey: 'a' });
    store.subscribe(b, { featureKey: 'b' });
    client.line.push({ event: 'usage', data: row('a', 11) });
    await settled();
    expect([a.mock.calls.length, b.mock.calls.length]).toEqual([1, 0]);
    client.line.push({ event: 'snapshot', data: reading([row('a', 12), row('b', 11)]) });
    await settled();
    expect([a.mock.calls.length, b.mock.calls.length]).toEqual([2, 1]);
  });

  it('tells a listener of one feature when that one comes or goes', async () => {
    const { client, store } = await setUpLive({}, reading([wireRow({ feature_key: 'a' })]));
    const listener = vi.fn();
    store.subscribe(listener, { featureKey: 'b' });
    client.line.push({ event: 'snapshot', data: reading([wireRow({ feature_key: 'b', revision: 2 })]) });
    await settled();
    expect(listener).toHaveBeenCalledTimes(1);
    client.line.push({ event: 'snapshot', data: reading([wireRow({ feature_key: 'a', revision: 3 })]) });
    await settled();
    expect(listener).toHaveBeenCalledTimes(2);
  });

  it('starts work with the first subscriber only', async () => {
    const { client, store } = setUp();
    await settled();
    expect(client.lines).toHaveLength(0);
    store.subscribe(() => undefined);
    store.subscribe(() => undefined);
    await settled();
    expect(client.lines).toHaveLength(1);
  });

  it('ends work a second after the last subscriber', async () => {
    const { client, clock, leave, store } = await setUpLive();
    leave();
    await clock.advance(LINGER_MS - 1);
    expect(client.line.isOpen).toBe(true);
    await clock.advance(1);
    expect(client.line.isOpen).toBe(false);
    expect(clock.timerCount).toBe(0);
    expect(store.getSnapshot()).toMatchObject({ status: 'ready', live: false });
  });

  it('goes on when another subscriber comes in time', async () => {
    const { client, clock, leave, store } = await setUpLive();
    leave();
    store.subscribe(() => undefined);
    await clock.advance(LINGER_MS * 2);
    expect(client.lines).toHaveLength(1);
    expect(client.line.isOpen).toBe(true);
  });

  it('begins anew after the end', async () => {
    const { client, clock, leave, store } = await setUpLive();
    leave();
    await clock.advance(LINGER_MS);
    store.subscribe(() => undefined);
    await settled();
    expect(client.lines).toHaveLength(2);
  });

  it('ends with the signal', async () => {
    const { client, clock, store } = setUp();
    const controller = new AbortController();
    store.subscribe(() => undefined, { signal: controller.signal });
    await settled();
    controller.abort();
    await clock.advance(LINGER_MS);
    expect(client.line.isOpen).toBe(false);
  });

  it('leaves nothing behind after 1 000 rounds', async () => {
    const visibility = page();
    const clock = new ManualClock();
    const browser = new FakeBrowser({ clock });
    const { client, store } = setUp({ clock, pageVisibility: visibility, storage: browser.openTab() });
    for (let round = 0; round < 1_000; round += 1) {
      const leave = store.subscribe(() => undefined);
      await clock.advance(0);
      client.line.push({ event: 'snapshot', data: reading() });
      leave();
      await clock.advance(LINGER_MS);
    }
    expect(client.lines).toHaveLength(1_000);
    expect(client.lines.filter(({ isOpen }) => isOpen)).toEqual([]);
    expect([clock.timerCount, browser.channels.size, browser.lockCount]).toEqual([0, 0, 0]);
    expect(visibility.listeners.size).toBe(0);
  });
});

describe('the live line', () => {
  it('brings the numbers without a separate reading', async () => {
    const { client, store } = await setUpLive();
    expect(store.getSnapshot()).toMatchObject({
      status: 'ready',
      fetchStatus: 'idle',
      live: true,
      stale: false,
    });
    expect(client.metricReads).toBe(0);
  });

  it('changes one feature with a row', async () => {
    const { client, consumed } = await setUpLive();
    client.line.push({ event: 'usage', data: wireRow({ consumed: 12 }) });
    await settled();
    expect(consumed()).toBe(12);
  });

  it('never goes backwards', async () => {
    const { client, consumed } = await setUpLive();
    client.line.push(
      { event: 'usage', data: wireRow({ consumed: 12 }) },
      { event: 'usage', data: wireRow({ consumed: 11 }) },
    );
    await settled();
    expect(consumed()).toBe(12);
  });

  it('leaves stale numbers when it breaks', async () => {
    const { client, store, consumed } = await setUpLive();
    client.onMetrics = () => Promise.reject(new NetworkError('offline'));
    client.line.fail(new NetworkError('reset'));
    await settled();
    expect(store.getSnapshot()).toMatchObject({ status: 'ready', live: false, stale: true });
    expect(consumed()).toBe(10);
  });

  it('is fresh again with the next snapshot', async () => {
    const { client, clock, store } = await setUpLive();
    client.line.fail(new NetworkError('reset'));
    await clock.advance(RECONNECT_CAP_MS);
    client.line.push({ event: 'snapshot', data: reading() });
    await settled();
    expect(store.getSnapshot()).toMatchObject({ live: true, stale: false, error: null });
  });

  it('is not stale over a planned reconnection', async () => {
    const { client, clock, store } = await setUpLive();
    client.line.push({ event: 'bye' });
    await settled();
    expect(store.getSnapshot()).toMatchObject({ live: false, stale: false });
    await clock.advance(500);
    expect(client.lines).toHaveLength(2);
  });

  it('is given up after 40 s of silence', async () => {
    const { client, clock, store } = await setUpLive();
    const { line } = client;
    await clock.advance(WATCHDOG_MS - 1);
    expect(line.isOpen).toBe(true);
    await clock.advance(1);
    expect(line.isOpen).toBe(false);
    expect(store.getSnapshot().stale).toBe(true);
  });

  it('is kept by heartbeats', async () => {
    const { client, clock } = await setUpLive();
    for (let beat = 0; beat < 10; beat += 1) {
      await clock.advance(15_000);
      client.line.push({ event: 'heartbeat' });
    }
    await settled();
    expect(client.lines).toHaveLength(1);
  });

  it('is tried more and more rarely while it does not last', async () => {
    const { client, clock, store } = setUp();
    store.subscribe(() => undefined);
    const waitsMs: number[] = [];
    for (let round = 1; round <= 4; round += 1) {
      await settled();
      client.line.push({ event: 'snapshot', data: reading() }, { event: 'bye' });
      const beganMs = clock.now();
      while (client.lines.length === round) await clock.advance(100);
      waitsMs.push(clock.now() - beganMs);
    }
    expect(waitsMs).toEqual([500, 1_000, 2_000, 4_000]);
  });

  it('is tried again soon after it lasted', async () => {
    const { client, clock, store } = setUp();
    store.subscribe(() => undefined);
    for (let round = 1; round <= 4; round += 1) {
      await settled();
      client.line.push({ event: 'snapshot', data: reading() });
      await clock.advance(STABLE_LINE_MS);
      client.line.push({ event: 'bye' });
      await clock.advance(500);
    }
    expect(client.lines).toHaveLength(5);
  });

  it('is helped out by reading while it cannot be had', async () => {
    const { client, clock, store } = setUp();
    store.subscribe(() => undefined);
    await settled();
    client.line.fail(new NetworkError('refused'));
    await clock.advance(0);
    expect(store.getSnapshot()).toMatchObject({ status: 'ready', live: false, stale: false });
    expect(client.metricReads).toBe(1);
  });

  it('is helped out by reading when its first snapshot is held back', async () => {
    const { client, clock, store } = setUp();
    store.subscribe(() => undefined);
    await clock.advance(SNAPSHOT_WAIT_MS);
    expect(client.metricReads).toBe(1);
    expect(store.getSnapshot().status).toBe('ready');
  });

  it('is replaced by polling where it is not let through', async () => {
    const { client, clock, store } = setUp();
    store.subscribe(() => undefined);
    await settled();
    client.line.fail(new AuthorizationError('a proxy said no', { status: 403 }));
    await clock.advance(3 * POLL_MS);
    expect(client.lines).toHaveLength(1);
    expect(client.metricReads).toBe(4);
    expect(store.getSnapshot()).toMatchObject({ status: 'ready', live: false, error: null });
  });
});

describe('failing', () => {
  it('is an error while there are no numbers', async () => {
    const { client, store } = setUp({ live: 'off' });
    client.onMetrics = () => Promise.reject(new NetworkError('offline'));
    store.subscribe(() => undefined);
    await settled();
    expect(store.getSnapshot()).toMatchObject({
      status: 'error',
      fetchStatus: 'idle',
      error: { name: 'NetworkError' },
    });
  });

  it('keeps the numbers that are there, as stale', async () => {
    const { client, store } = setUp({ live: 'off', initial: reading() });
    client.onMetrics = () => Promise.reject(new NetworkError('offline'));
    store.subscribe(() => undefined);
    await settled();
    expect(store.getSnapshot()).toMatchObject({
      status: 'ready',
      stale: true,
      error: { name: 'NetworkError' },
    });
  });

  it('is over with the next success', async () => {
    const { client, store } = setUp({ live: 'off' });
    client.onMetrics = () => Promise.reject(new NetworkError('offline'));
    await store.refetch();
    client.onMetrics = () => Promise.resolve(reading());
    await store.refetch();
    expect(store.getSnapshot()).toMatchObject({ status: 'ready', stale: false, error: null });
  });

  it('for want of a set-up is not tried again', async () => {
    const { client, clock, store } = setUp();
    store.subscribe(() => undefined);
    await settled();
    client.line.fail(new ConfigurationError('no API'));
    await clock.advance(10 * POLL_MS);
    expect(client.lines).toHaveLength(1);
    expect(client.metricReads).toBe(0);
    expect(store.getSnapshot()).toMatchObject({ status: 'error', error: { name: 'ConfigurationError' } });
  });
});

describe('being signed out', () => {
  const signedOut = () => new AuthenticationError('nobody', { code: 'signed_out' });

  async function setUpSignedOut() {
    const visibility = page();
    const all = setUp({ pageVisibility: visibility });
    all.store.subscribe(() => undefined);
    await settled();
    all.client.line.fail(signedOut());
    await settled();
    return { ...all, visibility };
  }

  it('is quiet', async () => {
    const { store } = await setUpSignedOut();
    expect(store.getSnapshot()).toMatchObject({
      status: 'pending',
      fetchStatus: 'paused',
      error: { name: 'AuthenticationError' },
    });
  });

  it('is not tried again by itself', async () => {
    const { client, clock } = await setUpSignedOut();
    await clock.advance(10 * POLL_MS);
    expect(client.lines).toHaveLength(1);
    expect(client.metricReads).toBe(0);
  });

  it('ends when the person is back', async () => {
    const { client, visibility } = await setUpSignedOut();
    visibility.show(false);
    await settled();
    expect(client.lines).toHaveLength(2);
  });

  it('ends with refetch', async () => {
    const { client, store } = await setUpSignedOut();
    await store.refetch();
    expect(client.lines).toHaveLength(2);
    expect(store.getSnapshot()).toMatchObject({ status: 'ready', error: null });
  });
});

describe('another customer', () => {
  it('takes the place of the one before, with nothing left of them', async () => {
    const { client, store } = await setUpLive(
      {},
      reading([wireRow(), wireRow({ feature_key: 'emails', revision: 9 })]),
    );
    client.line.push({ event: 'snapshot', data: reading([wireRow({ consumed: 1 })], 'bert') });
    await settled();
    expect(store.getSnapshot().metrics.map(({ feature_key, consumed }) => [feature_key, consumed])).toEqual([
      ['api_calls', 1],
    ]);
  });

  it('does not get to see the outcome of an event that was not theirs', async () => {
    const { client, store, consumed } = await setUpLive();
    const answer = deferred<TrackReply>();
    client.onTrack = () => answer.promise;
    const result = store.trackUsage(EVENT);
    client.line.push({ event: 'snapshot', data: reading([wireRow({ consumed: 1 })], 'bert') });
    await settled();
    answer.resolve(recorded(11));
    await result;
    expect(consumed()).toBe(1);
  });

  it('does not get to see the outcome of an event from before anybody’s numbers were there', async () => {
    const { client, store, consumed } = setUp({ live: 'off' });
    const answer = deferred<TrackReply>();
    client.onTrack = () => answer.promise;
    const result = store.trackUsage(EVENT);
    await settled();
    client.onCustomer = () => Promise.resolve('bert');
    client.onMetrics = () => Promise.resolve(reading([wireRow({ consumed: 1 })], 'bert'));
    await store.refetch();
    answer.resolve(recorded(11));
    await result;
    expect(consumed()).toBe(1);
  });

  it('does not get to see a reading that was begun before', async () => {
    const { client, store, consumed } = await setUpLive();
    const answer = deferred<UsageMetricsReply>();
    client.onMetrics = () => answer.promise;
    const refetched = store.refetch();
    client.line.push({ event: 'snapshot', data: reading([wireRow({ consumed: 1 })], 'bert') });
    await settled();
    answer.resolve(reading());
    await refetched;
    expect(consumed()).toBe(1);
  });

  it('gets a line of their own when a reading brings them', async () => {
    const { client, store } = await setUpLive();
    client.onMetrics = () => Promise.resolve(reading([wireRow()], 'bert'));
    const formerLine = client.line;
    await store.refetch();
    expect(formerLine.isOpen).toBe(false);
    expect(client.lines).toHaveLength(2);
  });
});

describe('a hidden page', () => {
  it('has no line', async () => {
    const visibility = page();
    const { client, clock, store } = await setUpLive({ pageVisibility: visibility });
    visibility.show(true);
    await clock.advance(10 * POLL_MS);
    expect(client.lines.map(({ isOpen }) => isOpen)).toEqual([false]);
    expect(clock.timerCount).toBe(0);
    expect(store.getSnapshot()).toMatchObject({ fetchStatus: 'paused', live: false });
  });

  it('is fresh when shown', async () => {
    const visibility = page();
    const { client, consumed } = await setUpLive({ pageVisibility: visibility });
    visibility.show(true);
    visibility.show(false);
    await settled();
    client.line.push({ event: 'snapshot', data: reading([wireRow({ consumed: 20 })]) });
    await settled();
    expect(client.lines).toHaveLength(2);
    expect(consumed()).toBe(20);
  });

  it('asks for nudges when somebody is back: another page may have dismissed one', async () => {
    const visibility = page();
    const { client, store } = await setUpLive({ pageVisibility: visibility });
    client.onNudges = () => Promise.resolve([nudge('n')]);
    visibility.show(false);
    await settled();
    expect(store.getSnapshot().nudges).toHaveLength(1);
    expect(client.lines).toHaveLength(1);
  });

  it('waits until it is shown', async () => {
    const visibility = page();
    visibility.hidden = true;
    const { client, store } = setUp({ pageVisibility: visibility });
    store.subscribe(() => undefined);
    await settled();
    expect(client.lines).toHaveLength(0);
    visibility.show(false);
    await settled();
    expect(client.lines).toHaveLength(1);
  });
});

describe('polling', () => {
  it('reads every 30 s', async () => {
    const { client, clock, store } = setUp({ live: 'poll' });
    store.subscribe(() => undefined);
    await clock.advance(3 * POLL_MS);
    expect(client.lines).toHaveLength(0);
    expect(client.metricReads).toBe(4);
  });

  it('goes on after a failure', async () => {
    const { client, clock, store } = setUp({ live: 'poll' });
    client.onMetrics = () => Promise.reject(new NetworkError('offline'));
    store.subscribe(() => undefined);
    await settled();
    client.onMetrics = () => Promise.resolve(reading());
    await clock.advance(POLL_MS);
    expect(store.getSnapshot()).toMatchObject({ status: 'ready', error: null });
  });
});

describe('without live updates', () => {
  it('reads once for the first subscriber', async () => {
    const { client, clock, store } = setUp({ live: 'off' });
    store.subscribe(() => undefined);
    await clock.advance(10 * POLL_MS);
    expect(client.metricReads).toBe(1);
    expect(store.getSnapshot()).toMatchObject({ status: 'ready', fetchStatus: 'idle' });
  });
});

describe('refetch', () => {
  it('does not take a reading for an answer that was begun before it', async () => {
    const { client, store, consumed } = setUp();
    const first = deferred<UsageMetricsReply>();
    client.onMetrics = () => first.promise;
    const begun = store.refetch();
    client.onMetrics = () => Promise.resolve(reading([wireRow({ consumed: 20 })]));
    const refetched = store.refetch();
    first.resolve(reading());
    await Promise.all([begun, refetched]);
    expect(consumed()).toBe(20);
    expect(client.metricReads).toBe(2);
  });
});

describe('the end of a period', () => {
  const end = (facts: Parameters<typeof wireRow>[0] = {}) =>
    reading([wireRow({ period_end: '2026-02-03T01:00:00.000Z', ...facts })]);

  it('is followed by a reading', async () => {
    const { client, clock } = await setUpLive({ live: 'stream' }, end());
    const beats = setBeats(client);
    for (let minute = 0; minute < 60; minute += 1) {
      await clock.advance(30_000);
      beats();
      await clock.advance(30_000);
      beats();
    }
    expect(client.metricReads).toBe(0);
    await clock.advance(3_000);
    expect(client.metricReads).toBe(1);
  });

  it('is taken from the clock of the server', async () => {
    // The server says that it is an hour later than the page believes.
    const { client, clock } = await setUpLive({}, end({ as_of: '2026-02-03T00:59:59.000Z' }));
    await clock.advance(5_000);
    expect(client.metricReads).toBe(1);
  });

  it('is not read for again and again while the rows stay the same', async () => {
    const { client, clock, store } = setUp({ live: 'off' });
    client.onMetrics = () => Promise.resolve(end({ as_of: '2026-02-03T02:00:00.000Z' }));
    store.subscribe(() => undefined);
    await clock.advance(60_000);
    expect(client.metricReads).toBeLessThanOrEqual(4);
  });

  it('may be further away than timers reach', async () => {
    const { client, clock, store } = setUp({ live: 'off' });
    client.onMetrics = () => Promise.resolve(end({ period_end: '2027-02-03T00:00:00.000Z' }));
    store.subscribe(() => undefined);
    await clock.advance(364 * 86_400_000);
    expect(client.metricReads).toBe(1);
    await clock.advance(86_400_000 + 3_000);
    expect(client.metricReads).toBe(2);
  });

  function setBeats(client: FakeClient) {
    return () => client.line.push({ event: 'heartbeat' });
  }
});

describe('trackUsage', () => {
  it('is shown at once and confirmed by the answer', async () => {
    const { client, store, consumed } = await setUpLive();
    const answer = deferred<TrackReply>();
    client.onTrack = () => answer.promise;
    const result = store.trackUsage(EVENT);
    expect(consumed()).toBe(11);
    answer.resolve(recorded(11));
    expect(await result).toMatchObject({ status: 'recorded', sequence: 11 });
    expect(store.feature('api_calls')).toMatchObject({ consumed: 11, sequence: 11 });
  });

  it('is undone when the server refuses', async () => {
    const { client, store, consumed } = await setUpLive();
    client.onTrack = () =>
      Promise.reject(new AuthorizationError('no plan', { code: 'no_active_subscription' }));
    const result = store.trackUsage(EVENT);
    expect(consumed()).toBe(11);
    await expect(result).rejects.toMatchObject({ code: 'no_active_subscription' });
    expect(consumed()).toBe(10);
  });

  it('is not counted twice on the screen by a row that comes before the answer', async () => {
    const { client, store, consumed } = await setUpLive();
    const answer = deferred<TrackReply>();
    client.onTrack = () => answer.promise;
    const result = store.trackUsage(EVENT);
    client.line.push({ event: 'usage', data: wireRow({ consumed: 11 }) });
    await settled();
    expect(consumed()).toBe(11);
    answer.resolve(recorded(11));
    await result;
    expect(consumed()).toBe(11);
  });

  it('learns from a refusal how much is used, and asks for nudges', async () => {
    const { client, store, consumed } = await setUpLive();
    const { usage } = recorded(100);
    client.onTrack = () => Promise.reject(new QuotaExceededError('full', { details: { usage } }));
    client.onNudges = () => Promise.resolve([nudge('n1')]);
    await expect(store.trackUsage(EVENT)).rejects.toMatchObject({ name: 'QuotaExceededError' });
    await settled();
    expect(consumed()).toBe(100);
    expect(store.getSnapshot().nudges).toEqual([nudge('n1')]);
  });

  it('reads everything again when the answer knows of a newer plan', async () => {
    const { client, store } = await setUpLive();
    client.onTrack = () => Promise.resolve(recorded(11, { revision: 2 }));
    await store.trackUsage(EVENT);
    await settled();
    expect(client.metricReads).toBe(1);
  });

  it.each([NaN, -1])('refuses a quantity of %d without showing it', async (quantity) => {
    const { client, store, consumed } = await setUpLive();
    await expect(store.trackUsage({ ...EVENT, quantity })).rejects.toMatchObject({ name: 'ValidationError' });
    expect(consumed()).toBe(10);
    expect(client.sent).toEqual([]);
  });

  it('that is refused after it was queued is told by the snapshot', async () => {
    const { client, clock, store } = await setUpLive({ waitMs: 0 });
    const answer = deferred<TrackReply>();
    client.onTrack = () => answer.promise;
    const result = store.trackUsage(EVENT);
    await clock.advance(0);
    expect(await result).toMatchObject({ status: 'queued' });
    answer.reject(new QuotaExceededError('full', { code: 'quota_exceeded', status: 402 }));
    await settled();
    expect(store.getSnapshot().error).toMatchObject({ name: 'QuotaExceededError' });
    expect(store.feature('api_calls')?.consumed).toBe(10);
  });

  it('is not shown to a customer who is not the one it is for', async () => {
    const { client, store, consumed } = await setUpLive();
    client.onCustomer = () => Promise.resolve('bert');
    client.onTrack = () => Promise.resolve(recorded(99));
    await store.trackUsage(EVENT);
    expect(consumed()).toBe(10);
  });

  it('works without any subscriber', async () => {
    const { client, store } = setUp();
    expect(await store.trackUsage(EVENT)).toMatchObject({ status: 'recorded' });
    expect(client.lines).toHaveLength(0);
  });
});

describe('nudges', () => {
  it('are read at the beginning', async () => {
    const { client } = await setUpLive();
    expect(client.nudgeReads).toBe(1);
  });

  it.each([
    ['a status rises', wireRow({ consumed: 85, status: 'warning' })],
    ['the plan changes', wireRow({ revision: 2 })],
    ['a period begins', wireRow({ period_start: '2026-03-01T00:00:00.000Z' })],
  ])('are read again when %s', async (_what, data) => {
    const { client } = await setUpLive();
    client.line.push({ event: 'usage', data });
    await settled();
    expect(client.nudgeReads).toBe(2);
  });

  it.each([
    ['again when they were read too early for the first numbers', 'warning', 2],
    ['once when the first numbers give no cause', 'ok', 1],
  ] as const)('are read %s', async (_what, status, reads) => {
    const { client, store } = setUp();
    store.subscribe(() => undefined);
    await settled();
    client.line.push({ event: 'snapshot', data: reading([wireRow({ status })]) });
    await settled();
    expect(client.nudgeReads).toBe(reads);
  });

  it('are not read again for usage that changes nothing', async () => {
    const { client } = await setUpLive();
    client.line.push({ event: 'usage', data: wireRow({ consumed: 11 }) });
    await settled();
    expect(client.nudgeReads).toBe(1);
  });

  it('that cannot be read leave the numbers alone', async () => {
    const { client, store } = setUp();
    client.onNudges = () => Promise.reject(new NetworkError('offline'));
    store.subscribe(() => undefined);
    await settled();
    client.line.push({ event: 'snapshot', data: reading() });
    await settled();
    expect(store.getSnapshot()).toMatchObject({ status: 'ready', error: null, nudges: [] });
  });

  it('go at once when dismissed', async () => {
    const { client, store } = setUp();
    client.onNudges = () => Promise.resolve([nudge('n1'), nudge('n2')]);
    await store.refetch();
    const done = deferred<void>();
    client.onDismiss = () => done.promise;
    const dismissed = store.dismissNudge('n1');
    expect(store.getSnapshot().nudges.map(({ id }) => id)).toEqual(['n2']);
    client.onNudges = () => Promise.resolve([nudge('n2')]);
    done.resolve();
    await dismissed;
    await settled();
    expect(store.getSnapshot().nudges.map(({ id }) => id)).toEqual(['n2']);
  });

  it('come back when the dismissal failed', async () => {
    const { client, store } = setUp();
    client.onNudges = () => Promise.resolve([nudge('n1')]);
    await store.refetch();
    client.onDismiss = () => Promise.reject(new NetworkError('offline'));
    await expect(store.dismissNudge('n1')).rejects.toMatchObject({ name: 'NetworkError' });
    expect(store.getSnapshot().nudges.map(({ id }) => id)).toEqual(['n1']);
  });

  it('are not brought back by a list that was read before the dismissal', async () => {
    const { client, store } = setUp();
    client.onNudges = () => Promise.resolve([nudge('n1')]);
    await store.refetch();
    const old = deferred<ReturnType<typeof nudge>[]>();
    client.onNudges = () => old.promise;
    const refetched = store.refetch();
    await settled();
    await store.dismissNudge('n1');
    client.onNudges = () => new Promise(() => undefined);
    old.resolve([nudge('n1')]);
    await settled();
    expect(store.getSnapshot().nudges).toEqual([]);
    void refetched;
  });
});

describe('checkFeature', () => {
  it('is the word of the server', async () => {
    const { client, store } = setUp();
    const reply = { has_access: false } as CheckReply;
    client.checkFeature = vi.fn(() => Promise.resolve(reply));
    expect(await store.checkFeature('api_calls', { quantity: 3 })).toBe(reply);
    expect(client.checkFeature).toHaveBeenCalledWith('api_calls', { quantity: 3 });
  });
});

describe('close', () => {
  it('ends all work for good', async () => {
    const { client, clock, store } = await setUpLive();
    store.close();
    store.subscribe(() => undefined);
    await store.refetch();
    await clock.advance(10 * POLL_MS);
    expect(client.lines.map(({ isOpen }) => isOpen)).toEqual([false]);
    expect(client.metricReads).toBe(0);
    expect(clock.timerCount).toBe(0);
  });

  it('tells those who wait that the outcome is not known', async () => {
    const { client, store } = await setUpLive();
    client.onTrack = () => new Promise(() => undefined);
    const result = store.trackUsage({ ...EVENT, idempotencyKey: 'k' });
    const rejected = expect(result).rejects.toMatchObject({ code: 'store_closed', idempotencyKey: 'k' });
    store.close();
    await rejected;
  });
});
