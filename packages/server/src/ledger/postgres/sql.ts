import type { Row } from '../rows.ts';

/** Pieces of SQL that are made from lists of columns. */

type Value = Row[string];

/** `a."id", a."name"` */
export function listOf(columns: readonly string[], table?: string): string {
  return columns.map((column) => (table === undefined ? `"${column}"` : `${table}."${column}"`)).join(', ');
}

/** `s."id" as "s_id"`, for a row that is joined to another with the same names; {@link withPrefix} reads it. */
export function prefixed(columns: readonly string[], table: string): string {
  return columns.map((column) => `${table}."${column}" as "${table}_${column}"`).join(', ');
}

/** The columns that {@link prefixed} wrote; `null` where the join found no row. */
export function withPrefix(row: Row, columns: readonly string[], table: string): Row | null {
  if (row[`${table}_id`] === null) return null;
  return Object.fromEntries(columns.map((column) => [column, row[`${table}_${column}`] ?? null]));
}

/**
 * A table of parameters, one array a column: `unnest($2::text[], $3::bigint[]) as name ("id", "revision")`. Rows
 * of any number are one statement, prepared once; {@link toArrays} makes the parameters.
 */
export function tableOf(columns: readonly string[], name: string, firstParameter: number): string {
  const arrays = columns.map(
    (column, index) => `$${firstParameter + index}::${TEXTS.has(column) ? 'text' : 'bigint'}[]`,
  );
  return `unnest(${arrays.join(', ')}) as ${name} (${listOf(columns)})`;
}

/** Rows as columns, each the literal of an array: as arrays, the driver takes four times as long over them. */
export function toArrays(columns: readonly string[], rows: readonly (readonly Value[])[]): string[] {
  return columns.map((_, index) => `{${rows.map((row) => element(row[index] ?? null)).join(',')}}`);
}

function element(value: Value): string {
  if (value === null) return 'NULL';
  if (typeof value === 'bigint') return value.toString();
  if (typeof value === 'string') return /[\\"]/.test(value) ? quoted(value) : `"${value}"`;
  return quoted(`\\x${Buffer.from(value).toString('hex')}`);
}

function quoted(text: string): string {
  return `"${text.replaceAll(/[\\"]/g, String.raw`\$&`)}"`;
}

/**
 * Text as the database can hold it: it knows no NUL character and no lone surrogate. Text that has one is nobody's
 * name or id; replaced, it is found nowhere instead of failing the statement.
 */
export function storable(text: string): string {
  return text.replaceAll('\0', '\ufffd').toWellFormed();
}

/** What is text; every other column is an integer. */
const TEXTS: ReadonlySet<string> = new Set([
  'id',
  'customer_id',
  'external_id',
  'external_organization_id',
  'email',
  'name',
  'metadata',
  'product_id',
  'price_id',
  'trial_product_id',
  'status',
  'feature',
  'reset',
  'action',
  'origin',
  'idempotency_key',
  'subject',
  'key_id',
  'request_id',
  'details',
]);
