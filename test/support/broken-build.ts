import {
  cpSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** One change to a file of the built server. */
export interface Break {
  /** Below `dist`. */
  readonly file: string;
  /** What stands there exactly once. */
  readonly find: string;
  readonly replace: string;
}

const ROOT = join(import.meta.dirname, '../..');
const SERVER = join(ROOT, 'packages/server');

/** A copy of the built server with changes that make it wrong. Remove it when done. */
export function brokenBuild(breaks: readonly Break[]): { readonly cli: string; readonly remove: () => void } {
  const folder = mkdtempSync(join(tmpdir(), 'billingos-broken-'));
  // As in the repository: what the server has no copy of for itself is found further up.
  symlinkSync(join(ROOT, 'node_modules'), join(folder, 'node_modules'));
  const server = join(folder, 'server');
  mkdirSync(server);
  for (const name of readdirSync(SERVER)) {
    if (name !== 'dist') symlinkSync(join(SERVER, name), join(server, name));
  }
  cpSync(join(SERVER, 'dist'), join(server, 'dist'), { recursive: true });
  for (const { file, find, replace } of breaks) {
    const path = join(server, 'dist', file);
    const [before, after, ...more] = readFileSync(path, 'utf8').split(find);
    if (before === undefined || after === undefined || more.length > 0)
      throw new Error(`${file} does not have exactly one of: ${find}`);
    writeFileSync(path, before + replace + after);
  }
  return { cli: join(server, 'dist/cli.js'), remove: () => rmSync(folder, { recursive: true }) };
}
