import { onServer } from './environment.ts';

const STORAGE_KEY = 'billingos:rows';
/** More skeletons than this help nobody. */
export const ROWS_MAX = 20;
const COUNT = /^\d{1,2}$/;

/** How many rows were on this screen last; that says nothing about whose they were. */
export function rememberedRows(): number | undefined {
  if (onServer) return undefined;
  try {
    const count = localStorage.getItem(STORAGE_KEY) ?? '';
    return COUNT.test(count) ? Number(count) : undefined;
  } catch {
    return undefined;
  }
}

export function rememberRows(rows: number): void {
  if (onServer) return;
  try {
    const count = String(Math.min(rows, ROWS_MAX));
    if (localStorage.getItem(STORAGE_KEY) !== count) localStorage.setItem(STORAGE_KEY, count);
  } catch {
    // Storage may be switched off or full. The default number of skeletons does too.
  }
}
