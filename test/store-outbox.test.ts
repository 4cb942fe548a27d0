import type { Browser, BrowserContext, Page } from 'playwright-core';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { launchBrowser } from './support/browser.ts';
import { startDevProcess, temporaryFolder, type DevProcess } from './support/dev-server.ts';
import { FaultProxy } from './support/fault-proxy.ts';
import { openStorePage, serveStorePages } from './support/store-page.ts';

/** What a browser has tracked outlives offline time, reloads, closed tabs and other people's sessions. */

const FEATURES = ['emails_sent', 'files_processed'] as const;
/** Events are told `queued` at once; this test looks at what becomes of them. */
const SWIFT = { speed: 20, waitMs: 0 };
const POLL = { timeout: 30_000, interval: 100 };

let browser: Browser;
let context: BrowserContext;
let api: DevProcess;
let proxy: FaultProxy;
let data: ReturnType<typeof temporaryFolder>;
let signedIn: string | null;

beforeAll(async () => {
  browser = await launchBrowser();
});
afterAll(() => browser.close());

beforeEach(async () => {
  data = temporaryFolder();
  api = await startDevProcess(data.path);
  proxy = await FaultProxy.start(api.url);
  signedIn = 'anna';
  serveStorePages(proxy, api, () => signedIn);
  context = await browser.newContext();
});

afterEach(async () => {
  await context.close();
  await proxy.stop();
  await api.stop();
  data.remove();
});

describe('events of an offline browser', () => {
  test('are counted once each and in their order, though it was reloaded five times', async () => {
    const rounds = 5;
    const perRound = 100;
    proxy.isDown = true;
    const page = await openStorePage(context, proxy, SWIFT);
    for (let round = 0; round < rounds; round += 1) {
      await track(page, perRound, `r${round}-`);
      await page.reload();
      await page.waitForFunction(() => 'store' in window);
    }
    proxy.isDown = false;
    await page.evaluate(() => window.store.refetch());
    await expect.poll(() => countedOf('anna'), POLL).toBe(rounds * perRound);
    expect(await eventCountOf('anna')).toBe(rounds * perRound);
    for (const featureKey of FEATURES) {
      const keys = keysOf(featureKey, rounds, perRound);
      const sent = new Set(proxy.tracked.filter((key) => keys.includes(key)));
      expect([...sent]).toEqual(keys);
    }
    expect(await page.evaluate(() => window.errors)).not.toContain('outbox_full');
  });
});

describe('a tab that is closed with 40 events under way', () => {
  test('has them counted by the next visit at the latest, none twice', async () => {
    const page = await openStorePage(context, proxy, { waitMs: 0 });
    await page.waitForFunction(() => window.store.getSnapshot().live);
    proxy.nextFault = () => 'answer late';
    proxy.lateMs = 60_000;
    await track(page, 40, 'k');
    await page.close();
    proxy.nextFault = () => undefined;
    const next = await openStorePage(context, proxy, { waitMs: 0 });
    await expect.poll(() => countedOf('anna'), POLL).toBe(40);
    await next.waitForFunction(() => window.store.getSnapshot().live);
    expect(await eventCountOf('anna')).toBe(40);
  });

  test('has them counted in their order, though it closed itself in the task that tracked them', async () => {
    // Only a window that a script has opened may close itself.
    const opener = await openStorePage(context, proxy, { waitMs: 0 });
    const opened = context.waitForEvent('page');
    await opener.evaluate(() => void window.open(location.href));
    const page = await opened;
    await opener.close();
    await page.waitForFunction(() => 'store' in window && window.store.getSnapshot().live);
    // The outbox is loaded after what the page shows first.
    await track(page, 1, 'first-');
    const keys = Array.from({ length: 40 }, (_, n) => `k${n}`);
    const closed = page.waitForEvent('close');
    await page.evaluate((all) => {
      // After the answer to this call: the page is gone then.
      setTimeout(() => {
        for (const key of all) window.track('files_processed', key);
        window.close();
      });
    }, keys);
    await closed;
    await openStorePage(context, proxy);
    await expect.poll(() => countedOf('anna'), POLL).toBe(41);
    expect(await eventCountOf('anna')).toBe(41);
    expect([...new Set(proxy.tracked)].filter((key) => key.startsWith('k'))).toEqual(keys);
  });
});

describe('when another customer signs in', () => {
  test('nothing of the first is counted for them or shown to them, and it arrives when the first is back', async () => {
    const page = await openStorePage(context, proxy, SWIFT);
    await page.waitForFunction(() => window.store.getSnapshot().live);
    proxy.isDown = true;
    proxy.breakStreams();
    const turnedAway = proxy.turnedAway;
    await track(page, 20, 'anna-');
    // By then the page knows that the line is down, and leaves it alone when it goes.
    await expect.poll(() => proxy.turnedAway - turnedAway, POLL).toBeGreaterThan(20);
    signedIn = 'bert';
    await page.reload();
    await page.waitForFunction(() => 'store' in window);
    proxy.isDown = false;
    await page.waitForFunction(() => window.store.getSnapshot().live);
    await track(page, 4, 'bert-');
    await expect.poll(() => countedOf('bert'), POLL).toBe(4);
    expect(await countedOf('anna')).toBe(0);
    expect(await page.evaluate(() => window.store.feature('emails_sent')?.consumed)).toBe(2);
    signedIn = 'anna';
    await page.reload();
    await expect.poll(() => countedOf('anna'), POLL).toBe(20);
    expect(await countedOf('bert')).toBe(4);
  });
});

