import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { ESLint } from 'eslint';
import { describe, expect, test } from 'vitest';

/** What only the whole repository can show: what users import, and that the layers hold. */

const root = join(import.meta.dirname, '..');
const manifest = (folder: string) =>
  JSON.parse(readFileSync(join(root, folder, 'package.json'), 'utf8')) as {
    name: string;
    exports: Record<string, string | { default: string; types: string }>;
  };

const entries = ['.', 'packages/node', 'packages/server'].flatMap((folder) => {
  const { name, exports } = manifest(folder);
  return Object.entries(exports).flatMap(([path, target]) =>
    typeof target === 'string'
      ? []
      : filled(path).map((word) => ({
          specifier: name + path.slice(1).replace('*', word),
          default: target.default.replace('*', word),
          types: target.types.replace('*', word),
          folder,
        })),
  );
});

/** What the `*` of an entry stands for; once nothing where it has none. */
function filled(path: string): string[] {
  if (!path.includes('*')) return [''];
  return readdirSync(join(root, 'src/elements/locales'))
    .filter((file) => !file.endsWith('.test.ts'))
    .map((file) => file.replace(/\.ts$/, ''));
}

describe('the packages', () => {
  test.each(entries)('let bare Node import $specifier', ({ specifier }) => {
    // A module that registers elements or holds types has nothing to import by name.
    const mayBeEmpty = /\/(define|jsx)$/.test(specifier);
    const program = `const names = Object.keys(await import('${specifier}')); if (names.length === 0 && !${mayBeEmpty}) throw new Error('empty')`;
    execFileSync(process.execPath, ['--input-type=module', '--eval', program], { cwd: root, stdio: 'pipe' });
  });

  test.each(entries)('have types for $specifier', ({ types, folder }) => {
    expect(readFileSync(join(root, folder, types), 'utf8').length).toBeGreaterThan(0);
  });
});

describe('the tarballs', () => {
  test.each([
    [
      '@billingos/sdk',
      [
        ...[
          'custom-elements.json',
          'vscode.html-custom-data.json',
          'web-types.json',
          'tokens.css',
          'LICENSE',
        ],
        ...[
          'README.md',
          'dist/react/index.js',
          'dist/react/provider.js.map',
          'dist/vue/index.js',
          'dist/jsx.d.ts',
        ],
        ...['dist/cdn/billingos.js', 'dist/cdn/billingos-ahead.js', 'dist/cdn/integrity.json'],
        'dist/elements/define.js',
        'dist/elements/locales/de.js',
      ],
    ],
    ['@billingos/node', ['dist/index.js', 'dist/cjs/index.js', 'README.md', 'LICENSE']],
    [
      '@billingos/server',
      [
        ...['dist/cli.js', 'public/billingos.js', 'demo/index.html', 'catalog.schema.json'],
        ...['period-vectors.json', 'README.md', 'LICENSE'],
      ],
    ],
  ])('of %s hold what it needs, and no tests', (name, needed) => {
    const output = execFileSync('npm', ['pack', '--dry-run', '--json', '--workspace', name], {
      cwd: root,
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'ignore'],
    });
    const packed = Object.values(JSON.parse(output) as Record<string, { files: { path: string }[] }>);
    const files = packed.flatMap((tarball) => tarball.files.map(({ path }) => path));
    expect(files).toEqual(expect.arrayContaining(needed));
    expect(files.filter((path) => /\.(test|stories)\.|\/testing\//.test(path))).toEqual([]);
  });
});

describe('the drop-in', () => {
  const folder = join(root, 'dist/cdn');
  const scripts = readdirSync(folder).filter((name) => name.endsWith('.js'));

  test.each(scripts)('has nothing of a framework in %s', (name) => {
    const marks = /useLayoutEffect|react\.(?:transitional\.)?element|createVNode|__v_skip/;
    expect(readFileSync(join(folder, name), 'utf8')).not.toMatch(marks);
  });

  test.each(['dist/cdn', 'packages/server/public'])('of %s has every file’s hash beside it', (copy) => {
    const hashOf = (name: string) =>
      createHash('sha384')
        .update(readFileSync(join(root, copy, name)))
        .digest('base64');
    const told: unknown = JSON.parse(readFileSync(join(root, copy, 'integrity.json'), 'utf8'));
    expect(told).toEqual(Object.fromEntries(scripts.map((name) => [name, `sha384-${hashOf(name)}`])));
  });
});

describe('the layers', () => {
  test.each([
    ['src/client/client.ts', '../store/index.ts'],
    ['src/store/create-store.ts', '../elements/index.ts'],
    ['src/elements/index.ts', '../cdn.ts'],
    ['src/elements/index.ts', '../../stories/support/usage.ts'],
    ['src/elements/index.ts', '../react/index.ts'],
    ['src/cdn.ts', './adapters/billing.ts'],
    ['src/cdn-ahead.ts', './adapters/billing.ts'],
    ['src/adapters/billing.ts', '../react/index.ts'],
    ['src/react/index.ts', '../vue/index.ts'],
    ['src/vue/index.ts', '../react/index.ts'],
    ['packages/node/src/index.ts', '../../../src/store/index.ts'],
    ['packages/server/src/app.ts', '../../../src/client/index.ts'],
    ['packages/server/src/app.ts', './demo/catalog.ts'],
    ['packages/server/src/metering/decide.ts', '../ledger/ledger.ts'],
    ['packages/server/src/metering/decide.ts', '../json.ts'],
    ['packages/server/src/ledger/ledger.ts', '../routes/schemas.ts'],
  ])('refuse that %s imports %s', async (file, imported) => {
    const eslint = new ESLint({ cwd: root });
    const filePath = join(root, file);
    const code = `${readFileSync(filePath, 'utf8')}\nimport '${imported}';\n`;
    const [result] = await eslint.lintText(code, { filePath });
    const rules = result?.messages.map(({ ruleId }) => ruleId);
    expect(rules, `${dirname(file)} must not know ${imported}`).toContain('import-x/no-restricted-paths');
  });
});
