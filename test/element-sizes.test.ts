import { brotliCompressSync, constants } from 'node:zlib';
import type { Rolldown } from 'vite';
import { describe, expect, test } from 'vitest';
import { bundle } from './support/bundle.ts';

/**
 * What each element costs an application that adds it alone, before it shows: minified, compressed by brotli, without
 * Lit and `@lit/context`, which the application shares with others. Not counted is what comes when it is needed: texts
 * of other languages, what is told on development pages, and what a bar with figures of its own does without.
 */

const BYTES_MAX = {
  'usage-bar': 4_500,
  'usage-display': 9_150,
  'upgrade-nudge': 12_100,
  provider: 9_950,
} as const;
/** A bar with what it loads when it has a `feature-key`, a size for its unit, or another language than English. */
const WHOLE_BAR_BYTES_MAX = 8_040;
type Name = keyof typeof BYTES_MAX;

const names = Object.keys(BYTES_MAX) as Name[];

interface Cost {
  /** Before the element shows. */
  first: number;
  /** When a bar with `feature-key` asks for it; 0 where it is there at first. */
  connection: number;
  firstModules: string[];
  allModules: string[];
}

async function costOf(name: Name): Promise<Cost> {
  const chunks = await bundle(`import '@billingos/sdk/elements/${name}/define';`, {
    build: {
      rolldownOptions: {
        external: [/^lit(\/|$)/, /^@lit\//],
        // As in an application: nobody imports anything from it.
        preserveEntrySignatures: false,
        output: { minify: true },
      },
    },
  });
  const needed = new Set(chunks.filter(({ isEntry }) => isEntry));
  for (const chunk of needed) {
    for (const other of chunks) if (chunk.imports.includes(other.fileName)) needed.add(other);
  }
  const first = [...needed];
  const connection = chunks.filter((chunk) => chunk.name === 'connection' && !needed.has(chunk));
  return {
    first: sizeOf(first),
    connection: sizeOf(connection),
    firstModules: modulesOf(first),
    allModules: modulesOf(chunks),
  };
}

function sizeOf(chunks: readonly Rolldown.OutputChunk[]): number {
  const best = { params: { [constants.BROTLI_PARAM_QUALITY]: constants.BROTLI_MAX_QUALITY } };
  return chunks.reduce((sum, { code }) => sum + brotliCompressSync(code, best).length, 0);
}

function modulesOf(chunks: readonly Rolldown.OutputChunk[]): string[] {
  return chunks.flatMap(({ modules }) => Object.keys(modules));
}

describe('alone', () => {
  test.each(names)(`<billing-%s> loads no more before it shows than is said here`, async (name) => {
    const { first, firstModules } = await costOf(name);
    expect(firstModules.some((path) => path.endsWith(`${name}.define.js`))).toBe(true);
    expect(first).toBeLessThanOrEqual(BYTES_MAX[name]);
  });

  test('<billing-usage-bar> loads what connects it when it is asked for a feature', async () => {
    const { first, connection } = await costOf('usage-bar');
    expect(connection).toBeGreaterThan(0);
    expect(first + connection).toBeLessThanOrEqual(WHOLE_BAR_BYTES_MAX);
  });

  test.each(names.filter((name) => name !== 'provider'))(
    '<billing-%s> has the key of the context, and neither client nor store, now or later',
    async (name) => {
      const { allModules } = await costOf(name);
      expect(allModules.some((path) => path.endsWith('/elements/context.js'))).toBe(true);
      expect(allModules.filter((path) => /\/(client|store)\/|ofetch/.test(path))).toEqual([]);
    },
  );
});
