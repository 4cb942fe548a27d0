import { spawn, spawnSync, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as pause } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { printFigures, writeFigures, type Figure } from './figures.ts';
import { machine, printFacts, progress, spreadOf } from './report.ts';

/** How long it takes until something answers, from the command to the line that says so, and what it then holds. */

const HELP = `Measures starts: npm run bench -- start [options]

  --quick          once, to see that it runs
  --rounds N       starts of each (5)
  --help           this text

Memory is read from /proc: on Linux alone.`;

const { values: options } = parseArgs({
  options: {
    help: { type: 'boolean', default: false },
    quick: { type: 'boolean', default: false },
    rounds: { type: 'string', default: '5' },
  },
});

const ROUNDS = options.quick ? 1 : Number(options.rounds);
/** What a server that nobody asks anything has settled after. */
const IDLE_MS = options.quick ? 1_000 : 5_000;
const ROOT = join(import.meta.dirname, '..');
const CLI = join(ROOT, 'packages/server/dist/cli.js');

interface Started {
  readonly readyS: number;
  /** Resident, once idle; `null` where the system does not say. */
  readonly idleMb: number | null;
}

/** Runs a command until its output matches, and stops it again. */
async function start(command: string, args: readonly string[], ready: RegExp): Promise<Started> {
  const begun = performance.now();
  const child = spawn(command, args, { cwd: ROOT, stdio: ['ignore', 'pipe', 'inherit'] });
  await lineOf(child, ready);
  const readyS = (performance.now() - begun) / 1_000;
  await pause(IDLE_MS);
  const idleMb = residentMb(child.pid ?? 0);
  child.kill('SIGTERM');
  await once(child, 'exit');
  return { readyS, idleMb };
}

async function lineOf(child: ChildProcess, ready: RegExp): Promise<void> {
  if (child.stdout === null) throw new Error('The output is not piped');
  const lines = createInterface({ input: child.stdout });
  await new Promise<void>((resolve, reject) => {
    lines.on('line', (line) => {
      if (ready.test(line)) resolve();
    });
    child.once('exit', (code) => reject(new Error(`Ended with code ${String(code)} before it was ready`)));
  });
}

function residentMb(pid: number): number | null {
  try {
    const [, kilobytes] = /^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8')) ?? [];
    return Number(kilobytes) / 1_024;
  } catch {
    return null;
  }
}

async function main(): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), 'billingos-bench-'));
  const configuration = { ...machine(), rounds: ROUNDS, idleMs: IDLE_MS };
  printFacts(configuration);
  const measured: Record<'npmStart' | 'serve', Started[]> = { npmStart: [], serve: [] };
  try {
    const served = join(folder, 'serve');
    // What is measured is a start like any other, not the first one, which makes the store.
    spawnSync(process.execPath, [CLI, 'migrate', '--data', served]);
    for (let round = 0; round < ROUNDS; round += 1) {
      progress(`round ${round + 1} of ${ROUNDS}`);
      const tried = join(folder, `dev-${round}`);
      const npmStart = ['scripts/start.js', '--port', '0', '--data', tried];
      measured.npmStart.push(await start(process.execPath, npmStart, /is running/));
      const serve = [CLI, 'serve', '--port', '0', '--data', served];
      measured.serve.push(await start(process.execPath, serve, /is serving/));
    }
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
  progress('');
  const seconds = (of: readonly Started[]) => spreadOf(of.map(({ readyS }) => readyS));
  const idle = measured.serve.flatMap(({ idleMb }) => idleMb ?? []);
  const figures: Figure[] = [
    {
      name: '`npm start` to ready, built, less npm itself',
      reference: '–',
      unit: 's',
      atMost: 5,
      value: seconds(measured.npmStart),
    },
    {
      name: '`billingos serve` to ready',
      reference: '–',
      unit: 's',
      atMost: 0.5,
      value: seconds(measured.serve),
    },
    ...(idle.length === 0
      ? []
      : [{ name: 'Resident memory, idle', reference: '–', unit: 'MB', atMost: 120, value: spreadOf(idle) }]),
  ];
  printFigures(figures);
  writeFigures('start', { configuration, figures, measured });
}

if (options.help) console.log(HELP);
else await main();
