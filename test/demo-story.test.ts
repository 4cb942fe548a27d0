import { readFileSync } from 'node:fs';
import type { Browser, BrowserContext, Page } from 'playwright-core';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { launchBrowser } from './support/browser.ts';
import { startDevProcess, temporaryFolder, type DevProcess } from './support/dev-server.ts';

/** The whole system as a visitor meets it: `billingos dev`, its page, and a terminal beside it. */

const AXE = readFileSync(new URL('../node_modules/axe-core/axe.min.js', import.meta.url), 'utf8');

let browser: Browser;
let context: BrowserContext;
let page: Page;
let api: DevProcess;
let data: ReturnType<typeof temporaryFolder>;
let complaints: string[];

beforeAll(async () => {
  browser = await launchBrowser();
});

afterAll(async () => {
  await browser.close();
});

beforeEach(async () => {
  data = temporaryFolder();
  api = await startDevProcess(data.path);
  context = await browser.newContext({
    locale: 'en-US',
    viewport: { width: 1280, height: 900 },
    // Colours are measured as they are, not halfway through a fade.
    reducedMotion: 'reduce',
  });
  complaints = [];
  page = await openPage();
});

afterEach(async () => {
  await context.close();
  await api.stop();
  data.remove();
});

describe('the demo page', () => {
  test('shows each feature as what it is', async () => {
    await row(page, 'Team members').getByText('2 left').waitFor();
    expect(await textOf(row(page, 'Team members'))).not.toContain('Resets');
    expect(await textOf(row(page, 'Storage'))).not.toContain('Resets');
    expect(await textOf(row(page, 'API calls'))).toContain('Resets in');
    expect(await textOf(row(page, 'Emails sent'))).toContain('Unlimited');
    expect(await row(page, 'Emails sent').getByRole('meter').count()).toBe(0);
    expect(await textOf(row(page, 'Files processed'))).toContain('6 over the included amount');
  });

  test('moves the bar of every tab when a call is made in one of them, without a reload', async () => {
    const secondTab = await openPage();
    await page.getByRole('button', { name: 'Make an API call' }).click();
    await row(page, 'API calls').getByText('1 of 100').waitFor();
    await row(secondTab, 'API calls').getByText('1 of 100').waitFor();
    expect(await meterValue(secondTab, 'API calls')).toBe('1');
  });

  test('moves when a server elsewhere tracks with the printed key', async () => {
    await track(12);
    await row(page, 'API calls').getByText('12 of 100').waitFor();
  });

  test('counts an upload of one byte', async () => {
    await page.setInputFiles('#file', { name: 'one.txt', mimeType: 'text/plain', buffer: Buffer.from('x') });
    await row(page, 'Storage').getByText('1 byte').waitFor();
    await page.getByText('is counted with 1 byte').waitFor();
    const { body } = await api.get(`/v1/usage/metrics?customer_id=${api.customerId}&feature_key=storage_gb`);
    expect(body['metrics']).toMatchObject([{ consumed: 9.31e-10, sequence: 1 }]);
  });

  test('says so, and is not busy for ever, when something else answers in place of its server', async () => {
    const badGateway = { status: 502, contentType: 'text/html', body: '<h1>Bad gateway</h1>' };
    await page.route('**/demo/actions/*', (route) => route.fulfill(badGateway));
    await page.getByRole('button', { name: 'Make an API call' }).click();
    await page.getByText('answered strangely').waitFor();
    await page.locator('button[aria-busy]').waitFor({ state: 'detached' });
  });

  test('frees a seat when a member is removed', async () => {
    await page.getByRole('button', { name: 'Remove a member' }).click();
    await row(page, 'Team members').getByText('2 of 5').waitFor();
  });

  test('shows a nudge that names Pro at 80 of 100, and none before', async () => {
    await track(79);
    await row(page, 'API calls').getByText('79 of 100').waitFor();
    expect(await nudge(page).getByRole('button', { name: /Pro/ }).isVisible()).toBe(false);
    await page.getByRole('button', { name: 'Make an API call' }).click();
    await nudge(page).getByRole('button', { name: /Pro/ }).waitFor();
  });

  test('says kindly that the 101st call is refused, and keeps the count at 100', async () => {
    await track(100);
    await row(page, 'API calls').getByText('Limit reached').waitFor();
    const { status, body } = await track(1);
    expect(status).toBe(402);
    expect(body['error']).toMatchObject({ code: 'quota_exceeded' });
    await page.getByRole('button', { name: 'Make an API call' }).click();
    await page.getByText('Refused, and not counted').waitFor();
    expect(await textOf(row(page, 'API calls'))).toContain('100 of 100');
  });

  test('makes room before the visitor’s eyes when they upgrade', async () => {
    await track(100);
    await nudge(page).getByRole('button', { name: /Pro/ }).click();
    await row(page, 'API calls').getByText('100 of 10,000').waitFor();
    await page.getByText('You are on Pro. Every limit rose at once.').waitFor();
    await nudge(page).getByRole('button', { name: /Pro/ }).waitFor({ state: 'hidden' });
    await page.getByRole('button', { name: 'Make an API call' }).click();
    await row(page, 'API calls').getByText('101 of 10,000').waitFor();
  });

  test('keeps the last numbers, marked with their time, while the API is away, and follows when it is back', async () => {
    await track(42);
    await row(page, 'API calls').getByText('42 of 100').waitFor();
    await api.stop();
    await page
      .getByText(/reconnecting/)
      .first()
      .waitFor();
    expect(await textOf(row(page, 'API calls'))).toContain('42 of 100');
    api = await startDevProcess(data.path, api.port);
    await track(1);
    await row(page, 'API calls').getByText('43 of 100').waitFor();
  });

  test.each(['light', 'dark'] as const)('has no accessibility violation in %s', async (theme) => {
    await track(85);
    await nudge(page).getByRole('button', { name: /Pro/ }).waitFor();
    await page.getByRole('radio', { name: theme }).check({ force: true });
    const violations = await accessibilityViolations(page);
    expect(violations).toEqual([]);
  });
});

