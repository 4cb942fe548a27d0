import Database from 'libsql';
import { administer } from './postgres.ts';

/** Every row of a store as a line of text, sorted, read past the ledger: what is the same has not been touched. */
export type Dump = readonly string[];

export function dumpSqlite(path: string): Dump {
  const database = new Database(path);
  try {
    const tables = database.prepare("select name from sqlite_master where type = 'table'").all();
    return linesOf(
      (tables as { name: string }[]).map(({ name }) => ({
        name,
        rows: database.prepare(`select * from "${name}"`).safeIntegers(true).all(),
      })),
    );
  } finally {
    database.close();
  }
}

export function dumpPostgres(url: string): Promise<Dump> {
  return administer(url, async (client) => {
    const tables = await client.query<{ name: string }>(
      'select table_name as name from information_schema.tables where table_schema = current_schema()',
    );
    const contents = [];
    for (const { name } of tables.rows) {
      const { rows } = await client.query<object>(`select * from "${name}"`);
      contents.push({ name, rows });
    }
    return linesOf(contents);
  });
}

function linesOf(tables: readonly { name: string; rows: readonly unknown[] }[]): Dump {
  const plain = (_name: string, value: unknown): unknown =>
    typeof value === 'bigint' ? value.toString() : value;
  return tables
    .flatMap(({ name, rows }) => rows.map((row) => `${name} ${JSON.stringify(row, plain)}`))
    .toSorted();
}
