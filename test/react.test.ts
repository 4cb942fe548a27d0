import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Page } from 'playwright-core';
import { afterEach, beforeAll, describe, expect, test } from 'vitest';
import { AppBench, buildApp, type BuiltApp } from './support/app-page.ts';
import { type Project, projectOf } from './support/packed.ts';
import { reactModules } from './support/react-version.ts';

/** The React package in Chromium, against the real API: under StrictMode, drawn by the page alone and hydrated. */

const LINKED = ['@lit/context', 'lit', 'ofetch', 'react', 'react-dom'];

let project: Project;
let app: BuiltApp;
let bench: AppBench;
let page: Page;

beforeAll(async () => {
  const modules = reactModules();
  project = projectOf('react', ['@billingos/sdk'], LINKED, modules.path);
  app = await buildApp(project.path);
  bench = await AppBench.start(app);
  await bench.addFlag('sso', 'pro');
  return async () => {
    await bench.stop();
    project.remove();
    modules.remove();
  };
});

afterEach(async () => {
  await page.context().close();
});

describe.each(['client', 'hydrated'] as const)('%s', (mode) => {
  afterEach(() => {
    // Whatever a test does, React has nothing to say about it.
    expect(bench.complaints).toEqual([]);
  });

  test('an element takes a ref, a class, style, children and what any element takes', async () => {
    page = await bench.visit(mode, 'host');
    await told('billing-usage-bar 3');
    const bar = page.locator('#bar');
    expect(await bar.getAttribute('class')).toBe('wide');
    expect(await bar.evaluate(({ style }) => style.margin)).toBe('7px');
    expect(await bar.getAttribute('data-kind')).toBe('drink');
    expect(await bar.getAttribute('aria-describedby')).toBe('told');
    expect(await bar.isVisible()).toBe(true);
    await page.getByRole('heading', { name: 'Two', level: 2 }).waitFor();
    expect(await page.locator('billing-usage-display').getAttribute('hide-progress')).not.toBeNull();
  });

  test('gates open and close with the meter and with the plan, and tell each change once', async () => {
    page = await bench.visit(mode, 'gates');
    await page.getByText('calls are open').waitFor();
    await page.getByText('no sso').waitFor();
    await page.getByText('0/100').waitFor();
    await told('denied');
    await bench.track('api_calls', 100);
    await page.getByText('calls are open').waitFor({ state: 'detached' });
    await page.getByText('Limit reached').waitFor();
    await told('denied\nexceeded 100 of 100');
    await bench.upgrade();
    await page.getByText('calls are open').waitFor();
    await page.getByText('sso is open').waitFor();
    await told('denied\nexceeded 100 of 100');
  });

  test('hooks answer what a customer may use', async () => {
    page = await bench.visit(mode, 'questions');
    const keys = 'api_calls,storage_gb,team_members,files_processed,emails_sent';
    await told(`false\ntrue\nInfinity\n${keys}`);
  });

  test('tracking tells success, then refusal, and forgets on request', async () => {
    page = await bench.visit(mode, 'tracking', /402/);
    await told('false\nfalse\nfalse\nundefined\n\n0');
    await page.getByRole('button', { name: 'Add four' }).click();
    await told('false\ntrue\nfalse\nundefined\nrecorded\n4');
    await page.getByRole('button', { name: 'Add four' }).click();
    await told('false\nfalse\ntrue\nquota_exceeded\nQuotaExceededError\n4');
    await page.getByRole('button', { name: 'Reset' }).click();
    await told('false\nfalse\nfalse\nundefined\nQuotaExceededError\n4');
    expect(bench.host.tracked).toHaveLength(2);
  });

  test('the session token and the client share one session', async () => {
    page = await bench.visit(mode, 'session');
    await told('bos_session_test\ntrue\nstarter,pro');
    expect(bench.sessions).toBe(1);
  });

  test('an application draws its own nudge', async () => {
    page = await bench.visit(mode, 'own-nudge');
    await told('undefined\n');
    await bench.track('api_calls', 96);
    await told('95\n');
    await page.getByRole('button', { name: 'Upgrade' }).click();
    await told('95\nprice_pro_month');
    await page.getByRole('button', { name: 'Dismiss' }).click();
    await told('undefined\nprice_pro_month');
  });

  test('a trigger of the page’s own shows, though it is another object at each rendering', async () => {
    page = await bench.visit(mode, 'given-trigger');
    await page.getByText('Few exports').waitFor();
    await told('shown');
    await page.getByRole('button', { name: 'Toggle' }).click();
    await page.getByText('Few exports').waitFor({ state: 'detached' });
  });

  test('a portal has the store of its provider', async () => {
    page = await bench.visit(mode, 'portal');
    await page.locator('body > billing-usage-bar').getByText('0 of 100').waitFor();
  });

  test('a prompt shows the meter and the way up', async () => {
    page = await bench.visit(mode, 'prompt');
    await page.getByRole('meter', { name: 'exports' }).waitFor();
    await page.getByRole('button', { name: 'Upgrade' }).waitFor();
  });

  test('what is not an element speaks the language around it, too, and follows it', async () => {
    page = await bench.visit(mode, 'languages');
    await page.getByText('Nicht in Ihrem Tarif enthalten').waitFor();
    await page.getByText('Limit erreicht').waitFor();
    await page.getByRole('button', { name: 'Upgrade' }).waitFor();
    await spoken('0 von 100');
    await page.getByRole('button', { name: 'In French' }).click();
    await page.getByText('Non compris dans votre forfait').waitFor();
    await page.getByText('Limite atteinte').waitFor();
    await page.getByRole('button', { name: 'Changer de forfait' }).waitFor();
    await spoken('0 sur 100');
  });

  test('rendering again with another function keeps the store', async () => {
    page = await bench.visit(mode, 'rerendering');
    await page.getByText('0/100').waitFor();
    for (let time = 0; time < 3; time += 1) await page.getByRole('button', { name: 'Again' }).click();
    await told('3');
    await bench.track('api_calls', 5);
    await page.getByText('5/100').waitFor();
    expect(bench.sessions).toBe(1);
    // Those of pages before may take a moment to end.
    await expect.poll(() => bench.host.streams.size, { timeout: 10_000 }).toBe(1);
  });

  test('children wait for the session where there is something to show meanwhile', async () => {
    page = await bench.visit(mode, 'waiting');
    await told('in');
    expect(bench.sessions).toBe(1);
  });

  test('an appearance reaches the elements as design tokens', async () => {
    page = await bench.visit(mode, 'branded');
    const display = page.locator('billing-usage-display');
    await told('in');
    // React 19 sets it as a property where it makes the element.
    expect(await display.evaluate((element) => Reflect.get(element, 'theme') as string)).toBe('dark');
    const tokens = await display.evaluate(({ style }: HTMLElement) =>
      ['--billing-color-primary', '--billing-radius'].map((name) => style.getPropertyValue(name)),
    );
    expect(tokens).toEqual(['light-dark(#123456, oklch(0.72 0.14 274))', '3px']);
  });

  test('without a session nobody is signed in', async () => {
    page = await bench.visit(mode, 'signed-out');
    await told('false\nundefined');
  });

  test('numbers from the server are there at once', async () => {
    page = await bench.visit(mode, 'prerendered', /404/);
    await told('false\n7');
  });
});

