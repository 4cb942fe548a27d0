import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { INVARIANTS } from '../packages/server/src/selftest/check.ts';
import { ASPECTS, type Column, type Fault } from './fault.ts';
import { matrixSvg } from './matrix-svg.ts';

/** How often something was put to the test, and a sentence for each time that it did not hold. */
export interface Cell {
  checked: number;
  violations: number;
  /** The first of them. */
  readonly examples: string[];
}

const EXAMPLES_MAX = 10;
export const COLUMNS = { ...INVARIANTS, ...ASPECTS };

/** What came of one fault. */
export class Line {
  readonly fault: Pick<Fault, 'name' | 'title' | 'unit'>;
  readonly cells = new Map<Column, Cell>();
  readonly figures = new Map<string, number[]>();
  readonly notes: string[] = [];
  runs = 0;
  seconds = 0;
  /** Why it did not happen. */
  obstacle: string | undefined;

  constructor(fault: Fault) {
    this.fault = fault;
  }

  add(column: Column, checked: number, violations: readonly string[]): void {
    const cell = this.cells.get(column) ?? { checked: 0, violations: 0, examples: [] };
    cell.checked += checked;
    cell.violations += violations.length;
    cell.examples.push(...violations.slice(0, EXAMPLES_MAX - cell.examples.length));
    this.cells.set(column, cell);
  }

  measure(figure: string, milliseconds: number): void {
    const all = this.figures.get(figure) ?? [];
    all.push(milliseconds);
    this.figures.set(figure, all);
  }
}

export function violationsOf({ cells }: Line): number {
  return [...cells.values()].reduce((total, { violations }) => total + violations, 0);
}

export function printLine(line: Line): void {
  const { fault, runs, seconds, cells, obstacle } = line;
  if (obstacle !== undefined) {
    console.log(`– ${fault.title}: did not happen. ${obstacle}`);
    return;
  }
  const checked = [...cells.values()].reduce((total, cell) => total + cell.checked, 0);
  const violations = violationsOf(line);
  console.log(
    `${violations === 0 ? '✓' : '✗'} ${fault.title}: ${runs} ${fault.unit} in ${seconds.toFixed(0)} s, ` +
      `${checked} checks, ${violations} violations${figuresText(line)}`,
  );
  for (const note of line.notes) console.log(`    ${note}`);
  for (const [column, { examples }] of cells)
    for (const example of examples) console.log(`    ${column}: ${example}`);
}

function figuresText(line: Line): string {
  return figuresOf(line)
    .map(({ figure, median, p99 }) => `; ${figure} ${median.toFixed(0)} ms, p99 ${p99.toFixed(0)} ms`)
    .join('');
}

function figuresOf({ figures }: Line) {
  return [...figures].map(([figure, values]) => {
    const sorted = values.toSorted((a, b) => a - b);
    const at = (share: number) =>
      Math.round(sorted[Math.max(0, Math.ceil(share * sorted.length) - 1)] ?? NaN);
    return { figure, count: sorted.length, median: at(0.5), p99: at(0.99), max: at(1) };
  });
}

export interface Report {
  readonly seed: number;
  readonly quick: boolean;
  readonly lines: readonly Line[];
}

/** Writes the matrix as JSON and SVG. @returns the first one's path. */
export function writeReport({ seed, quick, lines }: Report): string {
  const folder = join(import.meta.dirname, 'results');
  mkdirSync(folder, { recursive: true });
  const base = join(folder, new Date().toISOString().replaceAll(/[:.]/g, '-'));
  const document = {
    seed,
    quick,
    node: process.version,
    invariants: COLUMNS,
    faults: lines.map((line) => ({
      name: line.fault.name,
      title: line.fault.title,
      runs: line.runs,
      unit: line.fault.unit,
      ...(line.obstacle !== undefined && { did_not_happen: line.obstacle }),
      violations_total: violationsOf(line),
      invariants: Object.fromEntries(line.cells),
      figures_ms: figuresOf(line),
      ...(line.notes.length > 0 && { notes: line.notes }),
    })),
  };
  writeFileSync(`${base}.json`, `${JSON.stringify(document, null, 2)}\n`);
  writeFileSync(`${base}.svg`, matrixSvg(lines));
  return `${base}.json`;
}
