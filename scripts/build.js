import { createHash } from 'node:crypto';
import {
  chmodSync,
  cpSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { brotliCompressSync } from 'node:zlib';
import { root, run, step } from './setup.js';

/** What the built files depend on. */
const SOURCES = [
  'src',
  'packages/node',
  'packages/server/src',
  'package.json',
  'package-lock.json',
  'vite.config.ts',
  'scripts/build.js',
];
const OUTPUTS = [
  'dist/client/index.js',
  'dist/cdn/billingos.js',
  'dist/cdn/billingos-ahead.js',
  'dist/react/index.js',
  'packages/node/dist/index.js',
  'packages/node/dist/cjs/index.js',
  'packages/server/dist/cli.js',
  'packages/server/public/billingos.js',
];
/** Those of the drop-in that a page names. */
const PAGE_SCRIPTS = ['billingos.js', 'billingos-ahead.js', 'billingos.iife.js'];
const STAMP = join(root, 'node_modules', '.billingos-build');

/** Builds all packages, unless nothing they are made of has changed since the last time. */
export function build() {
  const fingerprint = fingerprintOf(SOURCES);
  const built = existsSync(STAMP) && readFileSync(STAMP, 'utf8') === fingerprint;
  if (built && OUTPUTS.every((path) => existsSync(join(root, path)))) return;

  step('Building @billingos/node');
  bin('vite', ['build', 'packages/node', '--logLevel', 'warn']);
  bin('tsc', ['-p', 'packages/node/tsconfig.build.json']);
  describeCommonJs(join(root, 'packages/node/dist'));
  step('Building @billingos/sdk: modules and types');
  bin('vite', ['build', '--logLevel', 'warn']);
  bin('tsc', ['-p', 'tsconfig.build.json']);
  step('Building the drop-in');
  bin('vite', ['build', '--mode', 'cdn', '--logLevel', 'warn']);
  bin('vite', ['build', '--mode', 'ahead', '--logLevel', 'warn']);
  tellIntegrity(join(root, 'dist/cdn'));
  step('Building @billingos/server');
  rmSync(join(root, 'packages/server/dist'), { recursive: true, force: true });
  bin('tsc', ['-p', 'packages/server/tsconfig.build.json']);
  chmodSync(join(root, 'packages/server/dist/cli.js'), 0o755);
  fillPublicFolder();
  writeFileSync(STAMP, fingerprint);
}

/**
 * The folder of the CommonJS build says that it is one, to Node and to TypeScript; its types are the same.
 * @param {string} dist
 */
function describeCommonJs(dist) {
  writeFileSync(join(dist, 'cjs/package.json'), '{ "type": "commonjs" }\n');
  for (const folder of ['packages', 'src'])
    cpSync(join(dist, folder), join(dist, 'cjs', folder), { recursive: true });
}

/**
 * Subresource integrity: what a page may hold the drop-in's files to, in `integrity.json` beside them.
 * @param {string} folder
 */
function tellIntegrity(folder) {
  /** @type {Record<string, string>} */
  const hashes = {};
  for (const name of readdirSync(folder).sort()) {
    if (!name.endsWith('.js')) continue;
    hashes[name] = `sha384-${createHash('sha384')
      .update(readFileSync(join(folder, name)))
      .digest('base64')}`;
  }
  writeFileSync(join(folder, 'integrity.json'), `${JSON.stringify(hashes, null, 2)}\n`);
  for (const name of PAGE_SCRIPTS) process.stdout.write(`${hashes[name]}  ${name}\n`);
}

/** The server carries its own copy of the drop-in, and of what renders its reference. */
function fillPublicFolder() {
  const target = join(root, 'packages/server/public');
  rmSync(target, { recursive: true, force: true });
  mkdirSync(join(target, 'swagger-ui'), { recursive: true });
  cpSync(join(root, 'dist/cdn'), target, { recursive: true });
  for (const file of readdirSync(target).filter((name) => name.endsWith('.js')))
    writeFileSync(join(target, `${file}.br`), brotliCompressSync(readFileSync(join(target, file))));
  for (const file of ['swagger-ui-bundle.js', 'swagger-ui.css', 'LICENSE', 'NOTICE'])
    cpSync(join(root, 'node_modules/swagger-ui-dist', file), join(target, 'swagger-ui', file));
}

/**
 * @param {string} name
 * @param {string[]} args
 */
function bin(name, args) {
  run(join(root, 'node_modules/.bin', name), args);
}

/**
 * What files and folders contain, and by which Node they are built.
 * @param {string[]} paths
 */
export function fingerprintOf(paths) {
  const hash = createHash('sha256').update(process.version);
  for (const file of paths.flatMap(filesBelow))
    hash.update(`${file}\0`).update(readFileSync(join(root, file)));
  return hash.digest('hex');
}

/**
 * @param {string} path
 * @returns {string[]}
 */
function filesBelow(path) {
  if (!statSync(join(root, path)).isDirectory()) return [path];
  return readdirSync(join(root, path))
    .filter((name) => name !== 'dist' && name !== 'node_modules')
    .sort()
    .flatMap((name) => filesBelow(`${path}/${name}`));
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) build();
