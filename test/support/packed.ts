import { execFileSync } from 'node:child_process';
import { cpSync, existsSync, mkdirSync, symlinkSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { temporaryFolder } from './dev-server.ts';

/** Projects that use the packages as they are published: unpacked tarballs, and other packages beside them. */

export const ROOT = join(import.meta.dirname, '../..');

export interface Project {
  readonly path: string;
  remove(): void;
}

/** A copy of a fixture with `packages` unpacked into it; the rest is linked from this repository. */
export function projectOf(fixture: string, packages: readonly string[], linked: readonly string[]): Project {
  const project = temporaryFolder();
  cpSync(join(ROOT, 'test/fixtures', fixture), project.path, { recursive: true });
  for (const name of packages) unpack(name, project.path);
  for (const name of linked) {
    const target = join(project.path, 'node_modules', name);
    mkdirSync(dirname(target), { recursive: true });
    symlinkSync(join(ROOT, 'node_modules', name), target);
  }
  return project;
}

/** Packs a workspace into a folder. Returns the tarball. */
export function pack(name: string, folder: string): string {
  const output = execFileSync(
    'npm',
    ['pack', '--json', '--silent', '--pack-destination', folder, '--workspace', name],
    { cwd: ROOT, encoding: 'utf8' },
  );
  const packed = Object.values(JSON.parse(output) as Record<string, { filename: string }>);
  const tarball = join(folder, packed[0]?.filename.replace('@', '').replace('/', '-') ?? '');
  if (!existsSync(tarball)) throw new Error(`npm pack left no ${tarball}.`);
  return tarball;
}

function unpack(name: string, project: string): void {
  const target = join(project, 'node_modules', name);
  mkdirSync(target, { recursive: true });
  execFileSync('tar', ['-xzf', pack(name, project), '-C', target, '--strip-components=1']);
}
