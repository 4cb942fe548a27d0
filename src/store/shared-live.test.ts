import { describe, expect, it } from 'vitest';
import { AuthenticationError, AuthorizationError, NetworkError } from '../client/errors.ts';
import { ManualClock, settled } from '../client/testing/clocks.ts';
// The store loads this when it is needed; here it is there at once.
import './background.ts';
import { createStore, LINGER_MS, POLL_MS } from './create-store.ts';
import { SNAPSHOT_WAIT_MS } from './live.ts';
import { FakeBrowser } from './testing/fake-browser.ts';
import { FakeClient, nudge, reading, wireRow } from './testing/fake-client.ts';

/** Longer than any takeover may take (UI contract §7). */
const TAKEOVER_MS = 5_000;

function setUp() {
  const clock = new ManualClock();
  const browser = new FakeBrowser({ clock });

  /** A tab with a store that somebody watches, and a page that can be hidden. */
  async function openTab(customer = 'anna') {
    const tab = browser.openTab();
    const client = new FakeClient();
    client.onCustomer = () => Promise.resolve(customer);
    client.onMetrics = () => Promise.resolve(reading([wireRow()], customer));
    const listeners = new Set<() => void>();
    const page = {
      hidden: false,
      subscribe(listener: () => void) {
        listeners.add(listener);
        return () => listeners.delete(listener);
      },
    };
    const { clock: time } = tab;
    const store = createStore(client, { clock: time, random: () => 0.5, storage: tab, pageVisibility: page });
    const leave = store.subscribe(() => undefined);
    await clock.advance(0);
    return {
      tab,
      client,
      store,
      leave,
      consumed: () => store.feature('api_calls')?.consumed,
      show: (hidden: boolean) => {
        page.hidden = hidden;
        for (const listener of listeners) listener();
      },
    };
  }

  /** Tabs of which the first has the line, which has brought numbers. */
  async function openTabs(count: number) {
    const tabs = [await openTab()];
    tabs[0]!.client.line.push({ event: 'snapshot', data: reading() });
    await clock.advance(0);
    while (tabs.length < count) tabs.push(await openTab());
    return tabs as [Tab, Tab, ...Tab[]];
  }
  type Tab = Awaited<ReturnType<typeof openTab>>;

  return { clock, browser, openTab, openTabs };
}

const lineCount = (tabs: readonly { client: FakeClient }[]) =>
  tabs.flatMap(({ client }) => client.lines).filter(({ isOpen }) => isOpen).length;

describe('ten tabs', () => {
  it('have one line', async () => {
    const { clock, openTabs } = setUp();
    const tabs = await openTabs(10);
    await clock.advance(4 * TAKEOVER_MS);
    expect(lineCount(tabs)).toBe(1);
  });

  it('show what it brings, also those that come later, without a reading', async () => {
    const { clock, openTabs } = setUp();
    const tabs = await openTabs(10);
    tabs[0].client.line.push({ event: 'usage', data: wireRow({ consumed: 12 }) });
    await clock.advance(0);
    expect(tabs.map(({ consumed }) => consumed())).toEqual(Array(10).fill(12));
    expect(tabs.every(({ store }) => store.getSnapshot().live)).toBe(true);
    expect(tabs.reduce((sum, { client }) => sum + client.metricReads, 0)).toBe(0);
  });

  it('are stale together when it breaks, and live together when it is back', async () => {
    const { clock, openTabs } = setUp();
    const tabs = await openTabs(3);
    const [leader] = tabs;
    leader.client.onMetrics = () => Promise.reject(new NetworkError('offline'));
    leader.client.line.fail(new NetworkError('reset'));
    await clock.advance(0);
    expect(tabs.map(({ store }) => store.getSnapshot().stale)).toEqual([true, true, true]);
    await clock.advance(1_000);
    leader.client.line.push({ event: 'snapshot', data: reading() });
    await clock.advance(0);
    expect(tabs.map(({ store }) => store.getSnapshot().live)).toEqual([true, true, true]);
    expect(tabs.map(({ store }) => store.getSnapshot().stale)).toEqual([false, false, false]);
  });

  it('drop a nudge together when one of them puts it away', async () => {
    const { clock, openTabs } = setUp();
    const [first, second] = await openTabs(2);
    for (const { client, store } of [first, second]) {
      client.onNudges = () => Promise.resolve([nudge('n')]);
      void store.refetch();
    }
    await clock.advance(0);
    expect(second.store.getSnapshot().nudges).toHaveLength(1);
    void first.store.dismissNudge('n');
    await clock.advance(0);
    expect(second.store.getSnapshot().nudges).toEqual([]);
  });
});

