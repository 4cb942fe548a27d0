import { brotliCompressSync } from 'node:zlib';
import { describe, expect, test } from 'vitest';
import { bundleLayers } from './support/bundle.ts';

/** What the headless parts cost a page, ofetch included: minified, and compressed by brotli. */

const CLIENT_FIRST_BYTES_MAX = 4_650;
const CLIENT_WHOLE_BYTES_MAX = 8_800;
const STORE_FIRST_BYTES_MAX = 9_040;
const STORE_WHOLE_BYTES_MAX = 18_500;

describe('compressed', () => {
  test(`the client is ${CLIENT_FIRST_BYTES_MAX} bytes at most before it can read`, async () => {
    const { first } = await sizeOf(['client']);
    expect(first).toBeLessThanOrEqual(CLIENT_FIRST_BYTES_MAX);
  });

  test(`with ofetch and streams, which come later, it is ${CLIENT_WHOLE_BYTES_MAX} bytes at most`, async () => {
    const { first, later } = await sizeOf(['client']);
    expect(later).toBeGreaterThan(0);
    expect(first + later).toBeLessThanOrEqual(CLIENT_WHOLE_BYTES_MAX);
  });

  test(`the client and the store are ${STORE_FIRST_BYTES_MAX} bytes at most before numbers can show`, async () => {
    const { first } = await sizeOf(['client', 'store']);
    expect(first).toBeLessThanOrEqual(STORE_FIRST_BYTES_MAX);
  });

  test(`with outbox and tabs, which come later, they are ${STORE_WHOLE_BYTES_MAX} bytes at most`, async () => {
    const { first, later } = await sizeOf(['client', 'store']);
    expect(later).toBeGreaterThan(0);
    expect(first + later).toBeLessThanOrEqual(STORE_WHOLE_BYTES_MAX);
  });
});

/** The bytes that an application with all of these layers loads at first, and by dynamic imports. */
async function sizeOf(layers: readonly string[]): Promise<{ first: number; later: number }> {
  const chunks = await bundleLayers(layers);
  const start = chunks.find(({ isEntry }) => isEntry);
  const firstNames = [start?.fileName, ...(start?.imports ?? [])];
  const size = (files: typeof chunks) =>
    files.reduce((sum, { code }) => sum + brotliCompressSync(code).length, 0);
  return {
    first: size(chunks.filter(({ fileName }) => firstNames.includes(fileName))),
    later: size(chunks.filter(({ fileName }) => !firstNames.includes(fileName))),
  };
}
