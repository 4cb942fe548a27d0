import { join } from 'node:path';
import { build } from './build.js';
import {
  installChromium,
  installDependencies,
  installPostgres,
  requireNode,
  root,
  run,
  step,
} from './setup.js';

/** `npm test`: installs what is missing, then checks everything. Each step stops the run when it fails. */

const bin = join(root, 'node_modules/.bin');

requireNode();
installDependencies();
installChromium();
installPostgres();
build();

/** @type {[title: string, command: string, args: string[]][]} */
const steps = [
  ['Types', join(bin, 'tsc'), ['-p', 'tsconfig.json']],
  ['Lint', join(bin, 'eslint'), ['.', '--max-warnings', '0']],
  ['Format', join(bin, 'prettier'), ['--check', '--log-level', 'warn', '.']],
  [
    'Generated documents',
    process.execPath,
    ['--import', './scripts/typescript.js', 'scripts/generate.ts', '--check'],
  ],
  ['Units, and the API on a real store', join(bin, 'vitest'), ['run', '--project', 'unit']],
  ['Elements in Chromium', join(bin, 'wtr'), []],
  ['The whole system in Chromium', join(bin, 'vitest'), ['run', '--project', 'system']],
];
const started = performance.now();
for (const [title, command, args] of steps) {
  step(title);
  run(command, args);
}
step(`All green in ${Math.round((performance.now() - started) / 1000)} s`);
