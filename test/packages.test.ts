import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
import { publint } from 'publint';
import { formatMessage } from 'publint/utils';
import { beforeAll, describe, expect, test } from 'vitest';
import { temporaryFolder } from './support/dev-server.ts';
import { complaintsOf, pack, projectOf, ROOT } from './support/packed.ts';

/** The packages as they would be published, by the eyes of those who check such things for a living. */

describe.each([
  // A style sheet has no types.
  ['@billingos/sdk', '.', ['--profile', 'esm-only', '--exclude-entrypoints', 'tokens.css']],
  ['@billingos/node', 'packages/node', ['--profile', 'node16']],
  ['@billingos/server', 'packages/server', ['--profile', 'esm-only']],
])('%s', (name, folder, profile) => {
  let tarball: string;
  beforeAll(() => {
    const packed = temporaryFolder();
    tarball = pack(name, packed.path);
    return packed.remove;
  });

  test('has nothing that publint objects to', async () => {
    const { messages, pkg } = await publint({ pkgDir: join(ROOT, folder), strict: true });
    expect(messages.map((message) => formatMessage(message, pkg))).toEqual([]);
  });

  test('has the right types for every way to import it', () => {
    expect(complaintsOf('@arethetypeswrong/cli/dist/index.js', [tarball, ...profile])).toBe('');
  });
});

test('@billingos/node can be required', () => {
  const program = "process.stdout.write(Object.keys(require('@billingos/node')).join())";
  const names = execFileSync(process.execPath, ['--input-type=commonjs', '--eval', program], {
    cwd: ROOT,
    encoding: 'utf8',
  });
  expect(names.split(',')).toContain('BillingOS');
});

test('@billingos/sdk types its tags for makers of JSX other than React, where there is no React', () => {
  const project = projectOf('jsx', ['@billingos/sdk'], ['@lit/context', 'lit', 'ofetch']);
  expect(complaintsOf('typescript/bin/tsc', ['-p', project.path])).toBe('');
  project.remove();
});
