import { join } from 'node:path';
import { build } from './build.js';
import {
  installChromium,
  installDependencies,
  installPostgres,
  requireNode,
  root,
  runSteps,
} from './setup.js';

/** `npm test`: installs what is missing, then checks everything. */

const bin = join(root, 'node_modules/.bin');

requireNode();
installDependencies();
installChromium();
installPostgres();
build();

runSteps([
  ['Types', join(bin, 'tsc'), ['-p', 'tsconfig.json']],
  ['Lint', join(bin, 'eslint'), ['.', '--max-warnings', '0']],
  ['Format', join(bin, 'prettier'), ['--check', '--log-level', 'warn', '.']],
  [
    'Generated documents',
    process.execPath,
    ['--import', './scripts/typescript.js', 'scripts/generate.ts', '--check'],
  ],
  ['Units, and the API on a real store', join(bin, 'vitest'), ['run', '--project', 'unit']],
  ['Proofs, at a small scale', join(bin, 'vitest'), ['run', '--project', 'proofs', '--maxWorkers', '2']],
  [
    'Faults in running servers, each a few times',
    process.execPath,
    ['--import', './scripts/typescript.js', 'torture/torture.ts', '--quick'],
  ],
  ['Elements in Chromium', join(bin, 'wtr'), []],
  ['The whole system in Chromium', join(bin, 'vitest'), ['run', '--project', 'system', '--maxWorkers', '2']],
]);
