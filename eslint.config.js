import js from '@eslint/js';
import { defineConfig } from 'eslint/config';
import prettier from 'eslint-config-prettier';
import { createNodeResolver, importX } from 'eslint-plugin-import-x';
import globals from 'globals';
import tseslint from 'typescript-eslint';

/** On top of everything in the browser: nothing imports them. */
const adapters = ['./src/adapters', './src/react', './src/vue', './src/jsx.ts'];

/**
 * The layers of the architecture column, from the ledger up to the adapters. A layer knows the one below it
 * and nothing above it; this list is what makes that true.
 * @type {{ layer: string, mayNotImport: string[], because: string }[]}
 */
const layers = [
  {
    layer: './src/client',
    mayNotImport: ['./src/store', './src/elements', './src/cdn*.ts', ...adapters, './packages'],
    because: 'the client is the lowest layer in the browser and on servers',
  },
  {
    layer: './src/store',
    mayNotImport: ['./src/elements', './src/cdn*.ts', ...adapters, './packages'],
    because: 'the store is headless: it knows the client and no framework',
  },
  {
    layer: './src/elements',
    mayNotImport: ['./src/cdn*.ts', ...adapters, './packages'],
    because: 'elements know the store by its interface, and nothing above them',
  },
  {
    layer: './src/**/!(*.stories).ts',
    mayNotImport: ['./stories', './.storybook'],
    because: 'what ships knows nothing of the stories about it',
  },
  {
    layer: './src/cdn*.ts',
    mayNotImport: adapters,
    because: 'a page with a script tag has no use for a framework',
  },
  {
    layer: './src/adapters',
    mayNotImport: ['./src/cdn*.ts', './src/react', './src/vue', './src/jsx.ts', './packages'],
    because: 'what the adapters share knows no framework',
  },
  {
    layer: './src/react',
    mayNotImport: ['./src/cdn*.ts', './src/vue', './packages'],
    because: 'an application has one framework',
  },
  {
    layer: './src/vue',
    mayNotImport: ['./src/cdn*.ts', './src/react', './src/jsx.ts', './packages'],
    because: 'an application has one framework',
  },
  {
    layer: './packages/node/src',
    mayNotImport: ['./src/store', './src/elements', './src/cdn*.ts', ...adapters, './packages/server'],
    because: 'the Node SDK is the client for servers, nothing else',
  },
  {
    layer: './packages/server/src',
    mayNotImport: ['./src', './packages/node/src'],
    because: 'the server shares no source with its clients; they meet in openapi.json',
  },
  {
    layer: './packages/server/src/metering',
    mayNotImport: ['./packages/server/src/!(metering)', './packages/server/src/!(metering)/**/*'],
    because: 'metering rules are pure functions: no I/O, no HTTP, no store',
  },
  {
    layer: './packages/server/src/ledger',
    mayNotImport: [
      './packages/server/src/!(ledger|metering)',
      './packages/server/src/!(ledger|metering)/**/*',
    ],
    because: 'a ledger loads, locks and persists; it knows the metering rules and nothing of HTTP',
  },
  {
    layer: './packages/server/src/selftest',
    mayNotImport: ['./packages/server/src/!(selftest)', './packages/server/src/!(selftest)/**/*'],
    because: 'a selftest judges an API from outside, by nothing that it shares with it',
  },
  {
    layer: './packages/server/src/!(demo|cli.ts)',
    mayNotImport: ['./packages/server/src/demo'],
    because: 'the demo exists only under `billingos dev`',
  },
];

/** @param {string} pattern */
const isGlob = (pattern) => pattern.includes('*') || pattern.includes('!(');

/** @type {(names: string[], message: string) => import('eslint').Linter.RuleEntry} */
const forbidGlobals = (names, message) => ['error', ...names.map((name) => ({ name, message }))];

