import { spawnSync } from 'node:child_process';
import { fail, root, step } from './setup.js';

/**
 * Asks the registry for known faults of what the packages run on. A registry that has no such list is no good news: it
 * is said, and nothing is claimed.
 */

step('Known faults of the runtime dependencies');
const { stdout } = spawnSync('npm', ['audit', '--omit=dev', '--json'], {
  cwd: root,
  encoding: 'utf8',
  shell: process.platform === 'win32',
});
/** @type {{ message?: string, metadata?: { vulnerabilities: { total: number }, dependencies: { prod: number } }, vulnerabilities?: object }} */
// eslint-disable-next-line @typescript-eslint/no-unsafe-assignment -- JSON has no type, and is what npm documents
const report = JSON.parse(stdout);
if (report.metadata === undefined) {
  process.stdout.write(`NOT CHECKED: the registry has not answered (${report.message ?? stdout}).\n`);
} else if (report.metadata.vulnerabilities.total > 0) {
  fail(
    `There are some in ${Object.keys(report.vulnerabilities ?? {}).join(', ')}. See: npm audit --omit=dev`,
  );
} else {
  process.stdout.write(`None in ${report.metadata.dependencies.prod} dependencies.\n`);
}
