import {
  checkColumns,
  PART_ROWS,
  TABLES,
  type ColumnType,
  type Part,
  type TypedColumn,
} from '../export-file.ts';
import { StoreNotEmptyError } from '../ledger.ts';
import { text, type Row } from '../rows.ts';
import { inChunks, rowStatement } from './chunks.ts';
import { openSqlite, type Sqlite } from './database.ts';
import { list, marks } from './sql.ts';

/** Everything that is in a store, read as one snapshot beside whoever writes to it. */
export function* sqliteParts(path: string): Generator<Part> {
  const sqlite = openSqlite(path);
  try {
    sqlite.run('begin');
    for (const table of TABLES) {
      const columns = columnsOf(sqlite, table);
      let rows: Row[] = [];
      yield { table, columns, rows };
      for (const row of sqlite.iterate(`select * from ${table}`)) {
        if (rows.push(row) < PART_ROWS) continue;
        yield { table, columns, rows };
        rows = [];
      }
      yield { table, columns, rows };
    }
  } finally {
    sqlite.close();
  }
}

/**
 * Fills an empty store of the present schema, in one transaction: after a crash it is as empty as before.
 * @throws StoreNotEmptyError, and whatever reading the parts throws; then nothing was written.
 */
export function fillSqlite(path: string, parts: Iterable<Part>): void {
  const sqlite = openSqlite(path);
  try {
    sqlite.write(() => {
      for (const table of TABLES) {
        if (sqlite.get(`select 1 from ${table} limit 1`) !== undefined) throw new StoreNotEmptyError(table);
      }
      for (const part of parts) {
        const { table, columns, rows } = part;
        checkColumns(part, columnsOf(sqlite, table));
        const names = columns.map(([name]) => name);
        const insert = rowStatement(
          (places) => `insert into ${table} (${list(names)}) values ${places}`,
          `(${marks(names)})`,
        );
        const values = rows.map((row) => names.map((name) => row[name]));
        for (const [sql, ofRows] of inChunks(insert, [], values)) sqlite.run(sql, ...ofRows);
      }
    });
  } finally {
    sqlite.close();
  }
}

function columnsOf(sqlite: Sqlite, table: string): TypedColumn[] {
  return sqlite
    .all('select name, type from pragma_table_info(?) order by name', table)
    .map((row) => [text(row, 'name'), typeOf(text(row, 'type'))]);
}

function typeOf(declared: string): ColumnType {
  if (/^blob$/i.test(declared)) return 'bytes';
  return /^integer$/i.test(declared) ? 'integer' : 'text';
}
