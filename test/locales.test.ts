import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { brotliCompressSync, constants } from 'node:zlib';
import { describe, expect, test } from 'vitest';

/** What a language costs a page: nothing until it is used, and little then. */

const LOCALE_BYTES_MAX = 900;

const folder = join(import.meta.dirname, '../dist/cdn');
const chunks = readdirSync(folder).filter((file) => /^billingos-(ar|de|es|fr|ja)-/.test(file));
const textOf = (file: string) => readFileSync(join(folder, file), 'utf8');

describe('the catalogues of the drop-in', () => {
  test('are five chunks', () => {
    expect(chunks.map((file) => file.split('-', 2)[1]).sort()).toEqual(['ar', 'de', 'es', 'fr', 'ja']);
  });

  test.each(chunks)(`take at most ${LOCALE_BYTES_MAX} bytes each: %s`, (file) => {
    const options = { params: { [constants.BROTLI_PARAM_QUALITY]: constants.BROTLI_MAX_QUALITY } };
    expect(brotliCompressSync(textOf(file), options).length).toBeLessThanOrEqual(LOCALE_BYTES_MAX);
  });

  test('are no part of what a page loads at first', () => {
    // A part awaits the parts it is made of; a catalogue is asked for by a function.
    const first = new Set(['billingos.js']);
    for (const file of first) {
      for (const [, imported = ''] of textOf(file).matchAll(/await import\(["'`]\.\/([^"'`]+)["'`]/g)) {
        first.add(imported);
      }
    }
    expect(first.size).toBeGreaterThan(1);
    expect(chunks.filter((file) => first.has(file))).toEqual([]);
  });
});
