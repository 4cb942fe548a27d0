import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Browser, Page } from 'playwright-core';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { accessibilityTree } from './support/accessibility-tree.ts';
import { launchBrowser } from './support/browser.ts';
import { buildStorybook, openFrame, playStory, serveStorybook } from './support/storybook.ts';

/** Every story in Chromium, as the static Storybook has it: drawn, played, and looked at by axe. */

const root = join(import.meta.dirname, '..');
const AXE = readFileSync(join(root, 'node_modules/axe-core/axe.min.js'), 'utf8');
/** What the elements tell a developer where a story's network is down, or its plan without a feature, on purpose. */
const EXPECTED_WARNING =
  /^BillingOS: (No answer from https:\/\/usage\.example\.com\/|<[\w-]+>: no metric has feature-key="teleport")/;
/** In the stories it is always now. */
const NOW = '2026-02-03T14:02:00.000Z';

const stories = buildStorybook();
const names = stories.map(({ id }) => id);
const complaints: string[] = [];
let storybook: Awaited<ReturnType<typeof serveStorybook>>;
let browser: Browser;
let page: Page;

beforeAll(async () => {
  storybook = await serveStorybook();
  browser = await launchBrowser();
  const context = await browser.newContext({
    viewport: { width: 1024, height: 768 },
    locale: 'en-US',
    timezoneId: 'UTC',
    reducedMotion: 'reduce',
  });
  page = await context.newPage();
  page.on('console', (message) => {
    if (!['error', 'warning'].includes(message.type()) || EXPECTED_WARNING.test(message.text())) return;
    complaints.push(`${message.type()}: ${message.text()}`);
  });
  page.on('pageerror', ({ message }) => complaints.push(message));
  page.on('request', (request) => {
    const url = request.url();
    if (!url.startsWith(storybook.url) && !url.startsWith('data:')) complaints.push(`requested ${url}`);
  });
  await page.clock.setFixedTime(NOW);
  await page.addInitScript(AXE);
  await page.addInitScript(listenToLiveRegions);
  await openFrame(page, storybook.url);
});

afterAll(async () => {
  await browser.close();
  storybook.stop();
});

beforeEach(() => {
  complaints.length = 0;
});

test('every story that is written is in the Storybook', () => {
  const files = ['stories', 'src/elements'].flatMap((folder) =>
    readdirSync(join(root, folder), { recursive: true, encoding: 'utf8' })
      .filter((file) => file.endsWith('.stories.ts'))
      .map((file) => `./${folder}/${file}`),
  );
  const written = files.flatMap((file) =>
    [...readFileSync(join(root, file), 'utf8').matchAll(/^export const (\w+)/gm)].map(
      ([, name]) => `${file} ${name}`,
    ),
  );
  const built = stories.map(({ importPath, exportName }) => `${importPath} ${exportName}`);
  expect(built.sort()).toEqual(written.sort());
});

describe('a story is drawn and played without a complaint, and axe finds nothing in it', () => {
  test.each(names)('%s', async (id) => {
    expect(await playStory(page, id)).toEqual([]);
    expect(complaints).toEqual([]);
    // Side by side on one page, states repeat each other's landmarks.
    const off = id.startsWith('pages-design-review') ? ['region', 'landmark-unique'] : ['region'];
    expect(await violations(off)).toEqual([]);
    await page.emulateMedia({ colorScheme: 'dark' });
    expect(await violations(off), 'in dark').toEqual([]);
    // The colours on screen are the system's then, and axe reads the sheet's.
    await page.emulateMedia({ colorScheme: 'light', forcedColors: 'active' });
    expect(await violations([...off, 'color-contrast']), 'in forced colours').toEqual([]);
    await page.emulateMedia({ forcedColors: 'none' });
  });
});

describe('assistive technology is told', () => {
  test.each(['usage-bar', 'usage-display', 'upgrade-nudge'])(
    'what every state of %s says',
    async (element) => {
      const trees: string[] = [];
      for (const { id, exportName } of stories.filter(({ importPath }) => importPath.includes(element))) {
        await playStory(page, id);
        trees.push(`${exportName}\n${await accessibilityTree(page)}`);
      }
      await expect(trees.join('\n')).toMatchFileSnapshot(`accessibility/${element}.txt`);
    },
  );

  test.each([
    ['nothing when usage has just loaded', 'elements-usage-display--typical', []],
    [
      'once of each threshold that is crossed',
      'elements-usage-display--crossing-thresholds',
      ['API calls: 82% used, 180 left', 'API calls: Limit reached'],
    ],
    [
      'once on a page of several elements',
      'pages-composing--tracking-usage',
      ['API calls: 95% used, 48 left'],
    ],
  ])('%s', async (_, id, announcements) => {
    await page.evaluate(() => (window.spoken = []));
    await playStory(page, id);
    expect(await page.evaluate(() => window.spoken.filter((text) => text !== ''))).toEqual(announcements);
  });
});

interface Violation {
  id: string;
  nodes: { html: string; failureSummary: string }[];
}

/** What axe finds in the story, without some of its rules. `region` is one for whole pages. */
async function violations(off: string[]): Promise<string[]> {
  const found = await page.evaluate(
    (rules) =>
      window.axe
        .run('#storybook-root', { resultTypes: ['violations'], rules })
        .then((result) => result.violations),
    Object.fromEntries(off.map((rule) => [rule, { enabled: false }])),
  );
  return found.flatMap(({ id, nodes }) =>
    nodes.map(({ html, failureSummary }) => `${id}: ${html}\n${failureSummary}`),
  );
}

/** Keeps what live regions say, in whatever shadow root they are. */
function listenToLiveRegions(): void {
  window.spoken = [];
  const observer = new MutationObserver((mutations) => {
    const regions = mutations.map(({ target }) =>
      (target instanceof Element ? target : target.parentElement)?.closest('[aria-live]'),
    );
    // One change of the text may be several of its nodes.
    for (const region of new Set(regions)) if (region != null) window.spoken.push(region.textContent.trim());
  });
  const { attachShadow } = Element.prototype as {
    attachShadow: (this: Element, init: ShadowRootInit) => ShadowRoot;
  };
  Element.prototype.attachShadow = function (init) {
    const shadow = attachShadow.call(this, init);
    observer.observe(shadow, { subtree: true, childList: true, characterData: true });
    return shadow;
  };
}

declare global {
  interface Window {
    axe: { run: (context: string, options: object) => Promise<{ violations: Violation[] }> };
    /** Every text of a live region, in the order of its changes. */
    spoken: string[];
  }
}
