import type { Page } from 'playwright-core';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { recordDeeds } from './support/deeds.ts';
import { SESSION_PATH, Site, type OpenPage } from './support/site.ts';

/** What `billingos-ahead.js` asks for while the drop-in is on its way, and who gets the answers. */

const METRICS_PATH = '/v1/features/usage-metrics';
const SCRIPTS =
  '<script type="module" src="/billingos-ahead.js"></script><script type="module" src="/billingos.js"></script>';
const DISPLAY = '<billing-usage-display></billing-usage-display>';
const SETTINGS = `session-token-url="${SESSION_PATH}"`;
const PAGE = `${SCRIPTS}<billing-provider ${SETTINGS}>${DISPLAY}</billing-provider>`;

declare global {
  interface Window {
    /** Ends the ten seconds for which answers are kept. */
    endKeeping?: () => void;
  }
}

let site: Site;
const contexts: OpenPage[] = [];
beforeAll(async () => {
  site = await Site.start();
  await site.track('api_calls', 85);
});
afterAll(() => site.stop());
afterEach(async () => {
  site.sessionAfter = Promise.resolve();
  for (const { page } of contexts.splice(0)) await page.context().close();
});

const answered = (path: string) => (page: Page) =>
  page.waitForResponse((reply) => new URL(reply.url()).pathname === path);

/** Opens a page whose drop-in comes only after something else has. */
async function open(markup: string, hasCome: (page: Page) => Promise<unknown>): Promise<OpenPage> {
  const context = await site.browser.newContext();
  const come = context.waitForEvent('page').then(hasCome);
  await context.route('**/billingos.js', async (route) => {
    await come;
    await route.continue();
  });
  await context.addInitScript(recordKeeping);
  const opened = await site.open(markup, { context, before: recordDeeds });
  contexts.push(opened);
  return opened;
}

/** Which paths were asked for, and which elements defined. */
async function deedsOn({ page }: OpenPage): Promise<string[]> {
  const deeds = await page.evaluate(() => window.deeds);
  return deeds.map((deed) => deed.replace(/^https?:\/\/[^/]+/, ''));
}

const countOf = (deeds: readonly string[], deed: string) => deeds.filter((other) => other === deed).length;

const showsNumbers = ({ page }: OpenPage) =>
  page.locator('billing-usage-display').getByText('85 of 100').waitFor();

describe('before the drop-in is there', () => {
  test.each([
    ['a provider', PAGE],
    [
      'a script tag',
      `${SCRIPTS.replace('src="/billingos.js"', `src="/billingos.js" data-${SETTINGS}`)}${DISPLAY}`,
    ],
  ])('session and numbers are asked for, once, as %s says', async (_, markup) => {
    const opened = await open(markup, answered(METRICS_PATH));
    await showsNumbers(opened);
    const deeds = await deedsOn(opened);
    expect(deeds.slice(0, 4)).toEqual([SESSION_PATH, METRICS_PATH, 'a number', 'billing-provider']);
    expect([countOf(deeds, SESSION_PATH), countOf(deeds, METRICS_PATH)]).toEqual([1, 1]);
    expect(opened.complaints).toEqual([]);
  });

  test('a number is written once those of the page are on their way, as the first takes a browser long', async () => {
    const deeds = await deedsOn(await open(PAGE, answered(METRICS_PATH)));
    expect(deeds.indexOf('a number')).toBe(deeds.indexOf(METRICS_PATH) + 1);
  });

  test('numbers are asked for where the page says the API is', async () => {
    const url = site.host.url;
    const opened = await open(
      PAGE.replace(SETTINGS, `${SETTINGS} api-url="${url}/"`),
      answered(METRICS_PATH),
    );
    await showsNumbers(opened);
    const asked = await opened.page.evaluate(() => window.deeds);
    expect(asked.filter((deed) => deed.includes('/v1/features/usage-metrics'))).toEqual([url + METRICS_PATH]);
  });

  test.each([
    ['that has no usage', PAGE.replace(DISPLAY, '')],
    ['that has a token', PAGE.replace(SETTINGS, `${SETTINGS} session-token="x"`)],
    ['that names no session', PAGE.replace(SETTINGS, '')],
  ])('nothing is asked for on a page %s', async (_, markup) => {
    const opened = await open(markup, () => Promise.resolve());
    await opened.page.evaluate(() => customElements.whenDefined('billing-provider'));
    expect(countOf(await deedsOn(opened), SESSION_PATH)).toBe(0);
  });
});

