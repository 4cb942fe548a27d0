import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { brotliCompressSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { SESSION_PATH, Site } from './support/site.ts';

/** What the script-tag drop-in costs a page: bodies, compressed by brotli. */

/** Before the first number shows, on the page of docs/script-tag.md. */
const FIRST_BYTES_MAX = 25_200;
/** Everything that an English page may come to load. */
const ENGLISH_BYTES_MAX = 42_070;
const LOCALE_BYTES_MAX = 900;
/** For pages that ask ahead. */
const AHEAD_BYTES_MAX = 980;

const BUILT = join(import.meta.dirname, '../dist/cdn');
const LOCALE = /^billingos-(ar|de|es|fr|ja)-/;
/** For development pages, and the same in one file. */
const BESIDES = /^billingos(-(((connection|message)-)?checks|grace|warn-once)-.+|\.iife)\.js$/;

const files = readdirSync(BUILT).filter((name) => name.endsWith('.js'));
const sizeOf = (file: string) => brotliCompressSync(readFileSync(join(BUILT, file))).length;
const sizesOf = (names: readonly string[]) => names.reduce((sum, name) => sum + sizeOf(name), 0);

declare global {
  interface Window {
    scriptsBeforeNumbers: Promise<string[]>;
  }
}

let site: Site;
beforeAll(async () => {
  site = await Site.start();
  await site.track('api_calls', 85);
});
afterAll(() => site.stop());

describe('compressed', () => {
  test(`the scripts before the first number are ${FIRST_BYTES_MAX} bytes at most`, async () => {
    const { page } = await site.open(
      `<script type="module" src="/billingos.js"></script>
      <billing-provider session-token-url="${SESSION_PATH}">
        <billing-usage-display heading="Your usage">Your usage appears here.</billing-usage-display>
        <billing-upgrade-nudge upgrade-url="/pricing?plan={priceId}"></billing-upgrade-nudge>
      </billing-provider>`,
      { before: watchNumbers },
    );
    const names = await page.evaluate(() => window.scriptsBeforeNumbers);
    expect(names).toContain('billingos.js');
    const scripts = names.filter((name) => files.includes(name) && !BESIDES.test(name));
    expect(sizesOf(scripts)).toBeLessThanOrEqual(FIRST_BYTES_MAX);
    await page.context().close();
  });

  test(`all parts of an English page are ${ENGLISH_BYTES_MAX} bytes at most`, () => {
    const english = files.filter((name) => !LOCALE.test(name) && !BESIDES.test(name));
    expect(sizesOf(english)).toBeLessThanOrEqual(ENGLISH_BYTES_MAX);
  });

  test(`the script that asks ahead is ${AHEAD_BYTES_MAX} bytes at most`, () => {
    expect(sizeOf('billingos-ahead.js')).toBeLessThanOrEqual(AHEAD_BYTES_MAX);
  });

  test.each(files.filter((name) => LOCALE.test(name)))(
    `another language is ${LOCALE_BYTES_MAX} bytes at most: %s`,
    (name) => {
      expect(sizeOf(name)).toBeLessThanOrEqual(LOCALE_BYTES_MAX);
    },
  );
});

/** In the page: which scripts have been asked for by the frame that paints the first number. */
function watchNumbers(): void {
  window.scriptsBeforeNumbers = new Promise((resolve) => {
    const look = () => {
      const display = document.querySelector('billing-usage-display');
      if (display?.shadowRoot?.textContent.includes('85') !== true) {
        requestAnimationFrame(look);
        return;
      }
      const entries = performance.getEntriesByType('resource') as PerformanceResourceTiming[];
      const scripts = entries.filter(({ initiatorType }) => ['script', 'other'].includes(initiatorType));
      resolve(scripts.map(({ name }) => new URL(name).pathname.slice(1)));
    };
    requestAnimationFrame(look);
  });
}
