import type { Browser, BrowserContext, CDPSession, Page } from 'playwright-core';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { launchBrowser } from './support/browser.ts';
import { startDevProcess, temporaryFolder, type DevProcess } from './support/dev-server.ts';
import { FaultProxy } from './support/fault-proxy.ts';
import { openLivePages, serveStorePages, shown } from './support/store-page.ts';

/** Ten tabs of one browser: one line, the same numbers, whatever becomes of the tab that has it. */

const TABS = 10;
/** UI contract §7. */
const TAKEOVER_MAX_MS = 5_000;
const DEAD_LINE_MAX_MS = 40_000;
const NEWS_MAX_MS = 1_000;
const POLL = { timeout: 10_000, interval: 20 };

let browser: Browser;
let context: BrowserContext;
let api: DevProcess;
let proxy: FaultProxy;
let data: ReturnType<typeof temporaryFolder>;

beforeAll(async () => {
  browser = await launchBrowser();
});
afterAll(() => browser.close());

beforeEach(async () => {
  data = temporaryFolder();
  api = await startDevProcess(data.path);
  proxy = await FaultProxy.start(api.url);
  serveStorePages(proxy, api, () => 'anna');
  context = await browser.newContext();
});

afterEach(async () => {
  await context.close();
  await proxy.stop();
  await api.stop();
  data.remove();
});

describe('ten tabs', () => {
  test('have one line, and show the same number within a second', async () => {
    const tabs = await openLivePages(context, proxy, TABS);
    expect(proxy.streams.size).toBe(1);
    await trackElsewhere(7);
    await expect.poll(() => numbersOf(tabs), { ...POLL, timeout: NEWS_MAX_MS }).toEqual(Array(TABS).fill(7));
    expect(proxy.streams.size).toBe(1);
  });
});

describe('another tab takes over within 5 s', () => {
  test('when the one with the line is closed', async () => {
    const [leader, ...others] = await openLivePages(context, proxy, TABS);
    await leader?.close();
    await expectTakeover(others);
  });

  test('when the one with the line is hidden', async () => {
    const [leader, ...others] = await openLivePages(context, proxy, TABS);
    await leader?.evaluate(() => window.setHidden(true));
    await expectTakeover(others);
  });

  test('when the one with the line is frozen, which follows when it thaws', async () => {
    const tabs = await openLivePages(context, proxy, TABS);
    const [leader, ...others] = tabs;
    const devtools = await freeze(leader);
    // Its socket goes on, so only the news tells that somebody else has a line.
    await expectTakeover(others, 2);
    await devtools.send('Debugger.resume');
    await expect.poll(() => numbersOf(tabs), POLL).toEqual(Array(TABS).fill(5));
    await expect.poll(() => proxy.streams.size, POLL).toBe(1);
  });
});

describe('a line that falls silent', () => {
  test(
    'is replaced within 40 s',
    async () => {
      const tabs = await openLivePages(context, proxy, 2);
      proxy.isBlackHole = true;
      const began = performance.now();
      const [silent] = proxy.streams;
      await expect.poll(() => silent?.destroyed, { timeout: DEAD_LINE_MAX_MS, interval: 50 }).toBe(true);
      proxy.isBlackHole = false;
      await expect.poll(() => proxy.streams.size, { timeout: DEAD_LINE_MAX_MS, interval: 50 }).toBe(1);
      expect(performance.now() - began).toBeLessThan(DEAD_LINE_MAX_MS);
      await trackElsewhere(3);
      await expect.poll(() => numbersOf(tabs), POLL).toEqual([3, 3]);
    },
    2 * DEAD_LINE_MAX_MS,
  );
});

describe('a page that comes and goes', () => {
  test('leaves no line, lock or channel behind in 1 000 subscriptions', async () => {
    const [tab] = await openLivePages(context, proxy, 1);
    const held = await tab?.evaluate(async () => {
      for (let round = 0; round < 1_000; round += 1) {
        const leave = window.store.subscribe(() => undefined, { featureKey: 'emails_sent' });
        if (round % 100 === 0) await new Promise((resolve) => setTimeout(resolve));
        leave();
      }
      window.store.close();
      await new Promise((resolve) => setTimeout(resolve, 500));
      const { held = [], pending = [] } = await navigator.locks.query();
      return [...held, ...pending].map(({ name }) => name);
    });
    expect(held).toEqual([]);
    await expect.poll(() => proxy.streams.size, POLL).toBe(0);
  });
});

/** Tracks elsewhere until the others show it, and says that it did not take too long. */
async function expectTakeover(others: readonly Page[], streams = 1): Promise<void> {
  const began = performance.now();
  await trackElsewhere(5);
  const expected = Array(others.length).fill(5);
  await expect.poll(() => numbersOf(others), { ...POLL, timeout: TAKEOVER_MAX_MS }).toEqual(expected);
  expect(performance.now() - began).toBeLessThan(TAKEOVER_MAX_MS);
  expect(proxy.streams.size).toBe(streams);
}

/** Headless Chromium does not freeze tabs; a debugger that holds the page does the same to its scripts. */
async function freeze(page: Page | undefined): Promise<CDPSession> {
  if (page === undefined) throw new Error('No tab to freeze.');
  const devtools = await context.newCDPSession(page);
  await devtools.send('Debugger.enable');
  await devtools.send('Debugger.pause');
  // Holds at the next statement, which is the next beat.
  await new Promise((resolve) => devtools.once('Debugger.paused', resolve));
  return devtools;
}

function trackElsewhere(quantity: number): ReturnType<DevProcess['post']> {
  return api.post('/v1/usage/track', { customer_id: 'anna', feature_key: 'emails_sent', quantity });
}

function numbersOf(tabs: readonly Page[]): Promise<(number | undefined)[]> {
  return Promise.all(tabs.map((tab) => shown(tab, 'emails_sent')));
}