test('what is older than ten seconds nobody is shown', async () => {
  const opened = await open(PAGE, async (page) => {
    await answered(METRICS_PATH)(page);
    await page.evaluate(() => {
      window.endKeeping?.();
    });
  });
  await showsNumbers(opened);
  const deeds = await deedsOn(opened);
  expect([countOf(deeds, SESSION_PATH), countOf(deeds, METRICS_PATH)]).toEqual([2, 2]);
});

test('numbers that were not asked for in ten seconds are left to the drop-in', async () => {
  let answer!: () => void;
  site.sessionAfter = new Promise<void>((resolve) => (answer = resolve));
  const opened = await open(PAGE, async (page) => {
    await page.waitForRequest((request) => new URL(request.url()).pathname === SESSION_PATH);
    await page.evaluate(() => {
      window.endKeeping?.();
    });
    const come = answered(SESSION_PATH)(page);
    answer();
    await come;
  });
  await showsNumbers(opened);
  const deeds = await deedsOn(opened);
  expect(deeds.indexOf('billing-provider')).toBeLessThan(deeds.indexOf(METRICS_PATH));
  expect(countOf(deeds, METRICS_PATH)).toBe(1);
});

test('who signs in while the drop-in is on its way is shown their numbers', async () => {
  const { hostRoutes } = site.host;
  const route = hostRoutes.get(SESSION_PATH)!;
  hostRoutes.set(SESSION_PATH, () => ({ status: 401, type: 'application/json', body: '{}' }));
  const opened = await open(PAGE, async (page) => {
    await answered(SESSION_PATH)(page);
    hostRoutes.set(SESSION_PATH, route);
  });
  await showsNumbers(opened);
});

test.each(['https://', 'http:///', 'data:x', 'nowhere'])(
  'no token goes out to an API that is said to be at %s',
  async (apiUrl) => {
    const markup = PAGE.replace(SETTINGS, `${SETTINGS} api-url="${apiUrl}"`);
    const opened = await open(markup, answered(SESSION_PATH));
    await opened.page.locator('billing-usage-display').getByText('Your usage could not be loaded').waitFor();
    const asked = await opened.page.evaluate(() => window.deeds);
    expect(asked.filter((deed) => deed.includes('usage-metrics'))).toEqual([]);
  },
);

describe('a session route that gives no session', () => {
  test.each([
    ['gives a secret key', 200, { sessionToken: 'sk_test_x' }, 'Your usage could not be loaded'],
    ['answers with something else', 200, [], 'Your usage could not be loaded'],
  ])('is asked once, and the elements say so: it %s', async (_, status, body, said) => {
    const { hostRoutes } = site.host;
    const route = hostRoutes.get(SESSION_PATH)!;
    hostRoutes.set(SESSION_PATH, () => ({ status, type: 'application/json', body: JSON.stringify(body) }));
    const opened = await open(
      PAGE.replace(SETTINGS, `${SETTINGS} api-url="${site.host.url}"`),
      answered(SESSION_PATH),
    );
    await opened.page.locator('billing-usage-display').getByText(said).waitFor();
    hostRoutes.set(SESSION_PATH, route);
    const deeds = await deedsOn(opened);
    expect([countOf(deeds, SESSION_PATH), countOf(deeds, METRICS_PATH)]).toEqual([1, 0]);
  });
});

/** In the page. */
function recordKeeping(): void {
  const setTimeout = window.setTimeout.bind(window);
  window.setTimeout = ((callback: () => void, delayMs?: number) => {
    if (delayMs === 10_000) window.endKeeping ??= callback;
    return setTimeout(callback, delayMs);
  }) as typeof window.setTimeout;
}
