import { setTimeout as pause } from 'node:timers/promises';
import { Client, DatabaseError, Pool, types as standard, type CustomTypesConfig, type PoolClient } from 'pg';
import { LedgerUnavailableError } from '../ledger.ts';
import type { Row } from '../rows.ts';

/** A statement, prepared under its name once a connection. */
export interface Statement {
  readonly name: string;
  readonly text: string;
}

export interface Queryable {
  /** Integers come as `bigint`. */
  query(statement: Statement, ...values: unknown[]): Promise<Row[]>;
}

export interface Transaction extends Queryable {
  /**
   * The same for what writes nothing: sent at once, behind what was sent before and may not have been answered yet. The
   * database takes one after the other all the same.
   */
  queryAhead(statement: Statement, ...values: unknown[]): Promise<Row[]>;
  /**
   * Ends the transaction with a statement and the commit, which is sent behind it and not waited for in between: of a
   * statement that fails, nothing is committed, nor of any before it.
   */
  commitWith(statement: Statement, ...values: unknown[]): Promise<void>;
  /** Ends the transaction without a trace; what `work` returns then stands for nothing written. */
  rollback(): Promise<void>;
}

/**
 * A bounded pool of connections. What the store, and not a statement, is to blame for is a
 * {@link LedgerUnavailableError}; everything else comes as the driver throws it, and then nothing was written.
 */
export interface Database extends Queryable {
  /**
   * Runs `work` in one transaction, where each statement sees what was committed before it began. What throws
   * inside rolls all of it back; a deadlock or a serialization failure runs it again, on new state.
   */
  transaction<T>(work: (transaction: Transaction) => Promise<T>): Promise<T>;
  /** Connections that are open, of these idle, and callers who wait for one. */
  connections(): { open: number; idle: number; waiting: number };
  close(): Promise<void>;
}

/** Connections of one process: those that track, the rest for reads and changes of plan. */
export const CONNECTIONS_MAX = 10;
/**
 * How many of them track at once: of eight busy tenants 4 commit 1.8 times as many events/s as one does, and 8 no more
 * than 4. Two for one tenant: PostgreSQL works on a batch while the next is prepared, which is 1.4 times as many.
 */
export const TRACKING_LANES = { lanesMax: 4, lanesOfTenantMax: 2 };
/** How many of them read accounts at once: the rest is for single reads and changes of plan. */
export const READING_CONNECTIONS_MAX = 4;
/** How long a caller waits for a connection, new or in use. */
const CONNECT_TIMEOUT_MS = 5_000;
/** How long a statement waits for a row that another process has locked. A batch holds its counters for about 10. */
const LOCK_TIMEOUT_MS = 5_000;
const STATEMENT_TIMEOUT_MS = 10_000;
/** How long the server keeps the locks of a process that has stopped between two statements. */
const STALLED_TIMEOUT_MS = 15_000;
/** How long an answer is waited for: past the server's own limits, so only when the network or the server is gone. */
const ANSWER_TIMEOUT_MS = 20_000;
const KEEP_ALIVE_AFTER_MS = 10_000;

/** How often a transaction is run before its state is called unreachable, and the pause after the n-th time. */
const ATTEMPTS_MAX = 10;
const RETRY_PAUSE_MS = 5;
const RETRY_PAUSE_MS_MAX = 500;

/** The server undid the transaction by itself, because of what another one did: run again, it may pass. */
const CONTENDED = new Set(['40001', '40P01']);
/**
 * Classes of SQLSTATE that speak of the store: connection, transaction state (a read-only standby), authorization,
 * catalog, transaction undone, resources, locks, operator, system, configuration, internal.
 */
const STORE_FAULT = /^(08|25|28|3D|40|53|55|57|58|F0|XX)/;

/**
 * Timeouts are set with every transaction and not with the connection, which a pooler may share out by transaction.
 * The isolation level is named because every lock here counts on the next statement seeing newer commits.
 */
const BEGIN = `begin isolation level read committed;
  set local lock_timeout = ${LOCK_TIMEOUT_MS};
  set local statement_timeout = ${STATEMENT_TIMEOUT_MS};
  set local idle_in_transaction_session_timeout = ${STALLED_TIMEOUT_MS}`;

