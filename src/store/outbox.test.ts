import { describe, expect, it } from 'vitest';
import {
  AuthenticationError,
  AuthorizationError,
  ConfigurationError,
  NetworkError,
  QuotaExceededError,
  RateLimitError,
} from '../client/errors.ts';
import { ManualClock, settled } from '../client/testing/clocks.ts';
import type { BrowserParts } from './browser-parts.ts';
import { STORAGE_WAIT_MS } from './event-storage.ts';
import { EVENT_AGE_MAX_MS, EVENT_AHEAD_MAX_MS, OUTBOX_EVENTS_MAX } from './lost-events.ts';
import { FLUSH_BYTES_MAX, openOutbox } from './outbox.ts';
import { ASKED_PAUSE_MAX_MS, OUTBOX_BACKOFF_CAP_MS } from './pauses.ts';
import { HEARSAY_MS } from './sender.ts';
import { FakeBrowser, type FakeTab } from './testing/fake-browser.ts';
import { FakeClient, recorded } from './testing/fake-client.ts';
import type { Outcome } from './tracked-event.ts';

const WAIT_MS = 10_000;
const event = (idempotencyKey: string, featureKey = 'api_calls') => ({
  featureKey,
  quantity: 1,
  idempotencyKey,
});
const offline = () => Promise.reject(new NetworkError('offline'));
const signedOut = () => Promise.reject(new AuthenticationError('nobody', { code: 'signed_out' }));
const refused = () => Promise.reject(new QuotaExceededError('full', { code: 'quota_exceeded', status: 402 }));

interface SetUp {
  client?: FakeClient;
  clock?: ManualClock;
  tab?: FakeTab;
  browser?: BrowserParts;
}

/** An outbox of one page, in memory unless it is given a tab. */
async function setUp({
  client = new FakeClient(),
  clock = new ManualClock(),
  tab,
  browser = tab,
}: SetUp = {}) {
  const unheard: Error[] = [];
  const foreign: string[] = [];
  const opening = openOutbox({
    client,
    clock: tab?.clock ?? clock,
    random: () => 0.5,
    waitMs: WAIT_MS,
    browser,
    onUnheard: (error) => unheard.push(error),
    onForeign: ({ input }) => foreign.push(input.idempotencyKey),
  });
  await clock.advance(STORAGE_WAIT_MS);
  const outbox = await opening;
  const outcomes: Record<string, Outcome> = {};
  const send = (key: string, featureKey?: string) =>
    outbox.send(event(key, featureKey), {
      customer: client.customer(),
      hasOwnKey: false,
      onSettled: (outcome) => {
        outcomes[key] = outcome;
      },
    });
  const keys = () => client.sent.map(({ input }) => input.idempotencyKey);
  return { client, clock, outbox, outcomes, send, keys, unheard, foreign };
}

/** A browser with a tab in which an outbox is open. */
async function setUpTab(facts: { client?: FakeClient; browser?: FakeBrowser; clock?: ManualClock } = {}) {
  const clock = facts.clock ?? new ManualClock();
  const browser = facts.browser ?? new FakeBrowser({ clock });
  const tab = browser.openTab();
  return { ...(await setUp({ clock, tab, ...(facts.client && { client: facts.client }) })), browser, tab };
}

