import { join } from 'node:path';
import { build } from './build.js';
import { installDependencies, installPostgres, requireNode, root, runSteps } from './setup.js';

/**
 * `npm run test:matrix`: the proofs of the metering at their full figures, on every store. Each prints what it has
 * shown and the seed it was shown with; BILLINGOS_PROOF_SEED repeats one.
 */

const vitest = join(root, 'node_modules/.bin/vitest');

requireNode();
installDependencies();
installPostgres();
build();

runSteps([
  ['The HTTP API on PostgreSQL', vitest, ['run', '--project', 'api-on-postgres']],
  ['Proofs', vitest, ['run', '--project', 'proofs', '--maxWorkers', '2'], { BILLINGOS_PROOF: 'full' }],
]);
