import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    pool: 'forks',
    // The SQLite ledger starts a worker thread from its TypeScript source; the loader lets Node read it.
    execArgv: ['--import', './scripts/typescript.js'],
    projects: [
      {
        extends: true,
        test: {
          name: 'unit',
          include: [
            'src/{adapters,client,store}/**/*.test.ts',
            'packages/*/src/**/*.test.ts',
            'scripts/**/*.test.ts',
          ],
          // A database server is started in one, and machines are shared.
          testTimeout: 30_000,
          hookTimeout: 60_000,
        },
      },
      {
        extends: true,
        test: {
          name: 'system',
          include: ['test/*.test.ts'],
          testTimeout: 60_000,
          hookTimeout: 60_000,
        },
      },
      {
        extends: true,
        test: {
          name: 'api-on-postgres',
          include: ['packages/server/src/{app,routes/*}.test.ts'],
          env: { BILLINGOS_TEST_STORE: 'postgres' },
          testTimeout: 60_000,
          hookTimeout: 60_000,
        },
      },
      {
        extends: true,
        test: {
          name: 'matrix',
          include: ['test/matrix/*.test.ts'],
          testTimeout: 120_000,
          hookTimeout: 300_000,
        },
      },
      {
        extends: true,
        test: {
          name: 'proofs',
          include: ['test/proofs/*.test.ts'],
          testTimeout: 60_000,
          hookTimeout: 60_000,
        },
      },
    ],
  },
});