describe('an event', () => {
  it('is recorded', async () => {
    const { send, outcomes } = await setUp();
    expect(await send('a')).toEqual({ status: 'recorded', idempotencyKey: 'a', ...recorded(11) });
    expect(outcomes['a']).toEqual({ reply: recorded(11) });
  });

  it('is refused', async () => {
    const { client, send } = await setUp();
    client.onTrack = () => Promise.reject(new QuotaExceededError('full'));
    await expect(send('a')).rejects.toMatchObject({ name: 'QuotaExceededError' });
  });

  it('is repeated with its key until the outcome is known', async () => {
    const { client, clock, send, keys } = await setUp();
    client.onTrack = offline;
    const result = send('a');
    await clock.advance(3_000);
    client.onTrack = () => Promise.resolve(recorded(11));
    await clock.advance(6_000);
    expect(await result).toMatchObject({ status: 'recorded' });
    expect(new Set(keys())).toEqual(new Set(['a']));
    expect(keys().length).toBeGreaterThan(2);
  });

  it('is queued for the caller when the outcome is not known in time, and still sent', async () => {
    const { client, clock, outcomes, send } = await setUp();
    client.onTrack = offline;
    const result = send('a');
    await clock.advance(WAIT_MS);
    expect(await result).toEqual({ status: 'queued', idempotencyKey: 'a' });
    client.onTrack = () => Promise.resolve(recorded(11));
    await clock.advance(OUTBOX_BACKOFF_CAP_MS);
    expect(outcomes['a']).toEqual({ reply: recorded(11) });
  });

  it('waits its turn behind those that wait, and goes out in order', async () => {
    const { client, clock, outbox, send, keys } = await setUp();
    client.onTrack = offline;
    void send('a');
    await settled();
    void send('b');
    void send('c');
    await clock.advance(0);
    client.sent.length = 0;
    client.onTrack = () => Promise.resolve(recorded(11));
    outbox.resume();
    await clock.advance(0);
    expect(keys()).toEqual(['a', 'b', 'c']);
  });

  it('is not sent earlier than the server asked, whoever is back', async () => {
    const { client, clock, outbox, send, keys } = await setUp();
    client.onTrack = () =>
      Promise.reject(new RateLimitError('slow down', { retryable: true, retryAfter: 300 }));
    void send('a');
    await clock.advance(299_000);
    outbox.resume();
    await clock.advance(0);
    expect(keys()).toHaveLength(1);
    await clock.advance(1_000);
    expect(keys()).toHaveLength(2);
  });

  it('is sent again within the hour, however long the server asks to wait', async () => {
    const { client, clock, send, keys } = await setUp();
    client.onTrack = () => Promise.reject(new RateLimitError('never', { retryable: true, retryAfter: 1e12 }));
    void send('a');
    await clock.advance(ASKED_PAUSE_MAX_MS - 1);
    expect(keys()).toHaveLength(1);
    await clock.advance(1);
    expect(keys()).toHaveLength(2);
  });

  it('of one counter goes out after the one before, of another at the same time', async () => {
    const { client, clock, send, keys } = await setUp();
    client.onTrack = () => new Promise(() => undefined);
    void send('a1', 'a');
    void send('a2', 'a');
    void send('b1', 'b');
    await clock.advance(0);
    expect(keys()).toEqual(['a1', 'b1']);
  });

  it('lets the oldest go when there are too many, which are counted', async () => {
    const { client, clock, send, unheard } = await setUp();
    client.onTrack = offline;
    const first = expect(send('k0')).rejects.toMatchObject({ code: 'outbox_full', idempotencyKey: 'k0' });
    await clock.advance(0);
    for (let index = 1; index <= OUTBOX_EVENTS_MAX; index += 1) void send(`k${index}`);
    await clock.advance(WAIT_MS);
    await first;
    void send('more');
    await clock.advance(0);
    expect(unheard).toMatchObject([{ code: 'outbox_full', details: { lost: 2 } }]);
  });

  it('is told to the page when it is refused after its caller has left', async () => {
    const { client, clock, send, unheard } = await setUp();
    client.onTrack = offline;
    const result = send('a');
    await clock.advance(WAIT_MS);
    expect(await result).toMatchObject({ status: 'queued' });
    client.onTrack = refused;
    await clock.advance(OUTBOX_BACKOFF_CAP_MS);
    expect(unheard).toMatchObject([{ name: 'QuotaExceededError' }]);
  });

  it.each([
    ['a proxy that forbids', (): Error => new AuthorizationError('no', { status: 403, code: 'http_403' })],
    ['a session route that is broken', () => new ConfigurationError('no JSON')],
  ])('is not given up for %s', async (_what, makeError) => {
    const { client, clock, outbox, send, outcomes } = await setUp();
    client.onTrack = () => Promise.reject(makeError());
    void send('a');
    await clock.advance(WAIT_MS);
    expect(outcomes).toEqual({});
    client.onTrack = () => Promise.resolve(recorded(11));
    outbox.resume();
    await clock.advance(0);
    expect(outcomes['a']).toEqual({ reply: recorded(11) });
  });
});

