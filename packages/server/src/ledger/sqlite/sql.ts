/** Pieces of SQL that are made from lists of columns. */

/** `"id", "name"` */
export function list(columns: readonly string[]): string {
  return columns.map((column) => `"${column}"`).join(', ');
}

/** One parameter a column. */
export function marks(columns: readonly string[]): string {
  return columns.map(() => '?').join(', ');
}

/** What an upsert sets. */
export function excluded(columns: readonly string[]): string {
  return columns.map((column) => `"${column}" = excluded."${column}"`).join(', ');
}
