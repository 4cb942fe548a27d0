import { randomInt } from 'node:crypto';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { startPostgres, type TestPostgres } from '../packages/server/src/ledger/testing/postgres.ts';
import { seededRandom } from '../src/store/testing/seeded-random.ts';
import type { Fault, Scene } from './fault.ts';
import { FAULTS } from './faults/index.ts';
import { Line, printLine, violationsOf, writeReport } from './report.ts';

/** `npm run torture`: everything that may go wrong, and what was counted while it did. */

const HELP = `Puts running servers under load, breaks something, and checks that every event was counted exactly once:
npm run torture -- [options]

  --quick          each fault a few times, in less than a minute
  --only FAULT     one of them; may be given more than once
  --runs N         how often each happens, in place of its own count
  --seed N         the seed of an earlier run: it decides what is done and when, not how the machine schedules it
  --help           this text

Ctrl+C ends it after the run that is under way.

Faults:
${FAULTS.map(({ name, title, runs, unit }) => `  ${name.padEnd(19)}${title} (${runs.full} ${unit})`).join('\n')}

The matrix of faults and invariants goes to torture/results/, as JSON and as SVG. A run that failed leaves its seed in
torture/regressions.json: every later run begins with those. Keep them with the fix.`;

const SEEDS = 2 ** 31;
const REGRESSIONS = join(import.meta.dirname, 'regressions.json');

interface Regression {
  readonly fault: string;
  readonly seed: number;
}

let postgres: Promise<TestPostgres> | undefined;

const { values: options } = parseArgs({
  options: {
    help: { type: 'boolean', default: false },
    quick: { type: 'boolean', default: false },
    only: { type: 'string', multiple: true, default: [] },
    runs: { type: 'string' },
    seed: { type: 'string' },
  },
});

async function main(): Promise<void> {
  const unknown = options.only.filter((name) => FAULTS.every((fault) => fault.name !== name));
  if (unknown.length > 0) throw new Error(`There is no fault named ${unknown.join(', ')}; see --help.`);
  const seed = wholeNumber('seed', options.seed) ?? randomInt(SEEDS);
  const runs = wholeNumber('runs', options.runs);
  console.log(`--seed ${seed}`);
  const faults = FAULTS.filter(({ name }) => options.only.length === 0 || options.only.includes(name));
  const lines: Line[] = [];
  const interruption = new AbortController();
  process.once('SIGINT', () => interruption.abort());
  for (const fault of faults) {
    const count = runs ?? fault.runs[options.quick ? 'quick' : 'full'];
    if (count === 0 || interruption.signal.aborted) continue;
    const line = await suffer(fault, seed, count, interruption.signal);
    lines.push(line);
    printLine(line);
  }
  console.log(`\nWritten to ${writeReport({ seed, quick: options.quick, lines })}`);
  if (lines.some((line) => violationsOf(line) > 0)) process.exitCode = 1;
}

function wholeNumber(name: string, text: string | undefined): number | undefined {
  if (text === undefined || /^\d{1,10}$/.test(text)) return text === undefined ? undefined : Number(text);
  throw new Error(`--${name} takes a whole number, not ${text}.`);
}

/** Lets a fault happen, first with the seeds that it once failed with. */
async function suffer(fault: Fault, seed: number, runs: number, interruption: AbortSignal): Promise<Line> {
  const line = new Line(fault);
  const obstacle = await fault.obstacle?.();
  if (obstacle !== undefined) {
    line.obstacle = obstacle;
    return line;
  }
  const regressions = readRegressions();
  const known = regressions.filter((one) => one.fault === fault.name).map((one) => one.seed);
  const fresh = Array.from({ length: runs }, (_, n) => (seed + n) % SEEDS);
  const afterAll: (() => unknown)[] = [];
  const afterRun: (() => unknown)[] = [];
  let ends = afterAll;
  let random = seededRandom(seed);
  const scene: Scene = {
    random: () => random(),
    newDatabase: async () => (await (postgres ??= startPostgres())).newStore(),
    atEnd: (end) => void ends.push(end),
    judge: (findings) => findings.forEach((one) => line.add(one.invariant, one.checked, one.violations)),
    expect: (aspect, violations, checked = 1) => line.add(aspect, checked, violations),
    measure: (figure, milliseconds) => line.measure(figure, milliseconds),
    note: (text) => void line.notes.push(text),
  };
  const began = performance.now();
  try {
    const run = await fault.prepare(scene);
    for (const [nth, runSeed] of [...known, ...fresh].entries()) {
      if (interruption.aborted) break;
      random = seededRandom(runSeed);
      const before = violationsOf(line);
      ends = afterRun;
      await run().catch((error: unknown) => line.add('service', 1, [String(error)]));
      await endAll(afterRun);
      line.runs += 1;
      progress(`${fault.name}: ${nth + 1} of ${known.length + runs}, ${violationsOf(line)} violations`);
      if (violationsOf(line) > before && !known.includes(runSeed)) {
        console.error(`${fault.name} failed with --seed ${runSeed} --runs 1`);
        regressions.push({ fault: fault.name, seed: runSeed });
        writeFileSync(REGRESSIONS, `${JSON.stringify(regressions, null, 2)}\n`);
      }
    }
  } finally {
    await endAll(afterRun);
    await endAll(afterAll);
    progress('');
  }
  line.seconds = (performance.now() - began) / 1_000;
  return line;
}

/** The latest first. */
async function endAll(ends: (() => unknown)[]): Promise<void> {
  for (let end = ends.pop(); end !== undefined; end = ends.pop()) await end();
}

function readRegressions(): Regression[] {
  return JSON.parse(readFileSync(REGRESSIONS, 'utf8')) as Regression[];
}

const PROGRESS_MS = 10_000;
let saidAt = 0;

/** On one line of a terminal, which the next text replaces; elsewhere a line now and then. */
function progress(text: string): void {
  if (process.stderr.isTTY) process.stderr.write(`\r\x1b[K${text}`);
  else if (text !== '' && performance.now() > saidAt + PROGRESS_MS) {
    saidAt = performance.now();
    process.stderr.write(`${text}\n`);
  }
}

if (options.help) console.log(HELP);
else await main().finally(async () => (await postgres)?.stop());