describe('the time of an event', () => {
  const input = { featureKey: 'api_calls', quantity: 1, idempotencyKey: 'k' };
  const onSettled = () => undefined;

  it('is sent along with a key that was made for it, the same at every repetition', async () => {
    const { client, clock, outbox } = await setUp();
    client.onTrack = offline;
    void outbox.send(input, { customer: client.customer(), hasOwnKey: true, onSettled });
    await clock.advance(WAIT_MS);
    const times = client.sent.map(({ input: { timestamp } }) => timestamp);
    expect(times.length).toBeGreaterThan(2);
    expect(new Set(times)).toEqual(new Set(['2026-02-03T00:00:02.000Z']));
  });

  it('is not sent with a key of the host, which may repeat the call at another time', async () => {
    const { client, clock, outbox } = await setUp();
    void outbox.send(input, { customer: client.customer(), hasOwnKey: false, onSettled });
    await clock.advance(0);
    expect(client.sent[0]?.input).toEqual(input);
  });

  it('is not sent as somebody who does not tell who they are: a server’s time picks the period', async () => {
    const { client, clock, outbox } = await setUp();
    client.onCustomer = () => Promise.resolve(undefined);
    void outbox.send(input, { customer: client.customer(), hasOwnKey: true, onSettled });
    await clock.advance(0);
    expect(client.sent[0]?.input).toEqual(input);
  });
});

describe('without a session', () => {
  it('a new event is refused', async () => {
    const { client, send } = await setUp();
    client.onCustomer = signedOut;
    await expect(send('a')).rejects.toMatchObject({ name: 'AuthenticationError' });
    expect(client.sent).toEqual([]);
  });

  it('a new event waits while the session cannot be reached', async () => {
    const { client, clock, send } = await setUp();
    client.onCustomer = () => Promise.reject(new NetworkError('offline'));
    const result = send('a');
    await clock.advance(WAIT_MS + OUTBOX_BACKOFF_CAP_MS);
    expect(await result).toEqual({ status: 'queued', idempotencyKey: 'a' });
    client.onCustomer = () => Promise.resolve('anna');
    await clock.advance(OUTBOX_BACKOFF_CAP_MS);
    expect(client.sent).toMatchObject([{ customer: 'anna' }]);
  });

  it('a kept event waits, untried, for somebody to sign in, and its caller is told at once', async () => {
    const { client, clock, outbox, outcomes, send, keys } = await setUp();
    client.onTrack = signedOut;
    const result = send('a');
    await clock.advance(0);
    expect(await result).toMatchObject({ status: 'queued' });
    await clock.advance(10 * OUTBOX_BACKOFF_CAP_MS);
    expect(keys()).toHaveLength(1);
    client.onTrack = () => Promise.resolve(recorded(11));
    outbox.resume();
    await clock.advance(0);
    expect(outcomes['a']).toEqual({ reply: recorded(11) });
  });
});

describe('when another customer has signed in', () => {
  it('an event stays the one of whom it was tracked for, and holds nobody up', async () => {
    const { client, clock, outbox, outcomes, send } = await setUp();
    let signedIn = 'anna';
    client.onCustomer = () => Promise.resolve(signedIn);
    client.onTrack = offline;
    void send('a');
    await clock.advance(WAIT_MS);
    signedIn = 'bert';
    client.onTrack = ({ idempotencyKey }) =>
      idempotencyKey === 'a'
        ? Promise.reject(new AuthenticationError('not theirs', { code: 'customer_changed' }))
        : Promise.resolve(recorded(1));
    void send('b');
    await clock.advance(OUTBOX_BACKOFF_CAP_MS);
    expect(outcomes).toEqual({ b: { reply: recorded(1) } });
    signedIn = 'anna';
    client.onTrack = () => Promise.resolve(recorded(11));
    outbox.resume();
    await clock.advance(0);
    expect(outcomes['a']).toEqual({ reply: recorded(11) });
    for (const { input, customer } of client.sent) {
      expect(customer).toBe(input.idempotencyKey === 'a' ? 'anna' : 'bert');
    }
  });
});

