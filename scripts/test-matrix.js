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

/**
 * `npm run test:matrix`: the packages under other frameworks and bundlers, installed from the registry, and the proofs
 * of the metering at their full figures, on every store. Each proof prints what it has shown and the seed it was shown
 * with; BILLINGOS_PROOF_SEED repeats one.
 */

const vitest = join(root, 'node_modules/.bin/vitest');

requireNode();
installDependencies();
installChromium();
installPostgres();
build();

runSteps([
  [
    'The React package and the guide, under React 18.3',
    vitest,
    ['run', '--project', 'system', 'test/react.test.ts', 'test/guide.test.ts'],
    { BILLINGOS_TEST_REACT: '18.3' },
  ],
  ['The packages in every bundler, and the examples', vitest, ['run', '--project', 'matrix']],
  [
    'A bad line, at full length',
    vitest,
    ['run', '--project', 'system', 'test/store-faults.test.ts'],
    { BILLINGOS_PROOF: 'full' },
  ],
  ['The HTTP API on PostgreSQL', vitest, ['run', '--project', 'api-on-postgres']],
  ['Proofs', vitest, ['run', '--project', 'proofs', '--maxWorkers', '2'], { BILLINGOS_PROOF: 'full' }],
]);
