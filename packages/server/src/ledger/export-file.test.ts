import { readFileSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { readExport, TABLES, writeExport, type Part, type TypedColumn } from './export-file.ts';
import { migrate, openSqlite } from './sqlite/database.ts';
import { tempFolder } from './testing/temp-folder.ts';

const COLUMNS: readonly TypedColumn[] = [
  ['id', 'text'],
  ['quantity', 'integer'],
  ['secret', 'bytes'],
];

const cell = <T>(value: fc.Arbitrary<T>) => fc.option(value, { freq: 4 });
const row = fc.record({
  id: cell(fc.string({ unit: 'binary' })),
  quantity: cell(fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n })),
  secret: cell(fc.uint8Array().map((bytes) => Buffer.from(bytes))),
});
const tables = fc.uniqueArray(
  fc.record({ table: fc.constantFrom(...TABLES), rows: fc.array(row, { maxLength: 5 }) }),
  { selector: ({ table }) => table, maxLength: 4 },
);

function partsOf(written: readonly { table: Part['table']; rows: readonly unknown[] }[]): Part[] {
  return written.map(({ table, rows }) => ({ table, columns: COLUMNS, rows: rows as Part['rows'] }));
}

const silent = (): void => undefined;

describe('an export', () => {
  it('is read as it was written, to the last bit', async () => {
    const path = join(tempFolder(), 'all.jsonl');
    await fc.assert(
      fc.asyncProperty(tables, async (written) => {
        const parts = partsOf(written);
        await writeExport(path, parts, silent);
        expect([...readExport(path, silent)]).toEqual(parts);
      }),
    );
  });

  it('is refused wherever it was cut off', async () => {
    const path = join(tempFolder(), 'all.jsonl');
    await fc.assert(
      fc.asyncProperty(
        tables,
        fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true }),
        async (written, at) => {
          await writeExport(path, partsOf(written), silent);
          truncateSync(path, Math.floor((readFileSync(path).byteLength - 1) * at));
          expect(() => [...readExport(path, silent)]).toThrow(/It (ends in the middle|is no export)/);
        },
      ),
    );
  });

  it('is refused whatever byte was changed', async () => {
    const path = join(tempFolder(), 'all.jsonl');
    await writeExport(
      path,
      partsOf([{ table: 'event', rows: [{ id: 'evt', quantity: 5n, secret: null }] }]),
      silent,
    );
    const whole = readFileSync(path);
    for (let at = 0; at < whole.byteLength; at += 1) {
      const changed = Buffer.from(whole);
      changed[at] = changed[at] === 0x35 ? 0x36 : 0x35;
      writeFileSync(path, changed);
      expect(() => [...readExport(path, silent)], `at byte ${at}`).toThrow();
    }
  });

  it('has every table that there is', () => {
    const sqlite = openSqlite(join(tempFolder(), 'store.db'));
    migrate(sqlite);
    const there = sqlite.all("select name from sqlite_master where type = 'table'").map(({ name }) => name);
    sqlite.close();
    expect([...TABLES].sort()).toEqual(there.sort());
  });
});
