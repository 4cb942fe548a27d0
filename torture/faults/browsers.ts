import { setTimeout as pause } from 'node:timers/promises';
import type { Page } from 'playwright-core';
import { launchBrowser } from '../../test/support/browser.ts';
import { startDevProcess, temporaryFolder, type DevProcess } from '../../test/support/dev-server.ts';
import { FaultProxy, FAULTS } from '../../test/support/fault-proxy.ts';
import { openLivePages, serveStorePages, shown } from '../../test/support/store-page.ts';
import { between, type Fault } from '../fault.ts';

const PAGES = 2;
const TROUBLES_A_RUN = 20;
const TROUBLE_MS_MAX = 2_000;
const GAP_MS_MAX = 1_000;
const TRACKED_EVERY_MS = 50;
const ASKED_EVERY_MS = 10;
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
  title: `${TROUBLES_A_RUN} faults on the line of two pages in Chromium`,
  unit: 'times',
  runs: { quick: 0, full: 3 },
  async prepare(scene) {
    const folder = temporaryFolder();
    scene.atEnd(() => folder.remove());
    const api = await startDevProcess(folder.path);
    scene.atEnd(() => api.stop());
    const proxy = await FaultProxy.start(api.url);
    scene.atEnd(() => proxy.stop());
    const browser = await launchBrowser();
    scene.atEnd(() => browser.close());
    let turn = 0;
    serveStorePages(proxy, api, () => `customer_${turn}`);
    return async () => {
      turn += 1;
      const context = await browser.newContext();
      scene.atEnd(() => context.close());
      const pages = await openLivePages(context, proxy, PAGES);
      for (const [nth, page] of pages.entries()) await startTracking(page, nth);
      for (let nth = 0; nth < TROUBLES_A_RUN; nth += 1) {
        const mend = TROUBLES[between(scene.random, 0, TROUBLES.length - 1)]?.(proxy, scene.random);
        await pause(between(scene.random, 0, TROUBLE_MS_MAX));
        mend?.();
        await until(() => proxy.streams.size > 0);
        const total = await countedOf(api, turn);
        const reconnected = performance.now();
        await until(async () => (await least(pages)) >= total);
        scene.measure('screens after the reconnection', performance.now() - reconnected);
        await pause(between(scene.random, 0, GAP_MS_MAX));
      }
      const tracked = await Promise.all(pages.map(stopTracking));
      const expected = tracked.reduce((sum, count) => sum + count, 0);
      await until(async () => (await countedOf(api, turn)) >= expected && (await least(pages)) >= expected);
      const ends = [await countedOf(api, turn), ...(await Promise.all(pages.map(shownOn)))];
      const wrong = ends.filter((count) => count !== expected);
      scene.expect(
        'service',
        wrong.map((count) => `${expected} events were tracked, and ${count} are counted or shown`),
        expected,
      );
    };
  },
};

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

async function countedOf(api: DevProcess, turn: number): Promise<number> {
  const { body } = await api.get(`/v1/usage/metrics?customer_id=customer_${turn}&feature_key=${FEATURE}`);
  const [row] = body['metrics'] as { sequence: number }[];
  return row?.sequence ?? NaN;
}

async function shownOn(page: Page): Promise<number> {
  return (await shown(page, FEATURE)) ?? 0;
}

async function least(pages: readonly Page[]): Promise<number> {
  return Math.min(...(await Promise.all(pages.map(shownOn))));
}

async function until(holds: () => boolean | Promise<boolean>): Promise<void> {
  const deadline = performance.now() + PATIENCE_MS;
  while (!(await holds())) {
    if (performance.now() > deadline) throw new Error(`It did not come to that in ${PATIENCE_MS / 1_000} s.`);
    await pause(ASKED_EVERY_MS);
  }
}
