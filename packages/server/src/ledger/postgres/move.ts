import type { Client } from 'pg';
import {
  PART_ROWS,
  TABLES,
  type ColumnType,
  type Part,
  type TableName,
  type TypedColumn,
} from '../export-file.ts';
import { StoreNotEmptyError } from '../ledger.ts';
import { text, type Row } from '../rows.ts';
import { ignore, newClient } from './database.ts';
import { listOf, toArrays } from './sql.ts';

/** A move takes as long as it takes: no server's limits apply to it. */
const UNLIMITED = `set local statement_timeout = 0;
  set local idle_in_transaction_session_timeout = 0`;
const BEGIN_READING = `begin isolation level repeatable read, read only; ${UNLIMITED}`;
const BEGIN_WRITING = `begin isolation level read committed; ${UNLIMITED}`;

/** Everything that is in a store, read as one snapshot beside whoever writes to it. */
export async function* postgresParts(url: string): AsyncGenerator<Part> {
  const client = await connect(url);
  try {
    await client.query(BEGIN_READING);
    for (const table of TABLES) {
      const columns = await columnsOf(client, table);
      await client.query(
        `declare moved no scroll cursor for select ${listOf(columns.map(([name]) => name))} from ${table}`,
      );
      let rows: Row[];
      do {
        ({ rows } = await client.query<Row>(`fetch ${PART_ROWS} from moved`));
        yield { table, columns, rows };
      } while (rows.length === PART_ROWS);
      await client.query('close moved');
    }
  } finally {
    await client.end().catch(ignore);
  }
}

/**
 * Fills an empty store of the present schema, in one transaction: after a crash it is as empty as before. Servers that
 * run on it wait with what they write until it is over.
 * @throws StoreNotEmptyError, and whatever reading the parts throws; then nothing was written.
 */
export async function fillPostgres(url: string, parts: Iterable<Part>): Promise<void> {
  const client = await connect(url);
  try {
    await client.query(BEGIN_WRITING);
    await client.query(`lock table ${TABLES.join(', ')} in exclusive mode`);
    for (const table of TABLES) {
      const { rowCount } = await client.query(`select 1 from ${table} limit 1`);
      if (rowCount !== 0) throw new StoreNotEmptyError(table);
    }
    for (const { table, columns, rows } of parts) {
      if (rows.length > 0) await client.query(insertInto(table, columns), arraysOf(columns, rows));
    }
    await client.query('commit');
  } finally {
    // What was not committed is undone with its connection.
    await client.end().catch(ignore);
  }
}

function insertInto(table: TableName, columns: readonly TypedColumn[]): string {
  const arrays = columns.map(([, type], index) => `$${index + 1}::${SQL_TYPES[type]}[]`);
  return `insert into ${table} (${listOf(columns.map(([name]) => name))}) select * from unnest(${arrays.join(', ')})`;
}

const SQL_TYPES: Readonly<Record<ColumnType, string>> = { text: 'text', integer: 'bigint', bytes: 'bytea' };

function arraysOf(columns: readonly TypedColumn[], rows: readonly Row[]) {
  const names = columns.map(([name]) => name);
  const cells = rows.map((row) => names.map((name) => row[name] ?? null));
  return toArrays(names, cells);
}

async function columnsOf(client: Client, table: TableName): Promise<TypedColumn[]> {
  const { rows } = await client.query<Row>(SELECT_COLUMNS, [table]);
  return rows.map((row) => [text(row, 'name'), typeOf(text(row, 'type'))]);
}

function typeOf(declared: string): ColumnType {
  if (declared === 'bytea') return 'bytes';
  return declared === 'text' ? 'text' : 'integer';
}

async function connect(url: string): Promise<Client> {
  const client = newClient(url);
  client.on('error', ignore);
  await client.connect();
  return client;
}

const SELECT_COLUMNS = `select attname::text as name, format_type(atttypid, null) as type from pg_attribute
  where attrelid = $1::regclass and attnum > 0 and not attisdropped order by attname`;
