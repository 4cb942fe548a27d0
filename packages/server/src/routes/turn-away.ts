import type { IncomingMessage } from 'node:http';
import type { LoadShedder } from '../limits/load-shedder.ts';
import { Problem } from '../problems.ts';
import { respond, type HotPath, type Outcomes } from './hot-path.ts';
import type { Answer } from './route.ts';

/** What metrics and logs call the route of a request that was turned away before anybody looked for one. */
export const TURNED_AWAY = 'turned away';

/** Bodies up to this length are read to their end, so that the connection can be kept; the longest of the API. */
const BODY_KEPT_BYTES_MAX = 1024 * 1024;

/** One for all: its stack says nothing, and would cost more than the rest. */
const OVERLOADED = new Problem(
  'overloaded',
  'This server has more to do than it can. Nothing was recorded; try again.',
);

/**
 * Turns away what the shedder says, before the credential, the body or the store are looked at. Probes are let pass, as
 * a server that is busy is not broken; and preflights, which are few, as a browser tells its page nothing without.
 *
 * @param sessionHeaders what browsers need to be let see the reply to a session's request
 */
export function turnAway(
  shedder: LoadShedder,
  sessionHeaders: Readonly<Record<string, string>>,
  outcomes: Outcomes,
): HotPath {
  const answer: Answer = (asked) => {
    if (isOfSession(asked.incoming)) asked.tell({ ...sessionHeaders });
    return Promise.reject(OVERLOADED);
  };
  return (incoming, outgoing) => {
    if (isExempt(incoming) || !shedder.turnsAway()) return false;
    if (isLong(incoming)) outgoing.shouldKeepAlive = false;
    const { method = '' } = incoming;
    const request = { method, path: TURNED_AWAY, incoming, outgoing };
    respond(answer, request, outcomes).catch(() => outgoing.destroy());
    return true;
  };
}

function isExempt({ method, url }: IncomingMessage): boolean {
  return method === 'OPTIONS' || url === '/healthz' || url === '/readyz';
}

function isOfSession({ url = '' }: IncomingMessage): boolean {
  return url.startsWith('/v1/features/') || url.startsWith('/v1/products');
}

function isLong({ headers }: IncomingMessage): boolean {
  const { 'content-length': length = 0, 'transfer-encoding': encoding } = headers;
  return encoding !== undefined || Number(length) > BODY_KEPT_BYTES_MAX;
}