test('an element that opened before React took it over stays as it is', async () => {
  page = await bench.visit('hydrated', 'late');
  await bench.track('api_calls', 80);
  await page.reload();
  await page.getByText('ready').waitFor();
  await page.locator('billing-upgrade-nudge[open]').getByRole('button', { name: 'Dismiss' }).click();
  await page.locator('billing-upgrade-nudge[open]').waitFor({ state: 'detached' });
  expect(bench.complaints).toEqual([]);
});

test('without a provider a hook says what to do', async () => {
  page = await bench.visit('client', 'lost');
  await page.getByText('Put <BillingOSProvider sessionTokenUrl="…"> around the component').waitFor();
});

describe('on the server', () => {
  test('it is the React that is asked for', async () => {
    expect(await app.render('version')).toContain(`>${process.env['BILLINGOS_TEST_REACT'] ?? '19'}.`);
  });

  test('markup carries the attributes, and nothing that a strict policy drops', async () => {
    expect(await app.render('host')).toContain(
      '<billing-usage-display heading="One" heading-level="2" hide-progress',
    );
    expect(await app.render('branded')).toMatch(
      /<billing-usage-display theme="dark"><\/billing-usage-display>/,
    );
  });

  test('hooks have the numbers that the provider was given', async () => {
    expect(await app.render('prerendered')).toContain('false\n7');
  });

  test('what waits for the session is not rendered', async () => {
    expect(await app.render('waiting')).toBe('<p>one moment</p>');
  });
});

test('every module of the package is a client module', () => {
  const folder = join(project.path, 'node_modules/@billingos/sdk/dist/react');
  const modules = readdirSync(folder, { recursive: true, encoding: 'utf8' }).filter((name) =>
    name.endsWith('.js'),
  );
  expect(modules.length).toBeGreaterThan(10);
  const wrong = modules.filter(
    (name) => !readFileSync(join(folder, name), 'utf8').startsWith('"use client";'),
  );
  expect(wrong).toEqual([]);
});

/** The value of the one meter, as a screen reader says it. */
async function spoken(text: string): Promise<void> {
  const value = () => page.getByRole('meter').getAttribute('aria-valuetext');
  await expect.poll(value, { timeout: 10_000 }).toContain(text);
}

async function told(text: string): Promise<void> {
  await expect.poll(() => page.locator('#told').textContent(), { timeout: 10_000 }).toBe(text);
}
