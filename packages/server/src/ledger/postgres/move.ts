import {
  checkColumns,
  PART_ROWS,
  TABLES,
  type ColumnType,
  type Part,
  type TableName,
  type TypedColumn,
} from '../export-file.ts';
import { StoreNotEmptyError } from '../ledger.ts';
import { text, type Row } from '../rows.ts';
import { ignore, newClient, unavailable } from './database.ts';
import { listOf, toArrays } from './sql.ts';

/** A move takes as long as it takes: no server's limits apply to it. */
const UNLIMITED = `set local statement_timeout = 0;
  set local idle_in_transaction_session_timeout = 0`;
const BEGIN_READING = `begin isolation level repeatable read, read only; ${UNLIMITED}`;
const BEGIN_WRITING = `begin isolation level read committed; ${UNLIMITED}`;

/** Everything that is in a store, read as one snapshot beside whoever writes to it. */
export async function* postgresParts(url: string): AsyncGenerator<Part> {
  const { ask, end } = await connect(url);
  try {
    await ask(BEGIN_READING);
    for (const table of TABLES) {
      const columns = await columnsOf(ask, table);
      await ask(
        `declare moved no scroll cursor for select ${listOf(columns.map(([name]) => name))} from ${table}`,
      );
      let rows: Row[];
      do {
        rows = await ask(`fetch ${PART_ROWS} from moved`);
        yield { table, columns, rows };
      } while (rows.length === PART_ROWS);
      await ask('close moved');
    }
  } finally {
    await end();
  }
}

/**
 * Fills an empty store of the present schema, in one transaction: after a crash it is as empty as before. Servers that
 * run on it wait with what they write until it is over.
 * @throws StoreNotEmptyError, and whatever reading the parts throws; then nothing was written.
 */
export async function fillPostgres(url: string, parts: Iterable<Part>): Promise<void> {
  const { ask, end } = await connect(url);
  try {
    await ask(BEGIN_WRITING);
    await ask(`lock table ${TABLES.join(', ')} in exclusive mode`);
    for (const table of TABLES) {
      if ((await ask(`select 1 from ${table} limit 1`)).length > 0) throw new StoreNotEmptyError(table);
    }
    for (const part of parts) {
      const { table, columns, rows } = part;
      checkColumns(part, await columnsOf(ask, table));
      if (rows.length > 0) await ask(insertInto(table, columns), arraysOf(columns, rows));
    }
    await ask('commit');
  } finally {
    // What was not committed is undone with its connection.
    await end();
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

async function columnsOf(ask: Ask, table: TableName): Promise<TypedColumn[]> {
  const rows = await ask(SELECT_COLUMNS, [table]);
  return rows.map((row) => [text(row, 'name'), typeOf(text(row, 'type'))]);
}

function typeOf(declared: string): ColumnType {
  if (declared === 'bytea') return 'bytes';
  return declared === 'text' ? 'text' : 'integer';
}

type Ask = (sql: string, values?: unknown[]) => Promise<Row[]>;

/** @throws LedgerUnavailableError, as do its statements */
async function connect(url: string): Promise<{ ask: Ask; end: () => Promise<void> }> {
  const client = newClient(url);
  client.on('error', ignore);
  const reached = <T>(work: Promise<T>): Promise<T> =>
    work.catch((error: unknown) => {
      throw unavailable(error);
    });
  await reached(client.connect());
  return {
    ask: async (sql, values) => (await reached(client.query<Row>(sql, values))).rows,
    end: () => client.end().catch(ignore),
  };
}

const SELECT_COLUMNS = `select attname::text as name, format_type(atttypid, null) as type from pg_attribute
  where attrelid = $1::regclass and attnum > 0 and not attisdropped order by attname`;
