import { execFileSync } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Browser, BrowserContext, Page } from 'playwright-core';
import { afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { consumed } from '../support/app-page.ts';
import { launchBrowser } from '../support/browser.ts';
import { RunningExample } from '../support/example.ts';

/** The examples, installed from the tarballs, started by what their READMEs say, and driven in Chromium. */

const CUSTOMER = 'user_123';
/** What the plan of the demo's customer allows. */
const CALLS_MAX = 100;
/** How long what is to come may take on a busy machine. */
const POLL = { timeout: 10_000 };
/** Vite serves Lit as it is for development, and Lit says so. */
const GREETING = 'Lit is in dev mode.';

let browser: Browser;
let example: RunningExample;

beforeAll(async () => {
  browser = await launchBrowser();
  return () => browser.close();
});

const callsCounted = () => consumed(example.api, CUSTOMER, 'api_calls');

const trackCalls = (quantity: number) =>
  example.api.post('/v1/usage/track', { customer_id: CUSTOMER, feature_key: 'api_calls', quantity });

function startsOnce(name: string): void {
  beforeAll(async () => {
    example = await RunningExample.start(name);
    return () => example.stop();
  });
}

/** What every example with a page of its own shows and does. */
function showsUsage(name: string): void {
  let page: Page;
  let complaints: string[];
  startsOnce(name);

  beforeEach(async () => {
    complaints = [];
    // The page of the test before may still be closing.
    await expect.poll(() => example.proxy.streams.size, POLL).toBe(0);
    page = await browser.newPage();
    page.on('console', (entry) => {
      const isComplaint = ['error', 'warning'].includes(entry.type());
      if (isComplaint && !entry.text().startsWith(GREETING)) complaints.push(entry.text());
    });
    page.on('pageerror', ({ message }) => complaints.push(message));
    await page.goto(example.url);
    await meter().waitFor();
  });

  afterEach(async () => {
    await page.close();
    // Whatever a test does, nothing is to be said about it.
    expect(complaints).toEqual([]);
  });

  const meter = () => page.getByRole('meter', { name: 'API calls' });
  const showsCalls = (calls: number) =>
    expect.poll(() => meter().getAttribute('aria-valuenow'), POLL).toBe(String(calls));

  async function createReport(): Promise<void> {
    await page.getByRole('button', { name: 'Create report' }).click();
    await page.getByText('Your report is ready.').waitFor();
  }

  test('shows all meters of the customer', async () => {
    await page.getByRole('heading', { name: 'Usage', exact: true }).waitFor();
    // Unlimited has no meter.
    expect(await page.getByRole('meter').count()).toBe(4);
    await page.getByText('18,204').waitFor();
  });

  test('counts a report once, and shows it', async () => {
    const before = Number(await callsCounted());
    await createReport();
    await showsCalls(before + 1);
    expect(await callsCounted()).toBe(before + 1);
  });

  test('shows what is counted elsewhere', async () => {
    const before = Number(await callsCounted());
    await trackCalls(7);
    await showsCalls(before + 7);
  });

  test('has one live connection', async () => {
    await expect.poll(() => example.proxy.streams.size, POLL).toBe(1);
    const before = Number(await callsCounted());
    for (let report = 1; report <= 3; report += 1) {
      await createReport();
      await showsCalls(before + report);
      expect(example.proxy.streams.size).toBe(1);
    }
  });

  test('offers the next plan', async () => {
    await page
      .getByRole('button', { name: /Pro/ })
      .or(page.getByRole('link', { name: /Pro/ }))
      .click();
    await page.getByText('price_pro_month').waitFor();
  });
}

function buildsWithRightTypes(): void {
  test('has right types, and builds', () => {
    execFileSync('npm', ['run', 'build'], { cwd: example.path, stdio: 'pipe' });
    expect(readdirSync(join(example.path, 'dist'))).toContain('index.html');
  });
}

describe('examples/script-tag', () => showsUsage('script-tag'));

describe('examples/react', () => {
  showsUsage('react');
  buildsWithRightTypes();
});

describe('examples/vue', () => {
  showsUsage('vue');
  buildsWithRightTypes();
});

describe('examples/next', () => {
  const SECRET_NAME = 'BILLINGOS_SECRET_KEY';
  showsUsage('next');

  test('is built without the secret', () => {
    const { commands, path } = example;
    const [beforeTheSecret] = commands.split(SECRET_NAME);
    expect(process.env[SECRET_NAME]).toBeUndefined();
    expect(beforeTheSecret).toContain('npm run build');
    expect(readdirSync(join(path, '.next'))).toContain('BUILD_ID');
  });

  test('renders the elements on its server, with their attributes', async () => {
    const html = await (await fetch(example.url)).text();
    expect(html).toMatch(/<billing-usage-display[^>]* heading="Usage"/);
  });

  test('keeps the secret, and the SDK that has it, to its server', async () => {
    const html = await (await fetch(example.url)).text();
    const folder = join(example.path, '.next/static');
    const scripts = readdirSync(folder, { recursive: true, encoding: 'utf8' }).filter((file) =>
      file.endsWith('.js'),
    );
    const sent = [html, ...scripts.map((file) => readFileSync(join(folder, file), 'utf8'))];
    expect(scripts.length).toBeGreaterThan(1);
    expect(sent.filter((text) => text.includes(example.api.secretKey) || text.includes(SECRET_NAME))).toEqual(
      [],
    );
  });
});

describe('examples/next, in development, under StrictMode', () => {
  startsOnce('next');

  test('has one live connection', async () => {
    const [, settings] = example.commands.split('npm run build\n');
    await example.run(settings!.replace('npm start', 'npm run dev'));
    const page = await browser.newPage();
    await page.goto(example.url);
    await page.getByText('18,204').waitFor();
    await expect.poll(() => example.proxy.streams.size, POLL).toBe(1);
    await page.close();
  });
});

describe('examples/node', () => {
  let context: BrowserContext;
  let page: Page;
  startsOnce('node');

  beforeEach(async () => {
    context = await browser.newContext({ extraHTTPHeaders: { Authorization: 'Bearer acme-key' } });
    page = await context.newPage();
    await page.goto(`${example.url}/v1/usage`);
  });

  afterEach(() => context.close());

  /** Asks a metered route, as a page would. */
  const askRate = (headers: Record<string, string> = {}) =>
    page.evaluate(async (given) => {
      const response = await fetch('/v1/rates/eur', { headers: given });
      const type = response.headers.get('Content-Type')?.split(';', 1)[0];
      return { status: response.status, type, body: (await response.json()) as unknown };
    }, headers);

  test('tells its callers their usage', async () => {
    expect(await page.textContent('body')).toContain('"feature_key":"api_calls"');
  });

  test('counts every request that it answers', async () => {
    const before = Number(await callsCounted());
    const replies = await Promise.all([askRate(), askRate(), askRate()]);
    expect(replies.map(({ status }) => status)).toEqual([200, 200, 200]);
    expect(await callsCounted()).toBe(before + 3);
  });

  test('counts a repeated request once', async () => {
    const before = Number(await callsCounted());
    for (let attempt = 0; attempt < 3; attempt += 1) {
      expect((await askRate({ 'Idempotency-Key': 'request-1' })).status).toBe(200);
    }
    expect(await callsCounted()).toBe(before + 1);
  });

  test('answers 402 over the limit, and counts nothing', async () => {
    await trackCalls(CALLS_MAX - Number(await callsCounted()));
    expect(await askRate()).toMatchObject({
      status: 402,
      type: 'application/problem+json',
      body: { status: 402 },
    });
    expect(await callsCounted()).toBe(CALLS_MAX);
  });

  test('answers 401 to strangers', async () => {
    expect((await fetch(`${example.url}/v1/rates/eur`)).status).toBe(401);
  });
});
