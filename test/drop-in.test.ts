import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type {} from '../src/elements/index.ts';
import { VERSION } from '../src/elements/internal/version.ts';
import { recordDeeds } from './support/deeds.ts';
import { SESSION_PATH, Site, type OpenPage } from './support/site.ts';

/** The built drop-in on pages that have it twice, in two versions, and things of their own. */

const BUILT = join(import.meta.dirname, '../dist/cdn');
const OTHER_VERSION = '9.9.9';
const ELEMENTS = `<billing-provider session-token-url="${SESSION_PATH}">
    <billing-usage-display></billing-usage-display>
    <billing-usage-bar feature-key="api_calls"></billing-usage-bar>
    <billing-upgrade-nudge></billing-upgrade-nudge>
  </billing-provider>`;
/** What Lit puts on every page it is on. */
const LITS_OWN = ['litElementVersions', 'litHtmlVersions', 'litPropertyMetadata', 'reactiveElementVersions'];
/** And this test. */
const OURS = ['violations', 'shiftScore', 'keysBefore', 'deeds'];

declare global {
  interface Window {
    keysBefore: string[];
  }
}

let site: Site;
beforeAll(async () => {
  site = await Site.start();
  await site.track('api_calls', 85);
  serveCopy('/same', VERSION);
  serveCopy('/other', OTHER_VERSION);
});
afterAll(() => site.stop());

/** The drop-in once more, elsewhere, as if it were of that version. */
function serveCopy(folder: string, version: string): void {
  for (const file of readdirSync(BUILT).filter((name) => name.endsWith('.js'))) {
    const code = readFileSync(join(BUILT, file), 'utf8');
    site.serve(`${folder}/${file}`, 'text/javascript', code.replaceAll(`\`${VERSION}\``, `\`${version}\``));
  }
}

async function expectWorking({ page }: OpenPage): Promise<void> {
  await page.locator('billing-usage-bar').getByText('85 of 100').waitFor();
  await page.locator('billing-usage-display .live').waitFor();
  await page.locator('billing-upgrade-nudge .surface').waitFor();
}

const versionsOn = ({ page }: OpenPage) =>
  page.evaluate(() =>
    ['provider', 'usage-display', 'usage-bar', 'upgrade-nudge'].map((name) => {
      const element = customElements.get(`billing-${name}`);
      return element !== undefined && 'version' in element ? element.version : undefined;
    }),
  );

const modules = (...folders: string[]) =>
  folders.map((folder) => `<script type="module" src="${folder}/billingos.js"></script>`).join('');
const scripts = (...folders: string[]) =>
  folders.map((folder) => `<script src="${folder}/billingos.iife.js"></script>`).join('');

describe('two copies on one page', () => {
  test.each([
    ['the module twice', modules('', '/same') + ELEMENTS],
    ['the one-file script twice', scripts('', '/same') + ELEMENTS],
    ['the script and the module', scripts('') + ELEMENTS + modules('/same')],
  ])('of one version work without a word: %s', async (_, markup) => {
    const open = await site.open(markup);
    await expectWorking(open);
    expect(open.complaints).toEqual([]);
    await open.page.context().close();
  });

  test.each([
    ['the module twice', modules('', '/other') + ELEMENTS],
    ['the one-file script twice', scripts('', '/other') + ELEMENTS],
    ['after the elements', ELEMENTS + modules('', '/other')],
  ])('of two versions work with one warning, all elements of the first: %s', async (_, markup) => {
    const open = await site.open(markup);
    await expectWorking(open);
    expect(await versionsOn(open)).toEqual(Array(4).fill(VERSION));
    expect(open.complaints).toEqual([
      `BillingOS: version ${VERSION} is on this page already; the elements of version ${OTHER_VERSION} are ignored.`,
    ]);
    await open.page.context().close();
  });
});

test('the second copy brings no nudge of its own', async () => {
  const open = await site.open(modules('', '/same') + ELEMENTS);
  await expectWorking(open);
  const loaded = await open.page.evaluate(() =>
    performance.getEntriesByType('resource').map(({ name }) => new URL(name).pathname),
  );
  expect(loaded.filter((path) => path.includes('upgrade-nudge'))).toEqual([
    expect.stringMatching(/^\/billingos-upgrade-nudge/),
  ]);
  await open.page.context().close();
});

test('an address with a query, as cache busters add one, brings no second copy', async () => {
  const open = await site.open(
    `<script type="module" src="/billingos.js?v=2" data-session-token-url="${SESSION_PATH}"></script>
    <billing-usage-display></billing-usage-display>
    <billing-usage-bar feature-key="api_calls"></billing-usage-bar>
    <billing-upgrade-nudge></billing-upgrade-nudge>`,
  );
  await expectWorking(open);
  const loaded = await open.page.evaluate(() =>
    performance
      .getEntriesByType('resource')
      .map(({ name }) => new URL(name))
      .filter(({ pathname }) => pathname.endsWith('.js'))
      .map(({ pathname, search }) => pathname + search),
  );
  expect(loaded.filter((path) => path.startsWith('/billingos.js'))).toEqual(['/billingos.js?v=2']);
  expect(loaded.filter((path) => !path.endsWith('?v=2'))).toEqual([]);
  expect(open.complaints).toEqual([]);
  await open.page.context().close();
});

describe('the page’s own names', () => {
  test.each([
    ['the module', modules(''), LITS_OWN],
    ['the one-file script', scripts(''), ['BillingOS', ...LITS_OWN]],
  ])('are left alone by %s', async (_, tags, added) => {
    const open = await site.open(`${tags}${ELEMENTS}`, {
      before: () => (window.keysBefore = Object.getOwnPropertyNames(window)),
    });
    await expectWorking(open);
    const keys = await open.page.evaluate(() =>
      Object.getOwnPropertyNames(window).filter((key) => !window.keysBefore.includes(key)),
    );
    expect(keys.filter((key) => !OURS.includes(key)).sort()).toEqual(added);
    await open.page.context().close();
  });
});

test('the session is asked for once, before the first element is defined, however many copies there are', async () => {
  const open = await site.open(modules('', '/same') + ELEMENTS, { before: recordDeeds });
  await expectWorking(open);
  const deeds = await open.page.evaluate(() => window.deeds);
  expect(deeds.slice(0, 2)).toEqual([SESSION_PATH, 'billing-provider']);
  expect(deeds.filter((deed) => deed === SESSION_PATH)).toHaveLength(1);
  await open.page.context().close();
});
