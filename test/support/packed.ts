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

/** A copy of a fixture with `packages` unpacked into it; the rest is linked from this repository, or from `modules`. */
export function projectOf(
  fixture: string,
  packages: readonly string[],
  linked: readonly string[],
  modules = join(ROOT, 'node_modules'),
): Project {
  const project = temporaryFolder();
  cpSync(join(ROOT, 'test/fixtures', fixture), project.path, { recursive: true });
  for (const name of packages) unpack(name, project.path);
  for (const name of linked) link(name, project.path, modules);
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

/** What a program of this repository's dependencies says of what it is given; nothing when it is content. */
export function complaintsOf(program: string, args: readonly string[]): string {
  try {
    execFileSync(process.execPath, [join(ROOT, 'node_modules', program), ...args], { stdio: 'pipe' });
    return '';
  } catch (error) {
    const { stdout, stderr } = error as { stdout: Buffer; stderr: Buffer };
    return `${stdout.toString()}${stderr.toString()}`;
  }
}

/** Packages of other versions than this repository has, installed once. Returns their `node_modules`. */
export function installed(packages: readonly string[]): { path: string; remove: () => void } {
  const folder = temporaryFolder();
  const options = ['--no-audit', '--no-fund', '--silent', '--no-package-lock'];
  execFileSync('npm', ['install', '--prefix', folder.path, ...options, ...packages], { stdio: 'pipe' });
  return { path: join(folder.path, 'node_modules'), remove: folder.remove };
}

function link(name: string, project: string, modules: string): void {
  const other = join(modules, name);
  const target = join(project, 'node_modules', name);
  mkdirSync(dirname(target), { recursive: true });
  symlinkSync(existsSync(other) ? other : join(ROOT, 'node_modules', name), target);
}
