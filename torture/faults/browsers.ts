import { setTimeout as pause } from 'node:timers/promises';
import type { Browser, Page } from 'playwright-core';
import { seededRandom } from '../../src/store/testing/seeded-random.ts';
import { launchBrowser } from '../../test/support/browser.ts';
import { startDevProcess, temporaryFolder, type DevProcess } from '../../test/support/dev-server.ts';
import { FaultProxy, FAULTS } from '../../test/support/fault-proxy.ts';
import { openLivePages, serveStorePages, shown } from '../../test/support/store-page.ts';
import { anyOf, between, type Fault, type Scene } from '../fault.ts';

/** Side by side, each with a seed of its own: they last as long as one. */
const LINES = 3;
const SEEDS = 2 ** 31;
const PAGES = 2;
const TROUBLES_A_LINE = 20;
const TROUBLE_EVERY_MS = 30_000;
const TROUBLE_MS_MAX = 10_000;
/** Of what is between two troubles: the rest is for the next one to come upon a line that is well. */
const QUIET_MS_MAX = 10_000;
const TRACKED_EVERY_MS = 100;
const ASKED_EVERY_MS = 10;
/** How long after the first reconnection a screen may be behind what was counted by then. */
const BEHIND_MS_MAX = 2_000;
/** How long screens and ledger may take to agree once nothing fails any more. */
const PATIENCE_MS = 120_000;
const FEATURE = 'emails_sent';

/** A line that fails for a while. @returns what mends it. */
type Trouble = (proxy: FaultProxy, random: () => number) => () => void;

const TROUBLES: readonly Trouble[] = [
  (proxy) => {
    proxy.isDown = true;
    proxy.breakStreams();
    return () => (proxy.isDown = false);
  },
  (proxy) => {
    proxy.isBlackHole = true;
    return () => {
      proxy.isBlackHole = false;
      proxy.breakStreams();
    };
  },
  (proxy) => {
    proxy.breakStreams();
    return () => undefined;
  },
  (proxy, random) => {
    proxy.nextFault = () => (random() < 0.5 ? FAULTS[between(random, 0, FAULTS.length - 1)] : undefined);
    return () => (proxy.nextFault = () => undefined);
  },
];

export const browsers: Fault = {
  name: 'browsers',
  title: `Two pages in Chromium, ${TROUBLES_A_LINE} faults on their line in ${(TROUBLES_A_LINE * TROUBLE_EVERY_MS) / 60_000} minutes`,
  unit: `times ${LINES} lines`,
  runs: { quick: 0, full: 1 },
  async prepare(scene) {
    const folder = temporaryFolder();
    scene.atEnd(() => folder.remove());
    const api = await startDevProcess(folder.path);
    scene.atEnd(() => api.stop());
    const browser = await launchBrowser();
    scene.atEnd(() => browser.close());
    let customers = 0;
    return async () => {
      const lines = Array.from({ length: LINES }, () => {
        const random = seededRandom(between(scene.random, 0, SEEDS - 1));
        return strain(scene, random, { api, browser, customer: `customer_${(customers += 1)}` });
      });
      await Promise.all(lines);
    };
  },
};

interface Parts {
  readonly api: DevProcess;
  readonly browser: Browser;
  readonly customer: string;
}

/** Lets one customer's line fail again and again, and compares what the pages track, what they show and what counts. */
async function strain(scene: Scene, random: () => number, { api, browser, customer }: Parts): Promise<void> {
  const proxy = await FaultProxy.start(api.url);
  scene.atEnd(() => proxy.stop());
  serveStorePages(proxy, api, () => customer);
  const context = await browser.newContext();
  scene.atEnd(() => context.close());
  const pages = await openLivePages(context, proxy, PAGES);
  for (const [nth, page] of pages.entries()) await startTracking(page, nth);
  const began = performance.now();
  for (let nth = 0; nth < TROUBLES_A_LINE; nth += 1) {
    const due = began + nth * TROUBLE_EVERY_MS + between(random, 0, QUIET_MS_MAX);
    await pause(Math.max(0, due - performance.now()));
    const mend = anyOf(random, TROUBLES)(proxy, random);
    await pause(between(random, 0, TROUBLE_MS_MAX));
    mend();
    if (!(await until(() => isConnected(proxy))))
      throw new Error(`${customer}: the line is not taken up again.`);
    const reconnected = performance.now();
    const total = await countedOf(api, customer);
    await until(async () => (await least(pages)) >= total);
    const behindMs = performance.now() - reconnected;
    scene.measure('screens after the reconnection', behindMs);
    const late = `${customer}: the screens took ${behindMs.toFixed(0)} ms after the line was back`;
    scene.expect('service', behindMs <= BEHIND_MS_MAX ? [] : [late]);
  }
  const tracked = await Promise.all(pages.map(stopTracking));
  const expected = tracked.reduce((sum, count) => sum + count, 0);
  await until(async () => (await countedOf(api, customer)) >= expected && (await least(pages)) >= expected);
  const ends = [await countedOf(api, customer), ...(await Promise.all(pages.map(shownOn)))];
  const wrong = ends.filter((count) => count !== expected);
  // On a machine that is too slow for it an outbox fills, gives up its oldest and says so: no fault of the count's.
  const told = new Set((await Promise.all(pages.map(errorsOn))).flat());
  scene.expect(
    'service',
    wrong.map(
      (count) =>
        `${customer}: ${expected} events were tracked, and ${count} are counted or shown; ` +
        `the pages were told ${[...told].join(', ')}`,
    ),
    expected,
  );
}

/** Whether a page has a line that is not about to end. */
function isConnected({ streams }: FaultProxy): boolean {
  return [...streams].some(({ socket }) => socket?.destroyed === false);
}

function startTracking(page: Page, nth: number): Promise<void> {
  return page.evaluate(
    ([feature, everyMs, of]) => {
      let count = 0;
      const timer = setInterval(() => window.track(feature, `${of}-${(count += 1)}`), everyMs);
      Object.assign(window, {
        stopTracking() {
          clearInterval(timer);
          return count;
        },
      });
    },
    [FEATURE, TRACKED_EVERY_MS, nth] as const,
  );
}

/** @returns how many events the page has tracked. */
function stopTracking(page: Page): Promise<number> {
  return page.evaluate(() => (window as unknown as { stopTracking: () => number }).stopTracking());
}

function errorsOn(page: Page): Promise<string[]> {
  return page.evaluate(() => window.errors);
}

async function countedOf(api: DevProcess, customer: string): Promise<number> {
  const { body } = await api.get(`/v1/usage/metrics?customer_id=${customer}&feature_key=${FEATURE}`);
  const [row] = body['metrics'] as { sequence: number }[];
  return row?.sequence ?? NaN;
}

async function shownOn(page: Page): Promise<number> {
  return (await shown(page, FEATURE)) ?? 0;
}

async function least(pages: readonly Page[]): Promise<number> {
  return Math.min(...(await Promise.all(pages.map(shownOn))));
}

/** @returns whether it came to that before patience ended. */
async function until(holds: () => boolean | Promise<boolean>): Promise<boolean> {
  const deadline = performance.now() + PATIENCE_MS;
  while (!(await holds())) {
    if (performance.now() > deadline) return false;
    await pause(ASKED_EVERY_MS);
  }
  return true;
}