describe('the leader', () => {
  it.each([
    ['closes', ({ tab }: Leader) => tab.close()],
    ['is hidden', ({ show }: Leader) => show(true)],
    ['freezes', ({ tab }: Leader) => tab.freeze()],
    ['is no longer watched', ({ leave }: Leader) => leave()],
    ['closes its store', ({ store }: Leader) => store.close()],
  ])('hands over within 5 s when it %s', async (_how, act) => {
    const { clock, openTabs } = setUp();
    const [leader, follower] = await openTabs(2);
    act(leader);
    await clock.advance(TAKEOVER_MS);
    expect(follower.client.lines).toHaveLength(1);
    follower.client.line.push({ event: 'snapshot', data: reading([wireRow({ consumed: 20 })]) });
    await clock.advance(0);
    expect(follower.consumed()).toBe(20);
    expect(follower.store.getSnapshot()).toMatchObject({ live: true, stale: false });
  });

  it('follows, with one line left, when it thaws', async () => {
    const { clock, openTabs } = setUp();
    const tabs = await openTabs(2);
    tabs[0].tab.freeze();
    await clock.advance(TAKEOVER_MS);
    tabs[1].client.line.push({ event: 'snapshot', data: reading([wireRow({ consumed: 20 })]) });
    await clock.advance(0);
    tabs[0].tab.thaw();
    await clock.advance(0);
    expect(lineCount(tabs)).toBe(1);
    expect(tabs.map(({ consumed }) => consumed())).toEqual([20, 20]);
    expect(tabs[0].store.getSnapshot().live).toBe(true);
  });

  it('is not a tab that is hidden, which is fresh when shown', async () => {
    const { clock, openTabs } = setUp();
    const [leader, follower] = await openTabs(2);
    follower.show(true);
    leader.client.line.push({ event: 'usage', data: wireRow({ consumed: 30 }) });
    await clock.advance(0);
    expect(follower.consumed()).toBe(10);
    follower.show(false);
    await clock.advance(0);
    expect(follower.consumed()).toBe(30);
    expect(follower.client.lines).toHaveLength(0);
  });

  it('reads for all where a line does not get through', async () => {
    const { clock, openTab } = setUp();
    const leader = await openTab();
    const follower = await openTab();
    leader.client.line.fail(new AuthorizationError('a proxy said no', { status: 403 }));
    await clock.advance(0);
    expect(follower.store.getSnapshot()).toMatchObject({ status: 'ready', live: false });
    leader.client.onMetrics = () => Promise.resolve(reading([wireRow({ consumed: 40 })]));
    await clock.advance(POLL_MS * 1.1);
    expect(follower.consumed()).toBe(40);
    expect(follower.client.metricReads).toBe(0);
    expect(follower.client.lines).toHaveLength(0);
  });

  type Leader = Awaited<ReturnType<ReturnType<typeof setUp>['openTab']>>;
});

describe('a follower', () => {
  it('reads by itself when nobody tells it anything', async () => {
    const { clock, openTab } = setUp();
    await openTab();
    const follower = await openTab();
    await clock.advance(SNAPSHOT_WAIT_MS);
    expect(follower.store.getSnapshot().status).toBe('ready');
    expect(follower.client.metricReads).toBe(1);
  });

  it('does not take one meter for all', async () => {
    const { clock, openTab } = setUp();
    const leader = await openTab();
    const follower = await openTab();
    leader.client.line.push({ event: 'usage', data: wireRow() });
    await clock.advance(0);
    expect(follower.store.getSnapshot()).toMatchObject({ status: 'pending', metrics: [] });
  });
});

