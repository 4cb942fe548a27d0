import type { Browser } from 'playwright-core';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { launchBrowser } from './support/browser.ts';
import { startDevProcess, temporaryFolder, type DevProcess } from './support/dev-server.ts';

/** `/docs`, as whoever integrates meets it. */

let browser: Browser;
let api: DevProcess;
const data = temporaryFolder();

beforeAll(async () => {
  browser = await launchBrowser();
  api = await startDevProcess(data.path);
});

afterAll(async () => {
  await browser.close();
  await api.stop();
  data.remove();
});

test('the reference shows every operation, and can be tried with a key', async () => {
  const page = await browser.newPage();
  const complaints: string[] = [];
  page.on('console', (message) => {
    if (message.type() !== 'log') complaints.push(message.text());
  });
  page.on('pageerror', ({ message }) => complaints.push(message));

  await page.goto(`${api.url}/docs`);
  await page.locator('.opblock').first().waitFor();
  const { paths } = (await api.get('/openapi.json')).body as { paths: Record<string, object> };
  const operations = Object.values(paths).flatMap((methods) => Object.keys(methods));
  expect(await page.locator('.opblock').count()).toBe(operations.length);

  await page.getByRole('button', { name: 'Authorize' }).click();
  await page.getByLabel('auth-bearer-value').first().fill(api.secretKey);
  await page.getByRole('button', { name: 'Apply credentials' }).first().click();
  await page.getByRole('button', { name: 'Close' }).first().click();
  const catalog = page.locator('#operations-Catalog-getV1Catalog');
  await catalog.getByRole('button').first().click();
  await catalog.getByRole('button', { name: 'Try it out' }).click();
  await catalog.getByRole('button', { name: 'Execute' }).click();
  await catalog.getByText('"api_calls"').first().waitFor();
  expect(complaints).toEqual([]);
});
