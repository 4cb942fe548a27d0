import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { brotliCompressSync } from 'node:zlib';
import { SESSION_PATH, type Site } from './site.ts';

/** What the built script-tag drop-in costs a page: bodies, compressed by brotli. */

const BUILT = join(import.meta.dirname, '../../dist/cdn');
const LOCALE = /^billingos-(ar|de|es|fr|ja)-/;
/** For development pages, and the same in one file. */
const BESIDES = /^billingos(-(((connection|message)-)?checks|grace|warn-once)-.+|\.iife)\.js$/;

const files = readdirSync(BUILT).filter((name) => name.endsWith('.js'));

export const localeFiles = files.filter((name) => LOCALE.test(name));
/** Everything that an English page may come to load. */
export const englishFiles = files.filter((name) => !LOCALE.test(name) && !BESIDES.test(name));

export function sizeOf(file: string): number {
  return brotliCompressSync(readFileSync(join(BUILT, file))).length;
}

export function sizesOf(names: readonly string[]): number {
  return names.reduce((sum, name) => sum + sizeOf(name), 0);
}

declare global {
  interface Window {
    scriptsBeforeNumbers: Promise<string[]>;
  }
}

/** The drop-in's scripts that a browser asks for before the first number shows, on the page of docs/script-tag.md. */
export async function scriptsBeforeNumbers(site: Site): Promise<string[]> {
  await site.track('api_calls', 85);
  const { page } = await site.open(
    `<script type="module" src="/billingos.js"></script>
    <billing-provider session-token-url="${SESSION_PATH}">
      <billing-usage-display heading="Your usage">Your usage appears here.</billing-usage-display>
      <billing-upgrade-nudge upgrade-url="/pricing?plan={priceId}"></billing-upgrade-nudge>
    </billing-provider>`,
    { before: watchNumbers },
  );
  const names = await page.evaluate(() => window.scriptsBeforeNumbers);
  await page.context().close();
  return names.filter((name) => files.includes(name) && !BESIDES.test(name));
}

/** In the page: which scripts have been asked for by the frame that paints the first number. */
function watchNumbers(): void {
  window.scriptsBeforeNumbers = (async () => {
    while (document.querySelector('billing-usage-display')?.shadowRoot?.textContent.includes('85') !== true)
      await new Promise((resolve) => requestAnimationFrame(resolve));
    const entries = performance.getEntriesByType('resource') as PerformanceResourceTiming[];
    const scripts = entries.filter(({ initiatorType }) => ['script', 'other'].includes(initiatorType));
    return scripts.map(({ name }) => new URL(name).pathname.slice(1));
  })();
}
