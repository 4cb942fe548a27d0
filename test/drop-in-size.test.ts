import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { englishFiles, localeFiles, scriptsBeforeNumbers, sizeOf, sizesOf } from './support/drop-in-sizes.ts';
import { Site } from './support/site.ts';

/** Before the first number shows, on the page of docs/script-tag.md. */
const FIRST_BYTES_MAX = 25_200;
/** Everything that an English page may come to load. */
const ENGLISH_BYTES_MAX = 42_070;
const LOCALE_BYTES_MAX = 900;
/** For pages that ask ahead. */
const AHEAD_BYTES_MAX = 980;

let site: Site;
beforeAll(async () => {
  site = await Site.start();
});
afterAll(() => site.stop());

describe('compressed', () => {
  test(`the scripts before the first number are ${FIRST_BYTES_MAX} bytes at most`, async () => {
    const scripts = await scriptsBeforeNumbers(site);
    expect(scripts).toContain('billingos.js');
    expect(sizesOf(scripts)).toBeLessThanOrEqual(FIRST_BYTES_MAX);
  });

  test(`all parts of an English page are ${ENGLISH_BYTES_MAX} bytes at most`, () => {
    expect(sizesOf(englishFiles)).toBeLessThanOrEqual(ENGLISH_BYTES_MAX);
  });

  test(`the script that asks ahead is ${AHEAD_BYTES_MAX} bytes at most`, () => {
    expect(sizeOf('billingos-ahead.js')).toBeLessThanOrEqual(AHEAD_BYTES_MAX);
  });

  test.each(localeFiles)(`another language is ${LOCALE_BYTES_MAX} bytes at most: %s`, (name) => {
    expect(sizeOf(name)).toBeLessThanOrEqual(LOCALE_BYTES_MAX);
  });
});
