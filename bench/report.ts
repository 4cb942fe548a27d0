import {
  closeSync,
  fsyncSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  rmSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { cpus, tmpdir, totalmem } from 'node:os';
import { join } from 'node:path';

/** What every bench prints and keeps: the machine, a table, and the same as JSON in `bench/results/`. */

/** The middle of several rounds, and how far they lay apart. */
export interface Spread {
  readonly median: number;
  readonly min: number;
  readonly max: number;
}

export function spreadOf(values: readonly number[]): Spread {
  return { median: quantile(values, 0.5), min: Math.min(...values), max: Math.max(...values) };
}

/** The value that a share of the values does not exceed; of an even number of values the lower middle. */
export function quantile(values: readonly number[], share: number): number {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.max(0, Math.ceil(share * sorted.length) - 1)] ?? NaN;
}

/** What the figures depend on besides the code. */
export function machine() {
  const processors = cpus();
  return {
    node: process.version,
    processor: `${processors.length} × ${processors[0]?.model ?? 'unknown'}`,
    memoryGb: Math.round(totalmem() / 2 ** 30),
    temporaryFolder: tmpdir(),
    fsyncMs: Number(fsyncMs().toFixed(3)),
    busy: Number(shareInUse().toFixed(2)),
  };
}

const LOOKED_FOR_MS = 1_000;

/**
 * What the machine does besides, looked at before the measurement begins; 1 is all of it. The load average of the
 * minute before would count the program that was measured last.
 */
function shareInUse(): number {
  const before = processorTimes();
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, LOOKED_FOR_MS);
  const after = processorTimes();
  return 1 - (after.idle - before.idle) / (after.all - before.all);
}

function processorTimes(): { readonly idle: number; readonly all: number } {
  const times = cpus().map((processor) => processor.times);
  return {
    idle: times.reduce((sum, { idle }) => sum + idle, 0),
    all: times.reduce((sum, { user, nice, sys, idle, irq }) => sum + user + nice + sys + idle + irq, 0),
  };
}

export function printFacts(facts: Readonly<Record<string, string | number>>): void {
  for (const [name, value] of Object.entries(facts)) console.log(`  ${name}: ${value}`);
}

/** Says how far a long run has come, on one line that the next text replaces. */
export function progress(text: string): void {
  if (process.stderr.isTTY) process.stderr.write(`\r\x1b[K${text}`);
}

/** Prints rows as a table: the first column to the left, the others to the right. */
export function printTable(head: readonly string[], rows: readonly (readonly string[])[]): void {
  const widths = head.map((title, column) =>
    Math.max(title.length, ...rows.map((row) => row[column]?.length ?? 0)),
  );
  const line = (cells: readonly string[]): string =>
    cells
      .map((cell, column) =>
        column === 0 ? cell.padEnd(widths[0] ?? 0) : cell.padStart(widths[column] ?? 0),
      )
      .join('  ');
  const rule = widths.map((width) => '─'.repeat(width)).join('  ');
  console.log(['', line(head), rule, ...rows.map(line)].join('\n'));
}

/** Keeps a run's figures, beside those of earlier runs. */
export function writeResults(bench: string, results: unknown): void {
  const folder = join(import.meta.dirname, 'results');
  mkdirSync(folder, { recursive: true });
  const file = join(folder, `${bench}-${new Date().toISOString().replaceAll(/[:.]/g, '-')}.json`);
  writeFileSync(file, `${JSON.stringify(results, null, 2)}\n`);
  console.log(`\nWritten to ${file}`);
}

/** How long the disk takes to make 4 KiB durable, the median of several: what one commit cannot be faster than. */
function fsyncMs(): number {
  const folder = mkdtempSync(join(tmpdir(), 'billingos-bench-'));
  const file = openSync(join(folder, 'probe'), 'w');
  const times = Array.from({ length: 50 }, () => {
    const started = performance.now();
    writeSync(file, Buffer.alloc(4_096));
    fsyncSync(file);
    return performance.now() - started;
  });
  closeSync(file);
  rmSync(folder, { recursive: true });
  return quantile(times, 0.5);
}
