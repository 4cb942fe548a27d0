import { esbuildPlugin } from '@web/dev-server-esbuild';
import { playwrightLauncher } from '@web/test-runner-playwright';
import { findChromium } from './scripts/setup.js';

const executablePath = findChromium();
if (executablePath === undefined) throw new Error('No Chromium found; `npm test` installs one.');

/** @type {import('@web/test-runner').TestRunnerConfig} */
export default {
  files: 'src/elements/**/*.test.ts',
  nodeResolve: { exportConditions: ['browser', 'development'] },
  plugins: [esbuildPlugin({ ts: true, target: 'es2022', tsconfig: './tsconfig.json' })],
  browsers: [
    playwrightLauncher({
      product: 'chromium',
      launchOptions: { executablePath, args: ['--no-sandbox', '--disable-gpu'] },
    }),
  ],
  // What a test provokes on purpose is asserted there; Lit says so in every file.
  filterBrowserLogs: ({ args }) => !/Lit is in dev mode|^BillingOS: /.test(String(args[0])),
  testFramework: { config: { timeout: 10_000 } },
};
