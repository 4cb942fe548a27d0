import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { inChunks, insertStatement, rowStatement, saveRows } from './chunks.ts';
import { openSqlite } from './database.ts';

const COLUMNS = ['id', 'feature', 'note'];
const INSERT = insertStatement('line', COLUMNS, ['feature', 'note']);
const SELECT = rowStatement(
  (rows) => `select id from line where tenant_id = ?1 and (id, feature) in (values ${rows})`,
  '(?, ?)',
);

/** Long runs of rows that are alike, and some that are not. */
const rowsOf = fc
  .array(
    fc.record({
      length: fc.integer({ min: 1, max: 40 }),
      feature: fc.constantFrom('seats', 'emails'),
      note: fc.option(fc.constantFrom('', 'a')),
    }),
    { maxLength: 4 },
  )
  .map((runs) =>
    runs
      .flatMap(({ length, feature, note }) => Array.from({ length }, () => [feature, note]))
      .map((values, index) => [BigInt(index), ...values]),
  );

function emptyTable() {
  const sqlite = openSqlite(':memory:');
  sqlite.run('create table line (tenant_id text, id integer, feature text, note text) strict');
  return sqlite;
}

describe('rows written in chunks', () => {
  it('are each written once as they are, alike or not', () => {
    fc.assert(
      fc.property(rowsOf, (rows) => {
        const sqlite = emptyTable();
        saveRows(sqlite, INSERT, 'ten_1', rows);
        const written = sqlite.all('select tenant_id, id, feature, note from line order by rowid');
        sqlite.close();
        expect(written.map((row) => Object.values(row))).toEqual(rows.map((row) => ['ten_1', ...row]));
      }),
    );
  });

  it('are each found again in chunks', () => {
    fc.assert(
      fc.property(rowsOf, (rows) => {
        const sqlite = emptyTable();
        saveRows(sqlite, INSERT, 'ten_1', rows);
        const asked = rows.map(([id, feature]) => [id, feature]);
        const found = [...inChunks(SELECT, ['ten_1'], asked)].flatMap(([sql, values]) =>
          sqlite.all(sql, ...values).map(({ id }) => id),
        );
        sqlite.close();
        expect(found).toEqual(rows.map(([id]) => id));
      }),
    );
  });
});
