import { join } from 'node:path';
import type { Browser, BrowserContext, Page } from 'playwright-core';
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest';
import type { CatalogDocument } from '../packages/server/src/metering/catalog.ts';
import {
  startTestServer,
  type TestServer,
  type TestTenant,
} from '../packages/server/src/testing/test-server.ts';
import { launchBrowser } from './support/browser.ts';
import { FaultProxy } from './support/fault-proxy.ts';
import { openLivePages, serveStorePages } from './support/store-page.ts';

/** A period rolls over, a plan changes: every screen follows. Ten tabs, of which some are hidden meanwhile. */

const TABS = 10;
const HIDDEN_TABS = 3;
const USED = 7;
const NEWS_MAX_MS = 1_000;
const NEWS = { timeout: NEWS_MAX_MS, interval: 20 };
/** The server's clock stands still so long before the end; in that rhythm the server looks whether it has come. */
const BEFORE_END_MS = 300;
/** The browser's clock is wrong by so much. */
const SKEW_MS = 3_600_000;

const DROP_IN_FOLDER = join(import.meta.dirname, '../packages/server/public');

const PRICING: CatalogDocument = {
  features: [{ key: 'calls', title: 'Calls', type: 'usage_quota', decimals: 0 }],
  products: [
    {
      id: 'free',
      name: 'Free',
      default: true,
      prices: [{ id: 'price_free', amount: 0, currency: 'usd', interval: 'month' }],
      features: [{ feature: 'calls', limit: 10, reset: 'day' }],
    },
    {
      id: 'pro',
      name: 'Pro',
      prices: [{ id: 'price_pro', amount: 4_900, currency: 'usd', interval: 'month' }],
      features: [{ feature: 'calls', limit: 1_000, reset: 'day' }],
    },
  ],
};

let browser: Browser;
let context: BrowserContext;
let server: TestServer;
let tenant: TestTenant;
let host: FaultProxy;
let visible: Page[];
let hidden: Page[];

beforeAll(async () => {
  browser = await launchBrowser();
});
afterAll(() => browser.close());

beforeEach(async () => {
  server = await startTestServer({ dropInFolder: DROP_IN_FOLDER });
  // Tokens are made and checked by this clock, and pages wait for the end of a period by it.
  server.clock.now = Date.now();
  tenant = await server.newTenant(PRICING);
  await tenant.ask('POST', '/v1/usage/track', { customer_id: 'anna', feature_key: 'calls', quantity: USED });
  host = await FaultProxy.start(server.url);
  serveStorePages(host, { post: postAsTenant }, () => 'anna');
  context = await browser.newContext();
  await context.addInitScript((skewMs) => {
    const { now } = Date;
    Date.now = () => now() + skewMs;
  }, SKEW_MS);
});

afterEach(async () => {
  await context.close();
  await host.stop();
  await server.close();
  expect(server.errors).toEqual([]);
});

test('every visible tab shows a new plan within a second, and a hidden one as soon as it is shown', async () => {
  await openTabs();
  const customer = await tenant.ask('GET', '/customers/external/anna');
  await tenant.ask('POST', '/subscriptions', { customer_id: customer.json.id, price_id: 'price_pro' });
  const [free, pro] = [`${USED} of 10`, `${USED} of 1000`];
  await expect.poll(() => shownIn(visible), NEWS).toEqual(Array(visible.length).fill(pro));
  expect(await shownIn(hidden)).toEqual(Array(HIDDEN_TABS).fill(free));
  await show(hidden);
  await expect.poll(() => shownIn(hidden), NEWS).toEqual(Array(HIDDEN_TABS).fill(pro));
});

test('every visible tab shows a new period within a second, and a hidden one as soon as it is shown', async () => {
  const endMs = Date.parse(await periodEnd());
  server.clock.now = endMs - BEFORE_END_MS;
  await openTabs();
  const [former, fresh] = [`${USED} of 10`, '0 of 10'];
  expect(await shownIn(visible)).toEqual(Array(visible.length).fill(former));
  server.clock.now = endMs;
  await expect.poll(() => shownIn(visible), NEWS).toEqual(Array(visible.length).fill(fresh));
  expect(await shownIn(hidden)).toEqual(Array(HIDDEN_TABS).fill(former));
  await show(hidden);
  await expect.poll(() => shownIn(hidden), NEWS).toEqual(Array(HIDDEN_TABS).fill(fresh));
});

/** Opens all tabs and hides the first ones, of which one has the line. */
async function openTabs(): Promise<void> {
  const tabs = await openLivePages(context, host, TABS);
  [visible, hidden] = [tabs.slice(HIDDEN_TABS), tabs.slice(0, HIDDEN_TABS)];
  for (const tab of hidden) await tab.evaluate(() => window.setHidden(true));
  for (const tab of visible) await tab.waitForFunction(() => window.store.getSnapshot().live);
}

async function show(tabs: readonly Page[]): Promise<void> {
  await Promise.all(tabs.map((tab) => tab.evaluate(() => window.setHidden(false))));
}

/** What each tab shows: how much is used, of which limit. */
function shownIn(tabs: readonly Page[]): Promise<string[]> {
  const read = () => {
    const row = window.store.feature('calls');
    return `${row?.consumed} of ${row?.limit}`;
  };
  return Promise.all(tabs.map((tab) => tab.evaluate(read)));
}

async function periodEnd(): Promise<string> {
  const { text } = await tenant.ask('GET', '/v1/usage/metrics?customer_id=anna&feature_key=calls');
  const { metrics } = JSON.parse(text) as { metrics: [{ period_end: string }] };
  return metrics[0].period_end;
}

async function postAsTenant(path: string, body: unknown) {
  const { status, headers, text } = await tenant.ask('POST', path, body);
  return { status, headers, text, body: JSON.parse(text) as Record<string, unknown> };
}
