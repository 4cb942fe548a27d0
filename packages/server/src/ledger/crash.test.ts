import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { describe, expect, it, onTestFinished } from 'vitest';
import { command } from '../metering/testing/pricing.ts';
import { openSqliteLedger } from './sqlite/sqlite-ledger.ts';
import { audit } from './testing/audit.ts';
import { tempFolder } from './testing/temp-folder.ts';

const ROOT = join(import.meta.dirname, '..', '..', '..', '..');
const PROGRAM = join(import.meta.dirname, 'testing', 'track-under-load.ts');

const KILLS = 4;
/** Events acknowledged before a kill: different each time, so that it hits another place. */
const ACKNOWLEDGED = [1, 137, 400, 999] as const;
const TIMEOUT_MS = 60_000;

/** Starts the program that tracks without end. */
function startLoad(folder: string): {
  child: ChildProcess;
  lines: AsyncIterableIterator<string>;
  stderr: () => string;
} {
  const child = spawn(process.execPath, ['--import', './scripts/typescript.js', PROGRAM, folder], {
    cwd: ROOT,
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  onTestFinished(() => void child.kill('SIGKILL'));
  let stderr = '';
  child.stderr.on('data', (chunk: Buffer) => (stderr += chunk.toString()));
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  return { child, lines, stderr: () => stderr };
}

/** Reads until so many events are acknowledged, kills, and reads what was acknowledged until the very end. */
async function killAfter(folder: string, count: number): Promise<string[]> {
  const { child, lines, stderr } = startLoad(folder);
  const acknowledged: string[] = [];
  for await (const line of lines) {
    if (line !== 'ready') acknowledged.push(line);
    if (acknowledged.length === count) child.kill('SIGKILL');
  }
  expect(acknowledged.length, stderr()).toBeGreaterThanOrEqual(count);
  return acknowledged;
}

describe('a server killed under load', () => {
  it(
    'has every acknowledged event, once, and counters that add up, each time it starts again',
    async () => {
      const folder = tempFolder();
      const acknowledged: string[] = [];
      for (let kill = 0; kill < KILLS; kill += 1) {
        acknowledged.push(...(await killAfter(folder, ACKNOWLEDGED[kill] ?? 1)));
        const { eventIds, faults } = audit(join(folder, 'billingos.db'));
        const stored = new Set(eventIds);
        expect(acknowledged.filter((line) => !stored.has(line.split(' ')[1] ?? ''))).toEqual([]);
        expect(stored.size).toBe(eventIds.length);
        expect(faults).toEqual([]);
      }
      await expectReplays(folder, acknowledged);
    },
    TIMEOUT_MS,
  );

  it(
    'keeps a second one out while it lives, and nobody once it is dead',
    async () => {
      const folder = tempFolder();
      const first = startLoad(folder);
      await first.lines.next();
      const second = startLoad(folder);
      const [code] = (await once(second.child, 'close')) as [number];
      expect(code).not.toBe(0);
      expect(second.stderr()).toContain(
        `in use by the server at http://127.0.0.1:1 (process ${first.child.pid})`,
      );
      first.child.kill('SIGKILL');
      await once(first.child, 'close');
      expect(await killAfter(folder, 1)).not.toEqual([]);
    },
    TIMEOUT_MS,
  );
});

/** Whoever repeats an acknowledged event, after all the crashes, hears that it was counted. */
async function expectReplays(folder: string, acknowledged: readonly string[]): Promise<void> {
  const ledger = await openSqliteLedger(join(folder, 'billingos.db'), Date.now);
  onTestFinished(() => ledger.close());
  const tenant = ledger.tenant(await ledger.ensureTenant('Acme', 'test', Date.now()));
  for (const line of [acknowledged[0], acknowledged.at(-1)]) {
    const [idempotencyKey = '', id] = line?.split(' ') ?? [];
    const [, caller, turn] = idempotencyKey.split('-').map(Number);
    const [verdict] = await tenant.track([
      command(turn! % 2 === 0 ? 'events' : 'emails', 1, {
        externalId: `user_${caller! % 3}`,
        idempotencyKey,
      }),
    ]);
    expect(verdict).toMatchObject({ outcome: 'duplicate', event: { id } });
  }
}
