import type { Client } from 'pg';
import { number, type Row } from '../rows.ts';
import {
  COUNT_EVENTS,
  keyedSince,
  LOST_RECORDS,
  verificationFold,
  VERIFIED_ROWS,
  type Progress,
  type Verification,
} from '../verify.ts';
import { ignore, newClient, unavailable } from './database.ts';

/** Rows that are held at once. */
const ROWS_FETCHED = 5_000;

/** A picture that others write beside, for as long as it takes to read: no server's limits apply to it. */
const BEGIN = `begin isolation level repeatable read, read only;
  set local statement_timeout = 0;
  set local idle_in_transaction_session_timeout = 0`;

/**
 * Verifies the store on a connection of its own, beside whoever writes to it.
 * @throws LedgerUnavailableError
 */
export async function verifyPostgres(url: string, now: number, progress: Progress): Promise<Verification> {
  const client = newClient(url);
  client.on('error', ignore);
  try {
    await client.connect();
    await client.query(BEGIN);
    const total = (await client.query<Row>(COUNT_EVENTS)).rows[0];
    const fold = verificationFold(total === undefined ? 0 : number(total, 'events'), progress);
    for await (const rows of fetchAll(client, VERIFIED_ROWS('$1::bigint'), keyedSince(now)))
      rows.forEach(fold.take);
    for await (const rows of fetchAll(client, LOST_RECORDS)) rows.forEach(fold.takeRecord);
    return fold.end();
  } catch (error) {
    throw unavailable(error);
  } finally {
    await client.end().catch(ignore);
  }
}

/** The rows of a long answer, so many at a time. */
async function* fetchAll(client: Client, sql: string, ...values: unknown[]): AsyncIterable<Row[]> {
  await client.query(`declare verified no scroll cursor for ${sql}`, values);
  for (let fetched = ROWS_FETCHED; fetched === ROWS_FETCHED;) {
    const { rows } = await client.query<Row>(`fetch ${ROWS_FETCHED} from verified`);
    yield rows;
    fetched = rows.length;
  }
  await client.query('close verified');
}
