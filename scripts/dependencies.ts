/** What an installed package brings along, read from the lockfile: nothing else says what an install will fetch. */

/** The part of `package-lock.json` that is read, by the folder of each package. */
export type Locked = Readonly<
  Record<
    string,
    {
      readonly resolved?: string;
      readonly link?: boolean;
      readonly dependencies?: Readonly<Record<string, string>>;
      readonly optionalDependencies?: Readonly<Record<string, string>>;
    }
  >
>;

/** The names of everything that a workspace's package runs on, without the repository's own packages, sorted. */
export function runtimeDependencies(locked: Locked, workspace: string): string[] {
  const seen = new Set<string>();
  const names = new Set<string>();

  function visit(folder: string): void {
    if (seen.has(folder)) return;
    seen.add(folder);
    const { dependencies, optionalDependencies } = locked[folder] ?? {};
    for (const name of Object.keys({ ...dependencies, ...optionalDependencies })) {
      const found = locate(locked, folder, name);
      if (locked[found]?.link === true) {
        visit(locked[found].resolved ?? '');
        continue;
      }
      names.add(name);
      visit(found);
    }
  }

  visit(workspace);
  return [...names].sort();
}

/** Where Node finds a package: in the nearest `node_modules` on the way up. */
function locate(locked: Locked, folder: string, name: string): string {
  for (let at = folder; ; at = at.slice(0, Math.max(0, at.lastIndexOf('/')))) {
    const candidate = at === '' ? `node_modules/${name}` : `${at}/node_modules/${name}`;
    if (candidate in locked) return candidate;
    if (at === '') throw new Error(`The lockfile has no ${name}, which ${folder} needs`);
  }
}