async function openPage(): Promise<Page> {
  const opened = await context.newPage();
  opened.on('console', (entry) => {
    if (entry.type() === 'error' || entry.type() === 'warning') complaints.push(entry.text());
  });
  opened.on('pageerror', (error) => complaints.push(error.message));
  await opened.goto(api.url);
  await row(opened, 'API calls').getByText('of 100').waitFor();
  expect(complaints).toEqual([]);
  return opened;
}

function track(quantity: number): ReturnType<DevProcess['post']> {
  return api.post('/v1/usage/track', { customer_id: api.customerId, feature_key: 'api_calls', quantity });
}

function row(on: Page, name: string) {
  return on.locator('billing-usage-display [part~="row"]').filter({ hasText: name });
}

function nudge(on: Page) {
  return on.locator('billing-upgrade-nudge');
}

async function textOf(locator: ReturnType<typeof row>): Promise<string> {
  return (await locator.innerText()).replaceAll(/\s+/g, ' ');
}

async function meterValue(on: Page, name: string): Promise<string | null> {
  return row(on, name).getByRole('meter').getAttribute('aria-valuenow');
}

/** Axe is evaluated over the DevTools protocol: the page's own policy lets no foreign script in. */
async function accessibilityViolations(on: Page): Promise<string[]> {
  const devtools = await on.context().newCDPSession(on);
  await devtools.send('Runtime.evaluate', { expression: AXE });
  const { result } = await devtools.send('Runtime.evaluate', {
    expression: `axe.run(document).then(({ violations }) =>
      JSON.stringify(violations.map(({ id, nodes }) => id + ': ' + nodes.map(({ target }) => target.join(' ')).join(', '))))`,
    awaitPromise: true,
    returnByValue: true,
  });
  return JSON.parse(String(result.value)) as string[];
}