describe('after the page has gone', () => {
  it('the next one sends what it had kept, in its order', async () => {
    const { client, clock, browser, tab, send } = await setUpTab();
    client.onTrack = offline;
    for (const key of ['a', 'b', 'c']) void send(key);
    await clock.advance(WAIT_MS);
    tab.close();
    const next = await setUpTab({ clock, browser });
    next.outbox.resume();
    await clock.advance(0);
    expect(next.keys()).toEqual(['a', 'b', 'c']);
    expect(next.foreign).toEqual(['a', 'b', 'c']);
    expect(browser.kept).toEqual([]);
  });

  it('the next one is told of a refusal', async () => {
    const { client, clock, browser, tab, send } = await setUpTab();
    client.onTrack = offline;
    void send('a');
    await clock.advance(0);
    tab.close();
    const next = await setUpTab({ clock, browser });
    next.client.onTrack = refused;
    next.outbox.resume();
    await clock.advance(0);
    expect(next.unheard).toMatchObject([{ code: 'quota_exceeded' }]);
    expect(browser.kept).toEqual([]);
  });

  it.each([
    ['older than the server knows its key', -EVENT_AGE_MAX_MS - 10_000],
    ['from a future that makes its age unknown', EVENT_AHEAD_MAX_MS + 10_000],
  ])('an event is given up when it is %s', async (_what, offsetMs) => {
    const clock = new ManualClock();
    const browser = new FakeBrowser({ clock });
    browser.keep({ customer: 'anna', input: event('old'), trackedAtMs: clock.now() + offsetMs });
    browser.keep({ customer: 'anna', input: event('new'), trackedAtMs: clock.now() });
    const { outbox, keys, unheard } = await setUpTab({ clock, browser });
    outbox.resume();
    await clock.advance(0);
    expect(keys()).toEqual(['new']);
    expect(unheard).toMatchObject([{ code: 'outbox_expired', details: { lost: 1 }, idempotencyKey: 'old' }]);
    expect(browser.kept).toEqual([]);
  });

  it('an event is sent up to the day on which it is given up', async () => {
    const clock = new ManualClock();
    const browser = new FakeBrowser({ clock });
    browser.keep({
      customer: 'anna',
      input: event('old'),
      trackedAtMs: clock.now() - EVENT_AGE_MAX_MS + 10_000,
    });
    const { outbox, keys } = await setUpTab({ clock, browser });
    outbox.resume();
    await clock.advance(0);
    expect(keys()).toEqual(['old']);
  });

  it('events of another customer wait for them', async () => {
    const clock = new ManualClock();
    const browser = new FakeBrowser({ clock });
    browser.keep({ customer: 'bert', input: event('b'), trackedAtMs: clock.now() });
    const { outbox, keys } = await setUpTab({ clock, browser });
    outbox.resume();
    await clock.advance(OUTBOX_BACKOFF_CAP_MS);
    expect(keys()).toEqual([]);
    expect(browser.kept).toHaveLength(1);
  });
});

describe('several tabs', () => {
  it('send one at a time, also what the others have kept', async () => {
    const first = await setUpTab();
    const { clock, browser } = first;
    const second = await setUpTab({ clock, browser });
    let answer: () => void = () => undefined;
    first.client.onTrack = () => new Promise((resolve) => (answer = () => resolve(recorded(11))));
    void first.send('a');
    await clock.advance(0);
    const result = second.send('b');
    await clock.advance(0);
    expect(second.keys()).toEqual([]);
    answer();
    await clock.advance(0);
    expect(first.keys()).toEqual(['a', 'b']);
    answer();
    await clock.advance(0);
    expect(await result).toMatchObject({ status: 'recorded', idempotencyKey: 'b' });
    expect(second.outcomes['b']).toEqual({ reply: recorded(11) });
  });

  it('tell each other of refusals as they were', async () => {
    const first = await setUpTab();
    const { clock, browser } = first;
    const second = await setUpTab({ clock, browser });
    first.client.onTrack = offline;
    first.send('a').catch(() => undefined);
    await clock.advance(0);
    const result = second.send('b');
    const rejected = expect(result).rejects.toMatchObject({
      name: 'QuotaExceededError',
      code: 'quota_exceeded',
      status: 402,
    });
    await clock.advance(0);
    first.client.onTrack = refused;
    second.outbox.resume();
    await clock.advance(0);
    await rejected;
  });

  it('take over from one that is frozen while it sends', async () => {
    const first = await setUpTab();
    const { clock, browser } = first;
    first.client.onTrack = () => new Promise(() => undefined);
    void first.send('a');
    await clock.advance(0);
    first.tab.freeze();
    const second = await setUpTab({ clock, browser });
    const result = second.send('b');
    await clock.advance(5_000);
    expect(await result).toMatchObject({ status: 'recorded' });
    expect(second.keys()).toEqual(['a', 'b']);
  });

  it('ask themselves when nobody tells what became of an event', async () => {
    const clock = new ManualClock();
    const browser = new FakeBrowser({ clock, isLost: () => true });
    const first = await setUpTab({ clock, browser });
    const second = await setUpTab({ clock, browser });
    first.client.onTrack = offline;
    void first.send('a');
    await clock.advance(0);
    const result = second.send('b');
    await clock.advance(0);
    first.client.onTrack = () => Promise.resolve(recorded(11));
    first.outbox.resume();
    await clock.advance(0);
    expect(first.keys().at(-1)).toBe('b');
    await clock.advance(2 * HEARSAY_MS);
    expect(await result).toMatchObject({ status: 'recorded' });
    expect(second.keys()).toEqual(['b']);
  });
});

