import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { build } from './build.js';
import { installDependencies, requireNode, root } from './setup.js';

/** `npm start`: installs, builds, and runs `billingos dev` with whatever arguments follow `--`. */

requireNode();
installDependencies();
build();

const server = spawn(
  process.execPath,
  [join(root, 'packages/server/dist/cli.js'), 'dev', ...process.argv.slice(2)],
  { cwd: root, stdio: 'inherit' },
);
// The terminal sends its interrupt to both; a service manager's stop reaches only this process.
process.on('SIGINT', () => undefined);
process.on('SIGTERM', () => server.kill('SIGTERM'));
server.on('exit', (code) => process.exit(code ?? 0));
