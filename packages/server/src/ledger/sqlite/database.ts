import Database from 'libsql';
import { MIGRATIONS } from './migrations.ts';
import { text, type Row } from '../rows.ts';

/** A connection to the embedded store, with each statement prepared once. */
export interface Sqlite {
  all(sql: string, ...values: unknown[]): Row[];
  get(sql: string, ...values: unknown[]): Row | undefined;
  /** The rows of a long answer, one by one. */
  iterate(sql: string, ...values: unknown[]): Iterable<Row>;
  run(sql: string, ...values: unknown[]): void;
  /** Runs `work`, which only reads, on one snapshot: no commit comes between its statements. */
  read<T>(work: () => T): T;
  /** Runs `work` in one write transaction; what throws inside rolls all of it back. */
  write<T>(work: () => T): T;
  close(): void;
}

/** How long a connection waits for another's lock: an administrative command beside a running server. */
const BUSY_TIMEOUT_MS = 5_000;

/** The store itself failed (locked, full, unreadable) or a commit did, so whether a write happened is unknown. */
export class StoreFailedError extends Error {
  override readonly name = 'StoreFailedError';
}

/** SQLite's result codes for what is wrong with the store, and not with the statement. */
const STORE_FAILURE =
  /^(SQLITE_(BUSY|LOCKED|FULL|IOERR|CANTOPEN|READONLY|CORRUPT|NOTADB|NOMEM|PROTOCOL|PERM|AUTH|INTERRUPT)|ConnectionFailed)/;

export function openSqlite(path: string): Sqlite {
  const database = guarded(() => connect(path));
  const statements = new Map<string, Statement>();
  const prepared = (sql: string): Statement => {
    let statement = statements.get(sql);
    if (statement === undefined) {
      statement = prepare(database, sql);
      statements.set(sql, statement);
    }
    return statement;
  };
  const rollback = (): void => {
    if (database.inTransaction) database.exec('rollback');
  };
  const begin = (statement: string): void => guarded(() => void database.exec(statement));
  return {
    all: (sql, ...values) => guarded(() => prepared(sql).all(values)),
    get: (sql, ...values) => guarded(() => prepared(sql).get(values)),
    iterate: (sql, ...values) => guarded(() => prepared(sql).iterate(values)),
    run: (sql, ...values) => guarded(() => prepared(sql).run(values)),
    read(work) {
      begin('begin');
      try {
        return work();
      } finally {
        rollback();
      }
    },
    write(work) {
      begin('begin immediate');
      let result;
      try {
        result = work();
      } catch (error) {
        rollback();
        throw error;
      }
      try {
        database.exec('commit');
      } catch (error) {
        rollback();
        throw new StoreFailedError('The embedded store could not commit', { cause: error });
      }
      return result;
    },
    close: () => void database.close(),
  };
}

interface Statement {
  all(values: readonly unknown[]): Row[];
  get(values: readonly unknown[]): Row | undefined;
  iterate(values: readonly unknown[]): Iterable<Row>;
  run(values: readonly unknown[]): void;
}

/** Takes rows as arrays and names their columns here: the driver takes 2 to 4 µs more for a row. */
function prepare(database: Database.Database, sql: string): Statement {
  type Cells = Row[string][];
  const statement = database.prepare(sql);
  if (statement.reader) statement.raw();
  const names = statement.columns().map(({ name }) => name);
  const toRow = (cells: Cells): Row => {
    const row: Record<string, Row[string]> = {};
    names.forEach((name, index) => (row[name] = cells[index] ?? null));
    return row;
  };
  return {
    all: (values) => (statement.all(values) as Cells[]).map(toRow),
    get(values) {
      const cells = statement.get(values) as Cells | undefined;
      return cells === undefined ? undefined : toRow(cells);
    },
    *iterate(values) {
      for (const cells of statement.iterate(values)) yield toRow(cells as Cells);
    },
    run: (values) => void statement.run(values),
  };
}

/** Pages in the log, 80 MB, before whoever writes moves them into the store: see `checkpoints.ts`, which does so before. */
const CHECKPOINT_PAGES = 20_000;

function connect(path: string): Database.Database {
  const database = new Database(path);
  database.defaultSafeIntegers(true);
  // A commit is acknowledged only when the log is on disk; `NORMAL` would lose the newest ones with the power.
  database.exec(`
    pragma busy_timeout = ${BUSY_TIMEOUT_MS};
    pragma journal_mode = wal;
    pragma synchronous = full;
    pragma foreign_keys = on;
    pragma wal_autocheckpoint = ${CHECKPOINT_PAGES};
  `);
  return database;
}

/** Tells failures of the store from faulty statements; also, the driver's own errors lose their message between threads. */
function guarded<T>(work: () => T): T {
  try {
    return work();
  } catch (error) {
    const { code, message } = error as { code?: unknown; message?: unknown };
    // A file that cannot be opened is known by its message alone.
    if (![code, message].some((fault) => STORE_FAILURE.test(String(fault)))) throw error;
    throw new StoreFailedError(`The embedded store failed: ${String(message)}`, { cause: error });
  }
}

/** 0 where there is none yet. */
export function schemaVersion(sqlite: Sqlite): number {
  return Number(sqlite.get('pragma user_version')?.['user_version'] ?? 0);
}

/** Whose tenants there are, in a store of any version. */
export function organizations(sqlite: Sqlite): string[] {
  if (schemaVersion(sqlite) === 0) return [];
  return sqlite.all('select distinct organization from tenant').map((row) => text(row, 'organization'));
}

/**
 * Brings the schema up to date, each step in a transaction of its own. Any number of processes may do so at once.
 * @returns the version that was found.
 */
export function migrate(sqlite: Sqlite): number {
  const found = schemaVersion(sqlite);
  for (;;) {
    const done = sqlite.write(() => {
      const version = schemaVersion(sqlite);
      if (version > MIGRATIONS.length) {
        throw new StoreFailedError(
          `The store has schema version ${version}; this release knows ${MIGRATIONS.length}. Use a newer release.`,
        );
      }
      const migration = MIGRATIONS[version];
      if (migration === undefined) return true;
      for (const statement of migration.split(';').filter((sql) => sql.trim() !== '')) sqlite.run(statement);
      sqlite.run(`pragma user_version = ${version + 1}`);
      return false;
    });
    if (done) return found;
  }
}
