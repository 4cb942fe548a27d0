import type { BrowserContext } from 'playwright-core';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import type {} from '../src/elements/index.ts';
import { painted, SESSION_PATH, Site } from './support/site.ts';

/**
 * Nothing on the page moves, from the first paint to live numbers. Chromium's own score, of everything that moved
 * without the person's doing.
 */

/** Five rows on the demo's plan, one of them without a limit. */
const ROWS = 5;
const DISPLAYS = {
  'the card': `<billing-usage-display rows="${ROWS}"></billing-usage-display>`,
  'the card without progress': `<billing-usage-display rows="${ROWS}" hide-progress></billing-usage-display>`,
  'the card in a narrow place': `<div id="narrow"><billing-usage-display rows="${ROWS}"></billing-usage-display></div>`,
  'the card of one feature': `<billing-usage-display feature-key="api_calls"></billing-usage-display>`,
  'the card of one unlimited feature': `<billing-usage-display feature-key="emails_sent"></billing-usage-display>`,
  'the line of one feature': `<billing-usage-display feature-key="api_calls" compact></billing-usage-display>`,
  'the line of one unlimited feature': `<billing-usage-display feature-key="emails_sent" compact></billing-usage-display>`,
  'the line': `<billing-usage-display rows="${ROWS}" compact></billing-usage-display>`,
  'the bar': `<billing-usage-bar feature-key="api_calls"></billing-usage-bar>`,
  'the bar without a name': `<billing-usage-bar feature-key="api_calls" hide-label></billing-usage-bar>`,
  'the bar without a number': `<billing-usage-bar feature-key="api_calls" hide-value></billing-usage-bar>`,
  'the bar of a few units': `<billing-usage-bar feature-key="team_members"></billing-usage-bar>`,
  'the bar of an unlimited feature': `<billing-usage-bar feature-key="emails_sent"></billing-usage-bar>`,
};
const NUDGES = ['banner', 'toast', 'modal'].map(
  (variant) => `<billing-upgrade-nudge variant="${variant}"></billing-upgrade-nudge>`,
);

let site: Site;
let context: BrowserContext;
let metrics: string;

beforeAll(async () => {
  site = await Site.start();
  site.serve('/page.css', 'text/css', '#narrow { width: 16em }');
  await site.track('api_calls', 85);
  await site.track('emails_sent', 18_204);
  ({ text: metrics } = await site.api.get('/v1/usage/metrics?customer_id=anna'));
});
afterAll(() => site.stop());

beforeEach(async () => {
  context = await site.browser.newContext();
});
afterEach(() => context.close());

/** The page up to live numbers, which come after what is there at first was painted. */
async function score(element: string, shown: string, { withNumbers = false } = {}): Promise<number> {
  let signIn: (value?: unknown) => void = () => undefined;
  site.sessionAfter = new Promise((resolve) => (signIn = resolve));
  site.serve('/start.js', 'text/javascript', withNumbers ? startWith(metrics) : '');
  const { page } = await site.open(
    `<link rel="stylesheet" href="/page.css">
    <script src="/billingos.iife.js"></script><script src="/start.js"></script>
    <billing-provider session-token-url="${SESSION_PATH}" api-url="${site.host.url}">
      <p>Before</p>${element}<p>After</p>
    </billing-provider>`,
    { context },
  );
  await painted(page);
  signIn();
  await page.locator(shown).first().waitFor();
  await page.waitForFunction(() => document.querySelector('billing-provider')?.store?.getSnapshot().live);
  await painted(page);
  const total = await page.evaluate(() => window.shiftScore);
  await page.close();
  return total;
}

function startWith(numbers: string): string {
  return `new MutationObserver((_, observer) => {
    const provider = document.querySelector('billing-provider');
    if (provider === null) return;
    provider.initialMetrics = ${numbers};
    observer.disconnect();
  }).observe(document, { childList: true, subtree: true });`;
}

const NUMBER = '[part="value"], [role="meter"]';
const SURFACE = 'billing-upgrade-nudge .surface';

describe('nothing moves', () => {
  test.each(Object.entries(DISPLAYS))('for %s', async (_, element) => {
    expect(await score(element, NUMBER)).toBe(0);
  });

  test('for all of them, with numbers from the server', async () => {
    expect(await score(Object.values(DISPLAYS).join(''), NUMBER, { withNumbers: true })).toBe(0);
  });

  test.each(NUDGES)('for %s', async (element) => {
    expect(await score(element, SURFACE)).toBe(0);
  });

  test.each(NUDGES)('for %s, with numbers from the server', async (element) => {
    expect(await score(element, SURFACE, { withNumbers: true })).toBe(0);
  });
});

test('on the second visit as many rows are reserved as there were, each as high', async () => {
  const element = '<billing-usage-display></billing-usage-display>';
  await score(element, NUMBER);
  expect(await score(element, NUMBER)).toBe(0);
});

test('an inline nudge takes its place, which is seen here', async () => {
  const element = '<billing-upgrade-nudge variant="inline"></billing-upgrade-nudge>';
  expect(await score(element, '.surface')).toBeGreaterThan(0);
});