describe('a page that is hidden', () => {
  /** A page with as many events, of which none has an answer yet. */
  async function setUpBusy(
    count: number,
    on: () => ReturnType<typeof setUp> = setUp,
    metadata: Record<string, unknown> = {},
  ) {
    const all = await on();
    all.client.onTrack = () => new Promise(() => undefined);
    for (let index = 0; index < count; index += 1) {
      const facts = { customer: all.client.customer(), hasOwnKey: false, onSettled: () => undefined };
      void all.outbox.send({ ...event(`k${index}`), metadata }, facts);
    }
    await all.clock.advance(0);
    return all;
  }

  it('has one event of a counter under way, in a request that outlives it, and the others on disk', async () => {
    const clock = new ManualClock();
    const browser = new FakeBrowser({ clock });
    const { outbox, client } = await setUpBusy(40, () => setUpTab({ clock, browser }));
    outbox.flush();
    expect(client.sent).toMatchObject([{ input: { idempotencyKey: 'k0' }, keepalive: true }]);
    expect(browser.kept).toHaveLength(40);
  });

  it('sends all that it has tracked where there is no disk', async () => {
    const { outbox, client } = await setUpBusy(40);
    outbox.flush();
    expect(new Set(client.sent.map(({ input }) => input.idempotencyKey)).size).toBe(40);
    expect(client.sent.filter(({ keepalive }) => keepalive)).toHaveLength(40);
  });

  it('sends no more than browsers let such a page', async () => {
    const { outbox, client } = await setUpBusy(100, setUp, { note: 'ä'.repeat(1_000) });
    outbox.flush();
    const bytes = client.sent.reduce((sum, { input }) => sum + Buffer.byteLength(JSON.stringify(input)), 0);
    expect(client.sent.length).toBeGreaterThan(10);
    expect(bytes).toBeLessThan(FLUSH_BYTES_MAX);
  });

  it('leaves alone a line that is down', async () => {
    const { client, clock, outbox, send } = await setUp();
    client.onTrack = offline;
    void send('a');
    await clock.advance(0);
    outbox.flush();
    expect(client.sent).toHaveLength(1);
  });

  it('does not send again what comes back recorded', async () => {
    const { outbox, client, clock, keys } = await setUpBusy(3);
    client.onTrack = () => Promise.resolve(recorded(11));
    outbox.flush();
    await clock.advance(OUTBOX_BACKOFF_CAP_MS);
    expect(keys()).toEqual(['k0', 'k1', 'k2']);
  });
});

