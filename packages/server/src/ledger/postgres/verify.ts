import { number, type Row } from '../rows.ts';
import {
  COUNT_EVENTS,
  keyedSince,
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
    await client.query(`declare verified no scroll cursor for ${VERIFIED_ROWS('$1::bigint')}`, [
      keyedSince(now),
    ]);
    for (;;) {
      const { rows } = await client.query<Row>(`fetch ${ROWS_FETCHED} from verified`);
      for (const row of rows) fold.take(row);
      if (rows.length < ROWS_FETCHED) return fold.end();
    }
  } catch (error) {
    throw unavailable(error);
  } finally {
    await client.end().catch(ignore);
  }
}
