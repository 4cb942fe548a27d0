import type { Change } from '../ledger.ts';
import type { Transaction } from './database.ts';

/** What a write came to, and what it changed for those who listen. */
export interface Written<T> {
  readonly result: T;
  readonly changes: readonly Change[];
}

export async function unchanged<T>(transaction: Transaction, result: T): Promise<Written<T>> {
  await transaction.rollback();
  return { result, changes: [] };
}
