import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { createMetrics } from '../packages/server/src/metrics.ts';
import { billingos } from './support/program.ts';

/** The operator's guide against the program that it speaks of. */

const DOCS = join(import.meta.dirname, '../docs');
const SOURCES = join(import.meta.dirname, '../packages/server/src');
const GUIDE = readFileSync(join(DOCS, 'self-hosting.md'), 'utf8');
const SETTING = /\b(?:BILLINGOS_[A-Z_]+|DATABASE_(?:DIRECT_)?URL)\b/g;

describe('the operator’s guide', () => {
  test('names every setting that the server reads', () => {
    const read = readFileSync(join(SOURCES, 'settings.ts'), 'utf8').match(SETTING) ?? [];
    for (const name of read) expect(GUIDE).toContain(`\`${name}\``);
  });

  test('names no command that there is not', async () => {
    const { stdout } = await billingos(['--help']);
    const named = [...GUIDE.matchAll(/\bbillingos ([a-z]+(?: (?:create|list|revoke))?)/g)].map(
      ([, name = '']) => name,
    );
    expect(named.length).toBeGreaterThan(8);
    for (const name of named) expect(stdout).toContain(`billingos ${name}`);
  });

  test('names no metric that there is not', async () => {
    const load = { queued: 0, connections: { open: 0, idle: 0, waiting: 0 } };
    const there = await createMetrics().render({ load, streams: 0, storeBytes: 0 });
    const named = GUIDE.match(/\b(billingos|nodejs)_[a-z0-9_]+/g) ?? [];
    expect(named.length).toBeGreaterThan(8);
    for (const name of named) expect(there).toContain(name.replace(/_(bucket|count)$/, ''));
  });
});

describe.each(['billingos.service', 'Dockerfile'])('%s', (file) => {
  test('sets nothing that the guide does not know', () => {
    const set = readFileSync(join(DOCS, 'self-hosting', file), 'utf8').match(SETTING) ?? [];
    for (const name of set) expect(GUIDE).toContain(`\`${name}\``);
  });
});
