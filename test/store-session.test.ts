import type { Browser, BrowserContext, Page } from 'playwright-core';
import { afterEach, beforeEach, expect, test } from 'vitest';
import type { UsageStore } from '../src/store/types.ts';
import { launchBrowser } from './support/browser.ts';
import { startDevProcess, temporaryFolder, type DevProcess } from './support/dev-server.ts';
import { FaultProxy } from './support/fault-proxy.ts';
import { serveStorePages } from './support/store-page.ts';

/** A page of fifty elements whose session ends while it is busy. */

const ELEMENTS = 50;
const EVENTS = 50;
const PAGE_PATH = '/elements-page';
const POLL = { timeout: 20_000, interval: 50 };

declare global {
  interface Window {
    /** What each bar has shown since the test looks, each time that it was written. */
    texts: string[][];
  }
}

let browser: Browser;
let context: BrowserContext;
let api: DevProcess;
let host: FaultProxy;
let data: ReturnType<typeof temporaryFolder>;

beforeEach(async () => {
  data = temporaryFolder();
  api = await startDevProcess(data.path);
  host = await FaultProxy.start(api.url);
  browser = await launchBrowser();
  context = await browser.newContext({ locale: 'en-US' });
});

afterEach(async () => {
  await browser.close();
  await host.stop();
  await api.stop();
  data.remove();
});

test('one request renews the session for all; nothing is lost, and nothing is rendered twice', async () => {
  const session = serveStorePages(host, api, () => 'anna');
  const page = await openElementsPage();
  expect(session.count).toBe(1);

  // Hidden, the page does nothing, so that all of it meets the dead session at once when it is shown.
  await page.evaluate(() => window.setHidden(true));
  await revoke(session.last);
  const told = await page.evaluate(async (count) => {
    window.setHidden(false);
    const { store } = document.querySelector('billing-provider') as unknown as { store: UsageStore };
    const track = () => store.trackUsage({ featureKey: 'files_processed', quantity: 1 });
    const [results] = await Promise.all([
      Promise.all(Array.from({ length: count }, track)),
      store.refetch(),
      store.checkFeature('files_processed'),
    ]);
    return results.map(({ status }) => status);
  }, EVENTS);

  expect(told).toEqual(Array(EVENTS).fill('recorded'));
  await expect.poll(() => lastTexts(page), POLL).toEqual([`${EVENTS} of 50 included`]);
  expect(session.count).toBe(2);
  const { body } = await api.get('/v1/usage/metrics?customer_id=anna&feature_key=files_processed');
  expect(body['metrics']).toMatchObject([{ consumed: EVENTS, sequence: EVENTS }]);
  for (const seen of await page.evaluate(() => window.texts)) expect(seen).toEqual([...new Set(seen)]);
});

/** Opens a page of bars that show 0, and remembers what they show from then on. */
async function openElementsPage(): Promise<Page> {
  const bars = '<billing-usage-bar feature-key="files_processed"></billing-usage-bar>'.repeat(ELEMENTS);
  host.hostRoutes.set(PAGE_PATH, () => ({
    type: 'text/html',
    body: `<!doctype html><html lang="en"><script type="module" src="/billingos.js"></script>
      <billing-provider session-token-url="/store-session">${bars}</billing-provider>`,
  }));
  const page = await context.newPage();
  await page.addInitScript(() => {
    let isHidden = false;
    Object.defineProperty(document, 'visibilityState', { get: () => (isHidden ? 'hidden' : 'visible') });
    window.setHidden = (hidden) => {
      isHidden = hidden;
      document.dispatchEvent(new Event('visibilitychange'));
    };
  });
  await page.goto(`${host.url}${PAGE_PATH}`);
  await page
    .getByText('0 of 50 included')
    .nth(ELEMENTS - 1)
    .waitFor();
  await page.evaluate(() => {
    window.texts = [...document.querySelectorAll('billing-usage-bar')].map(({ shadowRoot }) => {
      const value = shadowRoot?.querySelector('[part~="value"]');
      const read = () => value?.textContent.replaceAll(/\s+/g, ' ').trim() ?? '';
      const seen = [read()];
      if (value != null) {
        // One record for a text that is written: a second one with the same text would be a second rendering.
        new MutationObserver(() => seen.push(read())).observe(value, { subtree: true, characterData: true });
      }
      return seen;
    });
  });
  return page;
}

/** Ends a session, and waits until the API knows: it takes up to 5 s (wire contract §2). */
async function revoke({ tokenId, sessionToken }: { tokenId: string; sessionToken: string }): Promise<void> {
  const asServer = { Authorization: `Bearer ${api.secretKey}` };
  await fetch(`${api.url}/v1/session-tokens/${tokenId}`, { method: 'DELETE', headers: asServer });
  const asPage = { Authorization: `Bearer ${sessionToken}` };
  const status = async () =>
    (await fetch(`${api.url}/v1/features/usage-metrics`, { headers: asPage })).status;
  await expect.poll(status, POLL).toBe(401);
}

/** What the bars show now, each text once. */
async function lastTexts(page: Page): Promise<(string | undefined)[]> {
  return [...new Set(await page.evaluate(() => window.texts.map((seen) => seen.at(-1))))];
}
