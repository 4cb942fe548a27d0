import vue from '@vitejs/plugin-vue';
import type { Page } from 'playwright-core';
import { afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { AppBench, buildApp, type BuiltApp } from './support/app-page.ts';
import { complaintsOf, type Project, projectOf } from './support/packed.ts';

/** The Vue package, from single-file components, in Chromium against the real API. */

const LINKED = ['@lit/context', 'lit', 'ofetch', 'vue', '@types/node'];

let project: Project;
let app: BuiltApp;
let bench: AppBench;

beforeAll(async () => {
  project = projectOf('vue', ['@billingos/sdk'], LINKED);
  app = await buildApp(project.path, { extension: 'ts', plugins: [vue()] });
  bench = await AppBench.start(app);
  return async () => {
    await bench.stop();
    project.remove();
  };
});

describe.each(['client', 'hydrated'] as const)('%s', (mode) => {
  let page: Page;

  beforeEach(async () => {
    page = await bench.visit(mode, '', /402/);
    await page.locator('#metric').getByText('0 of 100').waitFor();
  });

  afterEach(async () => {
    await page.context().close();
    // Whatever a test does, Vue has nothing to say about it.
    expect(bench.complaints).toEqual([]);
  });

  test('components show the store’s numbers, in slots and teleported, too', async () => {
    const display = page.locator('billing-usage-display').first();
    await display.getByText('From a slot').waitFor();
    expect(await display.getAttribute('class')).toBe('wide');
    expect(await display.getAttribute('data-kind')).toBe('all');
    expect(await display.getByRole('meter').count()).toBe(0);
    await page.locator('billing-usage-display').last().getByText('0/100').waitFor();
    await page.locator('body > billing-usage-bar').getByText('0 of 5').waitFor();
    await expect.poll(() => bench.host.streams.size).toBe(1);
    expect(bench.sessions).toBe(1);
  });

  test('composables follow the numbers', async () => {
    await bench.track('api_calls', 79);
    await page.locator('#metric').getByText('79 of 100').waitFor();
    expect(await page.locator('#near').textContent()).toBe('false');
    await bench.track('api_calls', 1);
    await page.locator('#near').getByText('true').waitFor();
    await page.locator('#trigger').getByText('80').waitFor();
    expect(await page.locator('#emails').textContent()).toBe('true Infinity');
  });

  test('tracking tells success, then refusal', async () => {
    await page.getByRole('button', { name: 'Add four' }).click();
    await page.locator('#tracked').getByText('true false').waitFor();
    expect(await bench.consumed('team_members')).toBe(4);
    await page.getByRole('button', { name: 'Add four' }).click();
    await page.locator('#tracked').getByText('false true quota_exceeded').waitFor();
  });

  test('a nudge emits that it showed, the wish to upgrade, and its dismissal', async () => {
    await bench.track('api_calls', 80);
    await page.locator('#told').getByText('shown').waitFor();
    await page.locator('[part="upgrade"]').click();
    await page.locator('#told').getByText('upgrade to price_pro_month').waitFor();
    await page.locator('billing-upgrade-nudge').getByRole('button', { name: 'Dismiss' }).click();
    await page.locator('#told').getByText('dismissed by user').waitFor();
  });
});

test('server-rendered markup carries the attributes', async () => {
  const markup = await app.render('');
  expect(markup).toMatch(/<billing-usage-display[^>]* heading="Your usage"/);
  expect(markup).toMatch(/<billing-usage-display[^>]* feature-key="api_calls"/);
  expect(markup).not.toContain('[object Object]');
});

test('vue-tsc accepts the components, and tells good props from bad ones', () => {
  expect(complaintsOf('vue-tsc/bin/vue-tsc.js', ['-p', project.path])).toBe('');
});