describe('where there is no disk', () => {
  it.each([
    ['it cannot be opened', () => Promise.reject(new Error('private window'))],
    ['it never opens', () => new Promise<never>(() => undefined)],
  ])('because %s, events are kept in memory', async (_what, openStorage) => {
    const clock = new ManualClock();
    const tab = new FakeBrowser({ clock }).openTab();
    const { locks, openChannel } = tab;
    const { send } = await setUp({ clock, tab, browser: { locks, openChannel, openStorage } });
    const result = send('a');
    await clock.advance(0);
    expect(await result).toMatchObject({ status: 'recorded' });
  });

  it('because it opens late, it is used from then on', async () => {
    const clock = new ManualClock();
    const browser = new FakeBrowser({ clock });
    const tab = browser.openTab();
    const { locks, openChannel } = tab;
    let open: () => void = () => undefined;
    const opening = new Promise<void>((resolve) => (open = resolve));
    const openStorage = () => opening.then(() => tab.openStorage());
    const { client, send } = await setUp({ clock, tab, browser: { locks, openChannel, openStorage } });
    client.onTrack = offline;
    open();
    await clock.advance(0);
    void send('a');
    await clock.advance(0);
    expect(browser.kept.map(({ input }) => input.idempotencyKey)).toEqual(['a']);
  });

  it('because the tab was frozen while it opened, it is waited for', async () => {
    const clock = new ManualClock();
    const browser = new FakeBrowser({ clock });
    const tab = browser.openTab();
    const opening = setUp({ clock, tab });
    tab.freeze();
    await clock.advance(2 * STORAGE_WAIT_MS);
    tab.thaw();
    await clock.advance(STORAGE_WAIT_MS);
    const { client, send } = await opening;
    client.onTrack = offline;
    void send('a');
    await clock.advance(0);
    expect(browser.kept).toHaveLength(1);
  });

  it('because it broke, events are kept in memory', async () => {
    const { browser, clock, send } = await setUpTab();
    browser.isDiskBroken = true;
    const result = send('a');
    await clock.advance(0);
    expect(await result).toMatchObject({ status: 'recorded' });
    expect(browser.kept).toEqual([]);
  });
});

describe('an outcome whose event cannot be taken out of storage', () => {
  async function setUpBreakingDisk(onTrack: FakeClient['onTrack']) {
    const all = await setUpTab();
    all.client.onTrack = (input) => {
      all.browser.isDiskBroken = true;
      return onTrack(input);
    };
    return all;
  }

  it('is told all the same where the event counts: to send it again would change nothing', async () => {
    const { clock, send, keys } = await setUpBreakingDisk(() => Promise.resolve(recorded(11)));
    const result = send('a');
    await clock.advance(OUTBOX_BACKOFF_CAP_MS);
    expect(await result).toMatchObject({ status: 'recorded' });
    expect(keys()).toEqual(['a']);
  });

  it('is asked for again where the event was refused: what stays could still count', async () => {
    const { browser, clock, send, keys } = await setUpBreakingDisk(refused);
    const result = send('a');
    await clock.advance(WAIT_MS);
    expect(await result).toMatchObject({ status: 'queued' });
    expect(browser.kept).toHaveLength(1);
    expect(keys().length).toBeGreaterThan(1);
  });
});

describe('close', () => {
  it('tells the caller of an event on disk that it is queued', async () => {
    const { client, clock, outbox, send } = await setUpTab();
    client.onTrack = () => new Promise(() => undefined);
    const result = send('a');
    await clock.advance(0);
    outbox.close();
    expect(await result).toEqual({ status: 'queued', idempotencyKey: 'a' });
  });

  it('tells the caller of an event in memory that the outcome is not known', async () => {
    const { client, clock, outbox, send } = await setUp();
    client.onTrack = () => new Promise(() => undefined);
    const rejected = expect(send('a')).rejects.toMatchObject({ code: 'store_closed', idempotencyKey: 'a' });
    await clock.advance(0);
    outbox.close();
    await rejected;
  });

  it('leaves no timer, channel or lock', async () => {
    const { browser, client, clock, outbox, send } = await setUpTab();
    client.onTrack = offline;
    void send('a');
    await clock.advance(0);
    outbox.close();
    await clock.advance(0);
    expect([clock.timerCount, browser.channels.size, browser.lockCount]).toEqual([0, 0, 0]);
  });
});

describe('at rest', () => {
  it('there is no timer, channel or lock', async () => {
    const { browser, clock, send } = await setUpTab();
    void send('a');
    await clock.advance(0);
    expect([clock.timerCount, browser.channels.size, browser.lockCount]).toEqual([0, 0, 0]);
  });
});
