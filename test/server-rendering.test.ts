import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { UsageMetricsReply } from '../src/client/wire.ts';
import { bundle } from './support/bundle.ts';
import { painted, POLL, Site, type OpenPage } from './support/site.ts';

/** The elements as `@lit-labs/ssr` renders them, by the code in docs/server-rendering.md. */

const root = join(import.meta.dirname, '..');
const guide = readFileSync(join(root, 'docs/server-rendering.md'), 'utf8');
const [ON_SERVER = '', IN_BROWSER = '', HASHES = ''] = Array.from(
  guide.matchAll(/```js\n([^]*?)```/g),
  ([, code]) => code,
);
const CONNECTED = `
  import { LitElementRenderer } from '@lit-labs/ssr';
  LitElementRenderer.renderOptions.push(() => ({ connectedCallback: true }));
`;
const RENDERER = ON_SERVER.match(/^import .* from .*$/gm)?.join('\n') ?? '';
const BARE = `
  import '@billingos/sdk/elements/usage-bar/define';
  import { createClient } from '@billingos/sdk/client';
  import { createStore } from '@billingos/sdk/store';
  const client = createClient({ sessionToken: 'none' });
  const storeOf = (initial) => createStore(client, { initial });
  const renderBar = (initial) => collectResult(
    render(html\`<billing-usage-bar feature-key="api_calls" .store=\${storeOf(initial)}></billing-usage-bar>\`),
  );
`;

let site: Site;
let metrics: UsageMetricsReply;
let rendered: { page: string; hashes: string[] };

beforeAll(async () => {
  site = await Site.start();
  await site.track('api_calls', 85);
  const { body } = await site.api.get('/v1/usage/metrics?customer_id=anna');
  metrics = body as unknown as UsageMetricsReply;
  rendered = inNode(ON_SERVER + HASHES, '({ page: await renderUsage(input), hashes: styleHashes })') as never;
});
afterAll(() => site.stop());

/** What an expression comes to in a bare Node, after a program, with the metrics as `input`. */
function inNode(program: string, expression: string, input: unknown = metrics): unknown {
  const lines = `const input = ${JSON.stringify(input)};\n${program}\nconsole.log(JSON.stringify(${expression}));`;
  const { stdout, stderr } = spawnSync(process.execPath, ['--input-type=module', '-'], {
    cwd: root,
    input: lines,
    encoding: 'utf8',
  });
  if (stderr !== '') throw new Error(stderr);
  return JSON.parse(stdout);
}

/** What a person reads in the elements. */
function textsOf(page: Page): Promise<string[]> {
  return page.evaluate(() =>
    [...document.querySelectorAll('billing-usage-display, billing-usage-bar')].map((element) => {
      const picture = element.shadowRoot?.querySelector<HTMLElement>('.root');
      const copy = picture?.cloneNode(true) as HTMLElement | undefined;
      for (const unseen of copy?.querySelectorAll('.unseen') ?? []) unseen.remove();
      return (copy?.textContent ?? '').replace(/\s+/g, ' ').trim();
    }),
  );
}

/** The page as the server gave it; none of the elements' scripts has arrived. */
function openRendered(headers: Readonly<Record<string, string>> = {}): Promise<OpenPage> {
  return site.open(rendered.page, { headers });
}

const policy = (hashes: readonly string[]) => ({
  'Content-Security-Policy': `default-src 'none'; script-src 'self'; connect-src 'self' ${site.api.url}; style-src 'self' ${hashes.join(' ')}; require-trusted-types-for 'script'; trusted-types lit-html`,
});

describe('the server’s markup', () => {
  test('has the numbers, the meter and nothing of a nudge', () => {
    const text = rendered.page.replace(/<style>[^]*?<\/style>|<[^>]*>/g, '').replace(/\s+/g, ' ');
    expect(text).toContain('API calls 85 of 100 85% used, 15 left Resets in');
    expect(rendered.page).toContain('aria-valuenow="85"');
    expect(rendered.page).not.toContain('surface strip');
  });

  test('is the same when the renderer connects elements', () => {
    expect(inNode(CONNECTED + ON_SERVER, 'await renderUsage(input)')).toBe(rendered.page);
  });

  test('comes from a store’s first numbers too, for a bar that is defined alone', () => {
    expect(inNode(RENDERER + BARE, 'await renderBar(input)')).toContain('aria-valuenow="85"');
  });

  test('is of one customer each, rendered at the same time', () => {
    const others = [1, 2].map((consumed) => ({
      ...metrics,
      customer_id: `cus_${consumed}`,
      metrics: metrics.metrics.map((metric) => ({ ...metric, consumed })),
    }));
    const pages = inNode(ON_SERVER, 'await Promise.all(input.map(renderUsage))', others) as string[];
    const consumed = pages.map((page) => new Set(page.match(/(?<=<b><!--lit-part-->)\d+/g)));
    expect(consumed).toEqual([new Set(['1']), new Set(['2'])]);
  });

  test('is a skeleton where there are no numbers', () => {
    expect(inNode(RENDERER + BARE, 'await renderBar(undefined)')).toContain('aria-busy="true"');
  });
});