describe('a disk that lets the page down', () => {
  async function openPage(): Promise<Page> {
    const page = await openStorePage(context, proxy, SWIFT);
    await page.waitForFunction(() => window.store.getSnapshot().live);
    await track(page, 2, 'before-');
    await expect.poll(() => countedOf('anna'), POLL).toBe(2);
    return page;
  }

  test('by being full costs no event', async () => {
    const page = await openPage();
    // DevTools' quota override does not bite on so little, so the refusal is the test's.
    await page.evaluate(() => {
      IDBObjectStore.prototype.add = () => {
        throw new DOMException('full', 'QuotaExceededError');
      };
    });
    proxy.isDown = true;
    await track(page, 20, 'full-');
    expect(await keptCount(page)).toBe(0);
    proxy.isDown = false;
    await page.evaluate(() => window.store.refetch());
    await expect.poll(() => countedOf('anna'), POLL).toBe(22);
    expect(await eventCountOf('anna')).toBe(22);
  });

  test('by being cleared in another tab is used again, empty', async () => {
    const page = await openPage();
    const other = await openStorePage(context, proxy);
    const isGone = await other.evaluate(
      () =>
        new Promise<boolean>((resolve) => {
          window.store.close();
          const request = indexedDB.deleteDatabase('billingos');
          request.onsuccess = () => resolve(true);
          request.onerror = () => resolve(false);
        }),
    );
    expect(isGone).toBe(true);
    await other.close();
    proxy.isDown = true;
    await track(page, 20, 'after-');
    await page.reload();
    proxy.isDown = false;
    await expect.poll(() => countedOf('anna'), POLL).toBe(22);
    expect(await eventCountOf('anna')).toBe(22);
  });
});

describe('where a page has no locks and no disk', () => {
  test('events are counted all the same', async () => {
    await context.addInitScript(() => {
      Object.defineProperty(navigator, 'locks', { value: undefined });
      Object.defineProperty(window, 'indexedDB', { value: undefined });
      Object.defineProperty(crypto, 'randomUUID', { value: undefined });
    });
    const page = await openStorePage(context, proxy, SWIFT);
    const second = await openStorePage(context, proxy, SWIFT);
    await page.waitForFunction(() => window.store.getSnapshot().live);
    await second.waitForFunction(() => window.store.getSnapshot().live);
    await page.evaluate(() => window.store.trackUsage({ featureKey: 'emails_sent', quantity: 1 }));
    await expect.poll(() => countedOf('anna'), POLL).toBe(1);
    expect(proxy.streams.size).toBe(2);
  });
});

/** Tracks events of both features in turn, and waits until their callers know that they are kept. */
async function track(page: Page, count: number, prefix: string): Promise<void> {
  await page.evaluate(
    ([features, amount, start]) => {
      for (let n = 0; n < amount; n += 1) window.track(features[n % 2] ?? '', `${start}${n}`);
    },
    [FEATURES, count, prefix] as const,
  );
  await page.waitForFunction(
    ([start, amount]) => Object.keys(window.told).filter((key) => key.startsWith(start)).length === amount,
    [prefix, count] as const,
  );
}

/** How many events are on disk. */
function keptCount(page: Page): Promise<number> {
  return page.evaluate(
    () =>
      new Promise<number>((resolve) => {
        const opening = indexedDB.open('billingos');
        opening.onsuccess = () => {
          const counting = opening.result.transaction('events').objectStore('events').count();
          counting.onsuccess = () => resolve(counting.result);
        };
      }),
  );
}

/** The keys of one feature's events, in the order in which they were tracked. */
function keysOf(featureKey: (typeof FEATURES)[number], rounds: number, perRound: number): string[] {
  const offset = FEATURES.indexOf(featureKey);
  return Array.from({ length: rounds }, (_, round) =>
    Array.from({ length: perRound / 2 }, (__, index) => `r${round}-${2 * index + offset}`),
  ).flat();
}

interface Row {
  feature_key: string;
  consumed: number;
  sequence: number;
}

async function rowsOf(customer: string): Promise<Row[]> {
  const { body } = await api.get(`/v1/usage/metrics?customer_id=${customer}`);
  return (body['metrics'] as Row[]).filter(({ feature_key }) =>
    (FEATURES as readonly string[]).includes(feature_key),
  );
}

async function countedOf(customer: string): Promise<number> {
  return (await rowsOf(customer)).reduce((sum, { consumed }) => sum + consumed, 0);
}

/** How many events the ledger has: every one counts 1, so more than is counted would be a repetition. */
async function eventCountOf(customer: string): Promise<number> {
  return (await rowsOf(customer)).reduce((sum, { sequence }) => sum + sequence, 0);
}
