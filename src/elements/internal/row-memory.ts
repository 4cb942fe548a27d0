import { clamp } from './number.ts';

const STORAGE_KEY = 'billingos:rows';
/** More skeletons than this help nobody. */
const ROWS_MAX = 20;

/** How many rows were on this screen last; a number says nothing about whose they were. */
export function rememberedRows(): number | undefined {
  try {
    const rows = Number(localStorage.getItem(STORAGE_KEY));
    return Number.isInteger(rows) && rows > 0 ? clamp(rows, 1, ROWS_MAX) : undefined;
  } catch {
    return undefined;
  }
}

export function rememberRows(rows: number): void {
  try {
    const value = String(clamp(rows, 1, ROWS_MAX));
    if (localStorage.getItem(STORAGE_KEY) !== value) localStorage.setItem(STORAGE_KEY, value);
  } catch {
    // Storage may be switched off or full. The default number of skeletons does too.
  }
}

/** A number of rows as a host may assign it, or `undefined`. */
export function validRows(rows: number | null | undefined): number | undefined {
  if (rows === null || rows === undefined || !Number.isFinite(rows) || rows < 1) return undefined;
  return clamp(Math.floor(rows), 1, ROWS_MAX);
}
