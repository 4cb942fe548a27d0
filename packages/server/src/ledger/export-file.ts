import { createHash, type Hash } from 'node:crypto';
import { closeSync, openSync, readSync, writeFileSync } from 'node:fs';
import type { Row } from './rows.ts';

/**
 * The file in which a whole ledger moves from one store to another: JSON lines, so that it is read and written row by
 * row whatever its size.
 *
 *   {"billingos_export":1}                                    what it is, and the version of this format
 *   {"table":"event","columns":[["id","text"],…]}             then its rows, an array each
 *   ["evt_…",1,null]
 *   {"rows":{"event":1},"sha256":"…"}                         that it is whole, and as it was written
 */

/** Every table, in an order in which their rows can be written; what refers to a row comes after it. */
export const TABLES = [
  'tenant',
  'secret_key',
  'signing_key',
  'catalog',
  'customer',
  'subscription',
  'counter',
  'event',
  'idempotency',
  'idempotency_sweep',
  'nudge_dismissal',
  'revoked_token',
  'audit',
] as const;

export type TableName = (typeof TABLES)[number];

/** What both stores' types come to. */
export type ColumnType = 'text' | 'integer' | 'bytes';
export type TypedColumn = readonly [name: string, type: ColumnType];

interface Table {
  readonly table: TableName;
  readonly columns: readonly TypedColumn[];
}

/** Some rows of a table. The parts of a table follow each other; any may be empty. */
export interface Part extends Table {
  readonly rows: readonly Row[];
}

/** How many rows there are of each table. */
export type RowCounts = Readonly<Partial<Record<TableName, number>>>;

/** Told now and then how many rows were written or read. */
export type RowProgress = (rows: number) => void;

/** The file is no export, or not the whole of one; the message says which. */
export class ExportFileError extends Error {
  override readonly name = 'ExportFileError';
}

export const PART_ROWS = 1_000;
const PROGRESS_ROWS = 100_000;
const FORMAT = 1;
/** A catalog is the longest value there is, 1 MiB; as JSON in JSON it may be several times as long. */
const LINE_BYTES_MAX = 16 * 1024 * 1024;
const CHUNK_BYTES = 256 * 1024;

/** Writes an export to a file that is there and empty. */
export async function writeExport(
  path: string,
  parts: AsyncIterable<Part> | Iterable<Part>,
  progress: RowProgress,
): Promise<RowCounts> {
  const file = openSync(path, 'w');
  const hash = createHash('sha256');
  const counter = rowCounter(progress);
  const put = (lines: readonly unknown[]): void => {
    if (lines.length === 0) return;
    const text = lines.map((line) => `${JSON.stringify(line)}\n`).join('');
    hash.update(text);
    writeFileSync(file, text);
  };
  let table: TableName | null = null;
  try {
    put([{ billingos_export: FORMAT }]);
    for await (const part of parts) {
      if (part.table !== table) put([{ table: part.table, columns: part.columns }]);
      ({ table } = part);
      put(part.rows.map((row) => part.columns.map(([name, type]) => toJson(row[name] ?? null, type))));
      counter.add(part);
    }
    put([{ rows: counter.counts, sha256: hash.copy().digest('hex') }]);
  } finally {
    closeSync(file);
  }
  return counter.counts;
}

/**
 * The parts of an export, one after the other. Only after the last one is it known to be whole: whoever writes them
 * down must be able to take all of it back.
 * @throws ExportFileError
 */
export function* readExport(path: string, progress: RowProgress): Generator<Part, RowCounts> {
  const hash = createHash('sha256');
  const counter = rowCounter(progress);
  const open: { table: Table | null; rows: Row[] } = { table: null, rows: [] };
  let number = 0;

  function* close(table: Table): Generator<Part> {
    const part = { ...table, rows: open.rows };
    open.rows = [];
    counter.add(part);
    yield part;
  }

  for (const line of readLines(path)) {
    number += 1;
    const value = parse(line, number);
    if (number === 1) checkHeader(value);
    else if (Array.isArray(value)) {
      if (open.table === null) throw damaged(number, 'a row before its table');
      open.rows.push(toRow(value, open.table.columns, number));
      if (open.rows.length === PART_ROWS) yield* close(open.table);
    } else {
      if (open.table !== null) yield* close(open.table);
      if ('sha256' in value) {
        checkTrailer(value, hash, counter.counts);
        return counter.counts;
      }
      open.table = readTable(value, number);
    }
    hash.update(`${line}\n`);
  }
  throw new ExportFileError('It ends in the middle: the export was not finished, or not copied whole.');
}

