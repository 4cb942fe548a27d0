import { readdirSync } from 'node:fs';
import { basename, join } from 'node:path';
import { build } from '../scripts/build.js';
import {
  installChromium,
  installDependencies,
  installPostgres,
  requireNode,
  root,
  run,
} from '../scripts/setup.js';

/**
 * `npm run bench -- NAME [options]` runs one program of this folder, `npm run bench` all of them; installs what is
 * missing, as the tests do.
 */

/** What stands beside the programs and is none. */
const SHARED = [
  'api-server',
  'bare-server',
  'browser-pages',
  'figures',
  'full-store',
  'ledger-load',
  'load-generator',
  'processes',
  'report',
  'stores',
  'strained-server',
  'stream-holder',
];

const programs = readdirSync(import.meta.dirname)
  .filter((file) => file.endsWith('.ts'))
  .map((file) => basename(file, '.ts'))
  .filter((name) => !SHARED.includes(name));
// Written from what the others have found.
programs.push(...programs.splice(programs.indexOf('document'), 1));
const [first = '', ...rest] = process.argv.slice(2);
const named = first !== '' && !first.startsWith('-');

if (named && !programs.includes(first)) {
  console.error(`There is no bench named ${first}. There are: ${programs.join(', ')}.`);
  process.exit(1);
}
requireNode();
installDependencies();
installChromium();
installPostgres();
// What is measured is what runs: the TypeScript loader that tests use costs the ledger 15 %.
build();
for (const program of named ? [first] : programs) {
  const options = named ? rest : process.argv.slice(2);
  run(process.execPath, [
    '--import',
    join(root, 'scripts/typescript.js'),
    join(import.meta.dirname, `${program}.ts`),
    ...options,
  ]);
}
