import { brotliCompressSync, constants } from 'node:zlib';
import { describe, expect, test } from 'vitest';
import { bundle } from './support/bundle.ts';

/**
 * What each element costs an application that adds it alone: minified, compressed by brotli, without Lit and
 * `@lit/context`, which the application shares with others. Texts of other languages come when they are needed.
 */

const BYTES_MAX = {
  'usage-bar': 8_200,
  'usage-display': 9_900,
  'upgrade-nudge': 12_700,
  provider: 14_500,
} as const;
type Name = keyof typeof BYTES_MAX;

const names = Object.keys(BYTES_MAX) as Name[];

/** The modules that are there before the element shows, and their compressed size. */
async function costOf(name: Name): Promise<{ bytes: number; modules: string[] }> {
  const chunks = await bundle(`import '@billingos/sdk/elements/${name}/define';`, {
    build: {
      rolldownOptions: { external: [/^lit(\/|$)/, /^@lit\//], output: { minify: true } },
    },
  });
  const needed = new Set(chunks.filter(({ isEntry }) => isEntry));
  for (const chunk of needed) {
    for (const other of chunks) if (chunk.imports.includes(other.fileName)) needed.add(other);
  }
  const best = { params: { [constants.BROTLI_PARAM_QUALITY]: constants.BROTLI_MAX_QUALITY } };
  return {
    bytes: [...needed].reduce((sum, { code }) => sum + brotliCompressSync(code, best).length, 0),
    modules: [...needed].flatMap(({ modules }) => Object.keys(modules)),
  };
}

describe('alone', () => {
  test.each(names)(`<billing-%s> is no bigger than it is said to be`, async (name) => {
    const { bytes, modules } = await costOf(name);
    expect(modules.some((path) => path.endsWith(`${name}.define.js`))).toBe(true);
    expect(bytes).toBeLessThanOrEqual(BYTES_MAX[name]);
  });

  test.each(names.filter((name) => name !== 'provider'))(
    '<billing-%s> has the key of the context, and neither client nor store',
    async (name) => {
      const { modules } = await costOf(name);
      expect(modules.some((path) => path.endsWith('/elements/context.js'))).toBe(true);
      expect(modules.filter((path) => /\/(client|store)\/|ofetch/.test(path))).toEqual([]);
    },
  );
});