describe('in the browser', () => {
  test('the server’s markup is on screen, with its styles, before any script, under a strict policy', async () => {
    const { page, complaints, violations } = await openRendered(policy(rendered.hashes));
    expect((await textsOf(page))[1]).toBe('API calls 85 of 100');
    const display = await page.locator('.bar').evaluate((bar) => getComputedStyle(bar).display);
    expect(display).toBe('grid');
    expect([await violations(), complaints]).toEqual([[], []]);
    await page.context().close();
  });

  test('its styles are what that policy would block', async () => {
    const { page, violations } = await openRendered(policy(rendered.hashes.slice(0, 1)));
    await expect.poll(violations, POLL).toHaveLength(3);
    await page.context().close();
  });

  test('the drop-in takes over: the same text, no request, then live', async () => {
    site.serve('/browser.js', 'text/javascript', IN_BROWSER);
    await expectTakeOver(policy(rendered.hashes));
  });

  test.each(['banner', 'toast', 'modal'])(
    'nothing moves from the server’s markup to live numbers and a %s',
    async (variant) => {
      site.serve('/browser.js', 'text/javascript', IN_BROWSER);
      const nudge = '<billing-upgrade-nudge';
      const { page } = await site.open(rendered.page.replace(nudge, `${nudge} variant="${variant}"`));
      await painted(page);
      await page.evaluate('import("/browser.js")');
      await page.locator('.live').waitFor();
      await page.locator(`.surface.${variant}`).waitFor();
      await painted(page);
      expect(await page.evaluate(() => window.shiftScore)).toBe(0);
      await page.context().close();
    },
  );

  test('so do the modules of an application that hydrates', async () => {
    site.serve('/browser.js', 'text/javascript', await bundleThatHydrates());
    await expectTakeOver();
  });
});

async function expectTakeOver(headers?: Readonly<Record<string, string>>): Promise<void> {
  let signIn: (value?: unknown) => void = () => undefined;
  site.sessionAfter = new Promise((resolve) => (signIn = resolve));
  const { page, complaints, violations } = await openRendered(headers);
  const requests: string[] = [];
  page.on('request', (request) => requests.push(new URL(request.url()).pathname));
  const before = await textsOf(page);
  await painted(page);
  await page.evaluate('import("/browser.js")');
  await page.locator('billing-usage-display:defined').waitFor();
  expect(await textsOf(page)).toEqual(before);
  expect(requests.filter((path) => path.startsWith('/v1/'))).toEqual([]);
  // The nudge comes after the first numbers, and only then takes its own markup over.
  await page.locator('billing-upgrade-nudge:defined').waitFor({ state: 'attached' });
  expect(await page.locator('style').count()).toBe(0);

  await painted(page);
  expect(await page.evaluate(() => window.shiftScore)).toBe(0);

  signIn();
  await page.locator('.live').waitFor();
  await site.track('emails_sent', 1);
  await expect.poll(async () => (await textsOf(page))[0], POLL).not.toBe(before[0]);
  const warnings = complaints.filter((warning) => !warning.includes('Lit is in dev mode'));
  expect([await violations(), warnings]).toEqual([[], []]);
  await page.context().close();
}

/** The guide's code in an application that loads Lit's hydration first. In development Lit says what it dislikes. */
async function bundleThatHydrates(): Promise<string> {
  const hydration = `import '@lit-labs/ssr-client/lit-element-hydrate-support.js';\n`;
  const [application] = await bundle(
    hydration + IN_BROWSER.replace('/billingos.js', '@billingos/sdk/elements/define'),
    {
      resolve: { conditions: ['development', 'browser', 'module'] },
      build: { minify: false, rolldownOptions: { output: { codeSplitting: false } } },
    },
  );
  return application?.code ?? '';
}