/**
 * Makes sure that a store has the columns that a part was written from: it was, if the same release wrote it.
 * @throws ExportFileError
 */
export function checkColumns({ table, columns }: Table, own: readonly TypedColumn[]): void {
  if (JSON.stringify(columns) === JSON.stringify(own)) return;
  throw new ExportFileError(
    `Its table "${table}" has other columns than the store's: another release wrote it. Bring the store that it is from ` +
      'up to date with "billingos migrate" of this release, and export it again.',
  );
}

function rowCounter(progress: RowProgress) {
  const counts: Partial<Record<TableName, number>> = {};
  let total = 0;
  return {
    counts,
    add({ table, rows }: Part): void {
      counts[table] = (counts[table] ?? 0) + rows.length;
      const before = total;
      total += rows.length;
      if (Math.floor(total / PROGRESS_ROWS) > Math.floor(before / PROGRESS_ROWS)) progress(total);
    },
  };
}

/** Integers beyond what JSON's readers keep are written as text. */
function toJson(value: Row[string], type: ColumnType): unknown {
  if (value === null || type === 'text') return value;
  if (type === 'bytes') return Buffer.from(value as ArrayBuffer).toString('base64');
  const integer = value as bigint;
  const number = Number(integer);
  return Number.isSafeInteger(number) ? number : integer.toString();
}

function fromJson(value: unknown, type: ColumnType): Row[string] | undefined {
  if (value === null) return null;
  if (type === 'integer') {
    if (Number.isSafeInteger(value)) return BigInt(value as number);
    return typeof value === 'string' && /^-?\d{1,19}$/.test(value) ? BigInt(value) : undefined;
  }
  if (typeof value !== 'string') return undefined;
  return type === 'text' ? value : (Buffer.from(value, 'base64') as unknown as ArrayBuffer);
}

function toRow(values: readonly unknown[], columns: readonly TypedColumn[], line: number): Row {
  if (values.length !== columns.length)
    throw damaged(line, 'a row of another length than its table has columns');
  const entries = columns.map(([name, type], index) => {
    const value = fromJson(values[index], type);
    if (value === undefined) throw damaged(line, `${name} is no ${type}`);
    return [name, value] as const;
  });
  return Object.fromEntries(entries);
}

function checkHeader(value: object): void {
  const header = value as { billingos_export?: unknown };
  if (header.billingos_export === FORMAT) return;
  throw new ExportFileError(
    header.billingos_export === undefined
      ? 'It is no export: they are written by "billingos export".'
      : `It is of format ${JSON.stringify(header.billingos_export)}; this release reads ${FORMAT}.`,
  );
}

function checkTrailer(value: object, hash: Hash, counts: RowCounts): void {
  const trailer = value as { rows?: unknown; sha256?: unknown };
  if (trailer.sha256 === hash.digest('hex') && JSON.stringify(trailer.rows) === JSON.stringify(counts))
    return;
  throw new ExportFileError('It was changed after it was written: its digest is another. Copy it again.');
}

function readTable(value: object, line: number): Table {
  const { table, columns } = value as { table?: unknown; columns?: unknown };
  const known = TABLES.find((name) => name === table);
  if (known === undefined || !Array.isArray(columns)) throw damaged(line, 'neither a row nor a table');
  return { table: known, columns: columns as TypedColumn[] };
}

function parse(line: string, number: number): object {
  try {
    const value: unknown = JSON.parse(line);
    if (typeof value === 'object' && value !== null) return value;
  } catch {
    // Said below.
  }
  if (number === 1) throw new ExportFileError('It is no export: they are written by "billingos export".');
  throw damaged(number, 'no JSON');
}

function damaged(line: number, what: string): ExportFileError {
  return new ExportFileError(`Line ${line} is damaged: ${what}.`);
}

/** Its lines, without the line feeds; what follows the last of these is no line. */
function* readLines(path: string): Generator<string> {
  const file = openSync(path, 'r');
  try {
    let rest = Buffer.alloc(0);
    const chunk = Buffer.alloc(CHUNK_BYTES);
    for (let read = readSync(file, chunk); read > 0; read = readSync(file, chunk)) {
      rest = Buffer.concat([rest, chunk.subarray(0, read)]);
      let start = 0;
      for (let end = rest.indexOf(10); end !== -1; end = rest.indexOf(10, start)) {
        yield rest.toString('utf8', start, end);
        start = end + 1;
      }
      rest = rest.subarray(start);
      if (rest.byteLength > LINE_BYTES_MAX) throw new ExportFileError('It is no export: a line has no end.');
    }
  } finally {
    closeSync(file);
  }
}