export function openDatabase(url: string): Database {
  const pool = new Pool({
    ...connectionTo(url),
    max: CONNECTIONS_MAX,
    pipeline: true,
    query_timeout: ANSWER_TIMEOUT_MS,
  });
  // An idle connection that breaks is replaced; whoever asks next hears of it if the store is really gone.
  pool.on('error', ignore);

  async function withConnection<T>(use: (client: PoolClient) => Promise<T>): Promise<T> {
    const client = await pool.connect().catch((error: unknown) => {
      throw unavailable(error);
    });
    // While it is in use the breaking of a connection is told to its statement; unheard it would end the process.
    client.on('error', ignore);
    let broken = false;
    try {
      return await use(client);
    } catch (error) {
      broken = error instanceof LedgerUnavailableError;
      throw error;
    } finally {
      client.off('error', ignore);
      client.release(broken);
    }
  }

  return {
    query: (statement, ...values) => withConnection((client) => ask(client, statement, values)),
    async transaction(work) {
      for (let attempt = 1; ; attempt += 1) {
        try {
          return await withConnection((client) => runOnce(client, work));
        } catch (error) {
          if (!isContended(error)) throw error;
          if (attempt === ATTEMPTS_MAX) throw unavailable(error);
        }
        await pause(Math.random() * Math.min(RETRY_PAUSE_MS_MAX, RETRY_PAUSE_MS * 2 ** attempt));
      }
    },
    connections: () => ({ open: pool.totalCount, idle: pool.idleCount, waiting: pool.waitingCount }),
    close: () => pool.end(),
  };
}

/** A connection outside the pool, not yet connected. Without `answerTimeoutMs` it waits for as long as it takes. */
export function newClient(url: string, answerTimeoutMs?: number): Client {
  return new Client({
    ...connectionTo(url),
    ...(answerTimeoutMs === undefined ? {} : { query_timeout: answerTimeoutMs }),
  });
}

export function ignore(): void {
  // For errors that are told elsewhere, or to nobody who could do anything about them.
}

async function runOnce<T>(client: PoolClient, work: (transaction: Transaction) => Promise<T>): Promise<T> {
  const state = { open: true };
  const rollback = async (): Promise<void> => {
    state.open = false;
    await ask(client, { name: '', text: 'rollback' });
  };
  const begun = ask(client, { name: '', text: BEGIN });
  // Whoever waits for a statement is told.
  begun.catch(ignore);
  let result;
  try {
    result = await work({
      async query(statement, ...values) {
        await begun;
        return ask(client, statement, values);
      },
      async queryAhead(statement, ...values) {
        const [, rows] = await Promise.all([begun, ask(client, statement, values)]);
        return rows;
      },
      async commitWith(statement, ...values) {
        await begun;
        state.open = false;
        const [asked, committed] = await Promise.allSettled([ask(client, statement, values), commit(client)]);
        for (const part of [asked, committed]) if (part.status === 'rejected') throw part.reason;
      },
      rollback,
    });
    await begun;
  } catch (error) {
    if (state.open && !(error instanceof LedgerUnavailableError)) await rollback();
    throw error;
  }
  if (state.open) await commit(client);
  return result;
}

async function commit(client: PoolClient): Promise<void> {
  let command;
  try {
    ({ command } = await client.query('commit'));
  } catch (error) {
    if (isContended(error)) throw error;
    throw new LedgerUnavailableError('The commit’s outcome is unknown', { cause: error });
  }
  // The server answers the commit of a failed transaction with a rollback, and not with an error.
  if (command !== 'COMMIT') throw new Error('A transaction that had failed was to be committed');
}

async function ask(client: PoolClient, { name, text }: Statement, values: unknown[] = []): Promise<Row[]> {
  try {
    const prepared = name === '' ? text : { name, text, values };
    const { rows } = await client.query<Row>(prepared);
    return rows;
  } catch (error) {
    const isStatementFault = error instanceof DatabaseError && !STORE_FAULT.test(error.code ?? '');
    throw isStatementFault || isContended(error) ? error : unavailable(error);
  }
}

function isContended(error: unknown): boolean {
  return error instanceof DatabaseError && CONTENDED.has(error.code ?? '');
}

export function unavailable(error: unknown): LedgerUnavailableError {
  const reason = error instanceof Error ? error.message : String(error);
  return new LedgerUnavailableError(`The database failed: ${reason}`, { cause: error });
}

/**
 * What the driver takes for `verify-full` under another name, with nine lines about the day when it no longer will.
 * Under its own it stays what it is, in silence.
 */
const CHECKED_SSL = /^(?!.*uselibpqcompat)(.*[?&]sslmode=)(?:prefer|require|verify-ca)(?=&|$)/;

function connectionTo(url: string) {
  return {
    connectionString: url.replace(CHECKED_SSL, '$1verify-full'),
    application_name: 'billingos',
    connectionTimeoutMillis: CONNECT_TIMEOUT_MS,
    keepAlive: true,
    keepAliveInitialDelayMillis: KEEP_ALIVE_AFTER_MS,
    types: { getTypeParser },
  };
}

/** Every integer of the schema is read as `bigint`: the driver's own choice is text for 64 bits, a number below. */
const INTEGER_TYPES: ReadonlySet<number> = new Set([
  standard.builtins.INT2,
  standard.builtins.INT4,
  standard.builtins.INT8,
]);

type TypeId = Parameters<typeof standard.getTypeParser>[0];

const getTypeParser: CustomTypesConfig['getTypeParser'] = (type: TypeId, format?: string) =>
  INTEGER_TYPES.has(type) ? BigInt : (standard.getTypeParser(type, format as 'text') as never);
