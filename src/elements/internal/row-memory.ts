import { onServer } from './environment.ts';

const STORAGE_KEY = 'billingos:rows';
/** More skeletons than this help nobody. */
export const ROWS_MAX = 20;
/** One letter a row, the first of its kind. */
const SHAPE = /^[mb]{1,20}$/;

/** A row with a meter and what that means, or a bare one: a feature without a limit. */
export type RowKind = 'metered' | 'bare';

/** The rows that were on this screen last; their kinds say nothing about whose they were. */
export function rememberedRows(): readonly RowKind[] | undefined {
  if (onServer) return undefined;
  try {
    const shape = localStorage.getItem(STORAGE_KEY) ?? '';
    return SHAPE.test(shape)
      ? Array.from(shape, (letter) => (letter === 'm' ? 'metered' : 'bare'))
      : undefined;
  } catch {
    return undefined;
  }
}

export function rememberRows(kinds: readonly RowKind[]): void {
  if (onServer) return;
  try {
    const shape = kinds
      .slice(0, ROWS_MAX)
      .map((kind) => kind.charAt(0))
      .join('');
    if (localStorage.getItem(STORAGE_KEY) !== shape) localStorage.setItem(STORAGE_KEY, shape);
  } catch {
    // Storage may be switched off or full. The default number of skeletons does too.
  }
}
