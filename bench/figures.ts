import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { printTable, writeResults, type Spread } from './report.ts';

/** Figures that have a target: printed, kept as JSON, and drawn. */

export interface Figure {
  readonly name: string;
  /** What it is held against, measured in the same run. */
  readonly reference: string;
  /** `×` of the reference, or the unit of a figure that has none. */
  readonly unit: string;
  readonly atLeast?: number;
  readonly atMost?: number;
  /** Of the ratios of each round, not the ratio of medians. */
  readonly value: Spread;
}

export interface Results {
  readonly configuration: Readonly<Record<string, string | number>>;
  readonly figures: readonly Figure[];
  /** All that was measured, for whoever asks further. */
  readonly measured: unknown;
}

/** Whether the median is where it should be; `null` where nothing is asked of it. */
export function meetsTarget({ value, atLeast, atMost }: Figure): boolean | null {
  if (atLeast === undefined && atMost === undefined) return null;
  return value.median >= (atLeast ?? -Infinity) && value.median <= (atMost ?? Infinity);
}

export function targetText({ atLeast, atMost, unit }: Figure): string {
  if (atLeast !== undefined) return `≥ ${atLeast} ${unit}`;
  return atMost === undefined ? '–' : `≤ ${atMost} ${unit}`;
}

export function spreadText({ value: { median, min, max }, unit }: Figure): readonly [string, string] {
  return [withUnit(median, unit), `${short(min)}–${short(max)}`];
}

export function printFigures(figures: readonly Figure[]): void {
  printTable(
    ['', 'held against', 'target', 'median', 'lowest–highest', ''],
    figures.map((figure) => [
      figure.name,
      figure.reference,
      targetText(figure),
      ...spreadText(figure),
      { true: 'met', false: 'NOT met', null: '' }[String(meetsTarget(figure)) as 'true' | 'false' | 'null'],
    ]),
  );
}

/** Keeps a run's figures as JSON, and the same drawn beside it. */
export function writeFigures(bench: string, results: Results): void {
  writeResults(bench, results);
  const folder = join(import.meta.dirname, 'results');
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, `${bench}.svg`), drawn(results.figures));
}

const WIDTH = 780;
const ROW = 34;
const LABEL_WIDTH = 300;
const BAR_WIDTH = 330;

/** Each figure as a bar, its spread as a line and its target as a mark; all targets stand at the same place. */
export function drawn(figures: readonly Figure[]): string {
  const height = figures.length * ROW + 16;
  const rows = figures.map((figure, index) => {
    const target = figure.atLeast ?? figure.atMost ?? figure.value.median;
    const x = (value: number): number => LABEL_WIDTH + Math.min(1, value / target / 2) * BAR_WIDTH;
    const y = index * ROW + 8;
    const { median, min, max } = figure.value;
    const colour = meetsTarget(figure) === false ? '#b3541e' : '#2b6cb0';
    const text = `${withUnit(median, figure.unit)} (${targetText(figure)})`;
    return [
      `<text x="${LABEL_WIDTH - 10}" y="${y + 17}" text-anchor="end">${escaped(figure.name)}</text>`,
      `<rect x="${LABEL_WIDTH}" y="${y + 4}" width="${px(x(median) - LABEL_WIDTH)}" height="18" fill="${colour}"/>`,
      `<path d="M${px(x(min))} ${y + 13}H${px(x(max))}" stroke="#111" stroke-width="2"/>`,
      `<path d="M${px(x(target))} ${y}v26" stroke="#555" stroke-dasharray="3 2"/>`,
      `<text x="${LABEL_WIDTH + BAR_WIDTH + 8}" y="${y + 17}">${escaped(text)}</text>`,
    ].join('');
  });
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${height}" font-family="system-ui, sans-serif" font-size="13">
<rect width="${WIDTH}" height="${height}" fill="#fff"/>
${rows.join('\n')}
</svg>
`;
}

function px(value: number): string {
  return value.toFixed(1);
}

function escaped(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;');
}

function withUnit(value: number, unit: string): string {
  return `${short(value)} ${unit}`;
}

function short(value: number): string {
  return value >= 100 ? value.toFixed(0) : value.toPrecision(value >= 1 ? 3 : 2);
}