export default defineConfig(
  {
    ignores: [
      '**/dist/',
      'packages/server/public/',
      '**/*.generated.ts',
      '**/.billingos/',
      '**/.next/',
      '**/next-env.d.ts',
      'test/fixtures/{guide,jsx,vue,bundlers}/',
    ],
  },
  js.configs.recommended,
  tseslint.configs.strictTypeChecked,
  tseslint.configs.stylisticTypeChecked,
  {
    languageOptions: {
      parserOptions: { projectService: true, tsconfigRootDir: import.meta.dirname },
    },
    plugins: { 'import-x': importX },
    settings: { 'import-x/resolver-next': [createNodeResolver()] },
    rules: {
      'import-x/no-restricted-paths': [
        'error',
        {
          basePath: import.meta.dirname,
          zones: layers.flatMap(({ layer, mayNotImport, because }) => {
            const globs = mayNotImport.filter(isGlob);
            const folders = mayNotImport.filter((path) => !isGlob(path));
            return [globs, folders]
              .filter((from) => from.length > 0)
              .map((from) => ({ target: layer, from, message: `${because}.` }));
          }),
        },
      ],
      'import-x/no-cycle': 'error',
      '@typescript-eslint/restrict-template-expressions': ['error', { allowNumber: true }],
      '@typescript-eslint/no-unused-vars': ['error', { argsIgnorePattern: '^_' }],
      '@typescript-eslint/consistent-type-imports': 'error',
      '@typescript-eslint/no-non-null-assertion': 'error',
      '@typescript-eslint/no-confusing-void-expression': ['error', { ignoreArrowShorthand: true }],
      '@typescript-eslint/no-invalid-void-type': 'off',
      'no-console': 'error',
      eqeqeq: ['error', 'always', { null: 'ignore' }],
    },
  },
  {
    files: ['src/client/**', 'src/store/**'],
    ignores: ['**/*.test.ts'],
    rules: {
      'no-restricted-globals': forbidGlobals(
        ['document', 'window', 'HTMLElement', 'customElements', 'localStorage', 'sessionStorage'],
        'Client and store are headless: what comes from a page is injected.',
      ),
    },
  },
  {
    files: ['packages/server/src/metering/**'],
    ignores: ['**/*.test.ts'],
    rules: {
      'no-restricted-imports': [
        'error',
        {
          patterns: [
            { group: ['node:*', 'hono*', 'libsql', 'zod', '@hono/*'], message: 'Metering is pure.' },
          ],
        },
      ],
      'no-restricted-properties': [
        'error',
        { object: 'Date', property: 'now', message: 'The clock is an argument.' },
        { object: 'Math', property: 'random', message: 'Randomness is an argument.' },
      ],
    },
  },
  {
    files: ['packages/server/src/routes/**'],
    ignores: ['**/*.test.ts'],
    rules: {
      '@typescript-eslint/no-restricted-imports': [
        'error',
        {
          patterns: [
            {
              group: ['**/ledger/ledger.ts'],
              importNames: ['Ledger'],
              message: 'A route has the ledger of its credential’s tenant, and no way to another one’s.',
            },
          ],
        },
      ],
    },
  },
  {
    files: ['scripts/**', 'bench/**', 'torture/**', '*.config.js', 'packages/server/src/cli.ts'],
    languageOptions: { globals: globals.node },
    rules: { 'no-console': 'off' },
  },
  {
    files: ['packages/server/{demo,reference}/**'],
    extends: [tseslint.configs.disableTypeChecked],
    languageOptions: { globals: globals.browser },
  },
  {
    // Projects of their own, with types that only they install: their own builds check those, in the matrix.
    files: ['examples/**'],
    extends: [tseslint.configs.disableTypeChecked],
    languageOptions: { globals: { ...globals.node, ...globals.browser } },
    rules: { 'no-console': 'off', '@typescript-eslint/no-non-null-assertion': 'off' },
  },
  {
    files: ['**/*.test.ts'],
    rules: {
      '@typescript-eslint/no-non-null-assertion': 'off',
      '@typescript-eslint/no-unused-expressions': 'off',
    },
  },
  prettier,
);
