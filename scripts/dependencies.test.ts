import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { runtimeDependencies, type Locked } from './dependencies.ts';

const root = join(import.meta.dirname, '..');
const read = (file: string): string => readFileSync(join(root, file), 'utf8');
const { packages } = JSON.parse(read('package-lock.json')) as { packages: Locked };

/** The sections of `docs/dependencies.md`: the count in the heading, and each dependency with its reason. */
const sections = new Map(
  read('docs/dependencies.md')
    .split(/^## /m)
    .slice(1)
    .map((section) => {
      const [, name = '', count] = /^`([^`]+)`: (\d+)/.exec(section) ?? [];
      const rows = [...section.matchAll(/^\| `([^`]+)` +\| *(.*?) *\|$/gm)].map(
        ([, dependency, reason]) => [dependency, reason] as const,
      );
      return [name, { count: Number(count), rows }] as const;
    }),
);

describe.each([
  ['@billingos/sdk', ''],
  ['@billingos/node', 'packages/node'],
  ['@billingos/server', 'packages/server'],
])('what %s runs on', (name, workspace) => {
  const { count, rows } = sections.get(name) ?? { count: 0, rows: [] };

  test('is listed, each with its reason and nothing else', () => {
    expect(rows.map(([dependency]) => dependency)).toEqual(runtimeDependencies(packages, workspace));
    for (const [dependency, reason] of rows) expect(reason, dependency).not.toBe('');
  });

  test('is counted', () => {
    expect(count).toBe(rows.length);
  });
});
