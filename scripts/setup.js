import { execFileSync, spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { accessSync, constants, existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { delimiter, join } from 'node:path';

/** Everything here runs before anything is installed: Node's own modules only. */

export const root = join(import.meta.dirname, '..');

const NODE_MIN = [20, 19];
const CHROMIUM_NAMES = ['chromium', 'chromium-browser', 'google-chrome-stable', 'google-chrome'];
const CHROMIUM_PATHS = [
  '/Applications/Google Chrome.app/Contents/MacOS/Google Chrome',
  '/Applications/Chromium.app/Contents/MacOS/Chromium',
  'C:\\Program Files\\Google\\Chrome\\Application\\chrome.exe',
];

/** Stops with a clear message when this Node is too old for the toolchain. */
export function requireNode() {
  const [major = 0, minor = 0] = process.versions.node.split('.').map(Number);
  const [majorMin = 0, minorMin = 0] = NODE_MIN;
  if (major > majorMin || (major === majorMin && minor >= minorMin)) return;
  fail(`Node ${NODE_MIN.join('.')} or newer is needed; this is ${process.version}. See https://nodejs.org`);
}

/** Installs the npm dependencies when they are absent or the lockfile has changed since. */
export function installDependencies() {
  const stamp = join(root, 'node_modules', '.billingos-lock');
  const wanted = createHash('sha256')
    .update(readFileSync(join(root, 'package-lock.json')))
    .digest('hex');
  if (existsSync(stamp) && readFileSync(stamp, 'utf8') === wanted) return;
  step('Installing npm dependencies');
  run('npm', ['ci', '--no-audit', '--no-fund', '--loglevel=error']);
  writeFileSync(stamp, wanted);
}

/**
 * The path of a Chromium or Chrome on this system, `CHROMIUM_PATH` first; undefined when there is none.
 * @returns {string | undefined}
 */
export function findChromium() {
  const named = process.env['CHROMIUM_PATH'];
  const folders = (process.env['PATH'] ?? '').split(delimiter);
  const candidates = [
    ...(named === undefined ? [] : [named]),
    ...CHROMIUM_NAMES.flatMap((name) => folders.map((folder) => join(folder, name))),
    ...CHROMIUM_PATHS,
  ];
  return candidates.find(isExecutable);
}

/** Makes sure of a browser for the tests: the system's own, or its package where we may install one. */
export function installChromium() {
  if (findChromium() !== undefined) return;
  if (!canInstallPackages()) {
    fail(
      'The tests need Chromium or Chrome. Install it (Debian: sudo apt-get install chromium; ' +
        'Fedora: sudo dnf install chromium; macOS: brew install --cask chromium), ' +
        'or set CHROMIUM_PATH to the browser’s executable.',
    );
  }
  step('Installing Chromium from the system’s packages');
  run('apt-get', ['update', '-qq']);
  run('apt-get', ['install', '-y', '-qq', '--no-install-recommends', 'chromium', 'fonts-dejavu-core'], {
    DEBIAN_FRONTEND: 'noninteractive',
  });
  if (findChromium() === undefined)
    fail('The chromium package was installed, but no chromium is on the PATH.');
}

/** Makes sure of a PostgreSQL for the tests: `DATABASE_URL`, the system's own, or its package where we may install one. */
export function installPostgres() {
  if (process.env['DATABASE_URL'] !== undefined || hasPostgres()) return;
  if (!canInstallPackages()) {
    fail(
      'The tests need a PostgreSQL server, 14 or newer. Install one (Debian: sudo apt-get install postgresql; ' +
        'Fedora: sudo dnf install postgresql-server; macOS: brew install postgresql@16), ' +
        'or set DATABASE_URL to a database that they may make schemas in.',
    );
  }
  step('Installing PostgreSQL from the system’s packages');
  run('apt-get', ['update', '-qq']);
  run('apt-get', ['install', '-y', '-qq', '--no-install-recommends', 'postgresql'], {
    DEBIAN_FRONTEND: 'noninteractive',
  });
}

/** Where Debian and Ubuntu keep the server's programs, which they leave out of PATH. */
const DEBIAN_POSTGRES = '/usr/lib/postgresql';

function hasPostgres() {
  const versions = existsSync(DEBIAN_POSTGRES) ? readdirSync(DEBIAN_POSTGRES) : [];
  const folders = [
    ...(process.env['PATH'] ?? '').split(delimiter),
    ...versions.map((version) => join(DEBIAN_POSTGRES, version, 'bin')),
  ];
  return folders.some((folder) => isExecutable(join(folder, 'initdb')));
}

/**
 * Runs a command to its end, output shown; stops with its exit code when it fails.
 * @param {string} command
 * @param {string[]} args
 * @param {Record<string, string>} [env]
 */
export function run(command, args, env = {}) {
  const result = spawnSync(command, args, {
    cwd: root,
    stdio: 'inherit',
    env: { ...process.env, ...env },
    shell: process.platform === 'win32',
  });
  if (result.status === 0) return;
  process.stderr.write(
    `\n✗ ${command} ${args.join(' ')} failed${result.error ? `: ${result.error.message}` : ''}\n`,
  );
  process.exit(result.status ?? 1);
}

/**
 * Runs commands one after the other; each stops the run when it fails.
 * @param {[title: string, command: string, args: string[], env?: Record<string, string>][]} steps
 */
export function runSteps(steps) {
  const started = performance.now();
  for (const [title, command, args, env] of steps) {
    step(title);
    run(command, args, env);
  }
  step(`All green in ${Math.round((performance.now() - started) / 1000)} s`);
}

/** @param {string} text */
export function step(text) {
  process.stdout.write(`\n› ${text}\n`);
}

/**
 * @param {string} message
 * @returns {never}
 */
export function fail(message) {
  process.stderr.write(`\n✗ ${message}\n`);
  process.exit(1);
}

/** @param {string} path */
function isExecutable(path) {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

function canInstallPackages() {
  if (process.getuid?.() !== 0) return false;
  try {
    execFileSync('apt-get', ['--version'], { stdio: 'ignore' });
    return true;
  } catch {
    return false;
  }
}