describe('two customers', () => {
  it('have a line each, and hear nothing of each other', async () => {
    const { clock, openTab } = setUp();
    const [anna, bert] = [await openTab('anna'), await openTab('bert')];
    anna.client.line.push({ event: 'snapshot', data: reading([wireRow({ consumed: 50 })], 'anna') });
    bert.client.line.push({ event: 'snapshot', data: reading([wireRow({ consumed: 1 })], 'bert') });
    await clock.advance(0);
    anna.client.line.push({ event: 'usage', data: wireRow({ consumed: 51 }) });
    await clock.advance(0);
    expect([anna.consumed(), bert.consumed()]).toEqual([51, 1]);
  });

  it('with the same user id in two tenants do not share numbers either', async () => {
    const { clock, openTab } = setUp();
    const { client, store, consumed } = await openTab('["api","one","u"]');
    client.line.push({ event: 'snapshot', data: reading([wireRow({ consumed: 50, revision: 9 })], 'u') });
    await clock.advance(0);
    client.onCustomer = () => Promise.resolve('["api","two","u"]');
    client.onMetrics = () => Promise.resolve(reading([wireRow({ consumed: 1 })], 'u'));
    void store.refetch();
    await clock.advance(0);
    expect(consumed()).toBe(1);
  });

  it('change places when the line tells that another is signed in', async () => {
    const { clock, openTabs } = setUp();
    const [leader, follower] = await openTabs(2);
    leader.client.onCustomer = () => Promise.resolve('bert');
    leader.client.line.fail(new AuthenticationError('not theirs', { code: 'customer_changed' }));
    await clock.advance(0);
    leader.client.line.push({ event: 'snapshot', data: reading([wireRow({ consumed: 1 })], 'bert') });
    await clock.advance(TAKEOVER_MS);
    expect(leader.consumed()).toBe(1);
    expect(follower.consumed()).toBe(10);
    expect(follower.client.lines).toHaveLength(1);
  });
});

describe('a session that cannot be reached', () => {
  it('is tried again, and then shared', async () => {
    const { clock, browser } = setUp();
    const tab = browser.openTab();
    const client = new FakeClient();
    client.onCustomer = () => Promise.reject(new NetworkError('offline'));
    const store = createStore(client, { clock: tab.clock, random: () => 0.5, storage: tab });
    store.subscribe(() => undefined);
    await clock.advance(0);
    expect(store.getSnapshot()).toMatchObject({ status: 'error', error: { name: 'NetworkError' } });
    client.onCustomer = () => Promise.resolve('anna');
    await clock.advance(1_000);
    expect(client.lines).toHaveLength(1);
    expect(browser.lockCount).toBe(1);
  });
});

describe('nothing is left', () => {
  it('of 1 000 subscriptions', async () => {
    const { clock, browser, openTab } = setUp();
    const { client, leave, store } = await openTab();
    leave();
    for (let round = 0; round < 1_000; round += 1) {
      const leaveAgain = store.subscribe(() => undefined, { featureKey: 'api_calls' });
      if (round % 10 === 0) await clock.advance(0);
      leaveAgain();
    }
    await clock.advance(LINGER_MS);
    await settled();
    expect([clock.timerCount, browser.channels.size, browser.lockCount]).toEqual([0, 0, 0]);
    expect(client.lines.filter(({ isOpen }) => isOpen)).toEqual([]);
  });

  it('of 1 000 stores', async () => {
    const { clock, browser, openTab } = setUp();
    for (let round = 0; round < 1_000; round += 1) (await openTab()).store.close();
    await clock.advance(LINGER_MS);
    expect([clock.timerCount, browser.channels.size, browser.lockCount]).toEqual([0, 0, 0]);
  });
});
