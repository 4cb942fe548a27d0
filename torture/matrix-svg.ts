import { ASPECTS, type Column } from './fault.ts';
import { INVARIANTS } from '../packages/server/src/selftest/check.ts';
import type { Cell, Line } from './report.ts';

const COLUMNS = Object.entries({ ...INVARIANTS, ...ASPECTS }) as [Column, string][];
const TITLE_WIDTH = 370;
const RUNS_WIDTH = 80;
const CELL_WIDTH = 78;
const ROW_HEIGHT = 28;
const HEAD_HEIGHT = 40;
const LEFT = TITLE_WIDTH + RUNS_WIDTH;

const STYLE = `
  text { font: 12px system-ui, sans-serif; fill: #1f2328 }
  .middle { text-anchor: middle }
  .end { text-anchor: end }
  .paper { fill: #fff }
  .held { fill: #dafbe1 }
  .broken { fill: #ffcecb }
  .untried { fill: #f6f8fa }
  @media (prefers-color-scheme: dark) {
    text { fill: #e6edf3 }
    .paper { fill: #0d1117 }
    .held { fill: #0f5323 }
    .broken { fill: #8e1519 }
    .untried { fill: #161b22 }
  }`;

/** The matrix of faults and invariants: in each cell how often it was put to the test, or how often it broke. */
export function matrixSvg(lines: readonly Line[]): string {
  const width = LEFT + COLUMNS.length * CELL_WIDTH;
  const height = HEAD_HEIGHT + lines.length * ROW_HEIGHT;
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" role="img">`,
    `<title>Faults, and how often each invariant was put to the test under them</title>`,
    `<style>${STYLE}</style><rect class="paper" width="${width}" height="${height}"/>`,
    ...COLUMNS.map(([name, meaning], index) => {
      const x = LEFT + (index + 0.5) * CELL_WIDTH;
      return `<text class="middle" x="${x}" y="25"><title>${escaped(meaning)}</title>${name}</text>`;
    }),
    ...lines.map(rowSvg),
    '</svg>\n',
  ].join('\n');
}

function rowSvg({ fault, runs, cells, obstacle }: Line, index: number): string {
  const y = HEAD_HEIGHT + index * ROW_HEIGHT;
  const title = `<text x="8" y="${y + 18}">${escaped(fault.title)}</text>`;
  const count = `<text class="end" x="${LEFT - 10}" y="${y + 18}">${obstacle === undefined ? runs : 'no'}</text>`;
  const marks = COLUMNS.map(([column], at) => cellSvg(cells.get(column), LEFT + at * CELL_WIDTH, y));
  return `<g>${title}${count}${marks.join('')}</g>`;
}

function cellSvg(cell: Cell | undefined, x: number, y: number): string {
  const kind = cell === undefined ? 'untried' : cell.violations === 0 ? 'held' : 'broken';
  const box = `<rect class="${kind}" x="${x + 1}" y="${y + 1}" width="${CELL_WIDTH - 2}" height="${ROW_HEIGHT - 2}" rx="4"/>`;
  if (cell === undefined) return box;
  const text = cell.violations === 0 ? `✓ ${cell.checked}` : `✗ ${cell.violations} of ${cell.checked}`;
  return `${box}<text class="middle" x="${x + CELL_WIDTH / 2}" y="${y + 18}">${text}</text>`;
}

function escaped(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;');
}
