import type { IncomingMessage, ServerResponse } from 'node:http';
import type { AnsweredRequest } from '../app.ts';
import { dataReply, newRequestId, type WrittenReply } from '../replies.ts';
import { Direct, type Asked } from './asked.ts';
import type { Answer } from './route.ts';

/**
 * The way to the busiest routes: from Node's request to their answer and straight into Node's reply, past the objects
 * of the Fetch API and the router, which take more time than all else that such a request needs. What is answered is
 * the same, by the same code; a request that is in any way out of the ordinary takes the ordinary way.
 */

/** Answers a request if it is an ordinary one to a hot route; `false` leaves it alone. */
export type HotPath = (incoming: IncomingMessage, outgoing: ServerResponse) => boolean;

interface Outcomes {
  /** What an error comes to. */
  refuse: (error: unknown, asked: Asked) => WrittenReply;
  onReply: ((reply: AnsweredRequest) => void) | undefined;
}

/** @param answers by method and path, such as `GET /v1/usage/check`. */
export function hotPath(answers: ReadonlyMap<string, Answer>, outcomes: Outcomes): HotPath {
  return (incoming, outgoing) => {
    const { method = '', url = '' } = incoming;
    const end = url.indexOf('?');
    const path = end === -1 ? url : url.slice(0, end);
    const answer = answers.get(`${method} ${path}`);
    if (answer === undefined || !isOrdinary(incoming)) return false;
    respond(answer, { method, path, incoming, outgoing }, outcomes).catch(() => {
      // Not even an error could be told: whoever asked must not wait for it.
      outgoing.destroy();
    });
    return true;
  };
}

async function respond(
  answer: Answer,
  request: { method: string; path: string; incoming: IncomingMessage; outgoing: ServerResponse },
  { refuse, onReply }: Outcomes,
): Promise<void> {
  const begun = performance.now();
  const { method, path, incoming, outgoing } = request;
  const asked = new Direct(incoming, outgoing, newRequestId());
  let reply: WrittenReply;
  try {
    reply = dataReply(asked, await answer(asked));
  } catch (error) {
    reply = refuse(error, asked);
  }
  const { status, headers, body } = reply;
  headers['Content-Length'] = String(Buffer.byteLength(body));
  outgoing.writeHead(status, headers).end(body);
  const tookMs = performance.now() - begun;
  onReply?.({ requestId: asked.requestId, method, route: path, status, tookMs });
}

/** A host and a target that make a URL as they are. */
const PLAIN_HOST = /^[a-z0-9._-]+(?::(?:[1-5]\d{3,4}|[6-9]\d{3}))?$/;
const PLAIN_TARGET = /^\/[\w./?=&%+~:@,-]*$/;

/** Node keeps the first of some headers that come twice, and the Fetch API joins them: such a request is not for here. */
function isOrdinary({ headers, rawHeaders, url = '' }: IncomingMessage): boolean {
  const { host } = headers;
  if (host === undefined || !PLAIN_HOST.test(host) || !PLAIN_TARGET.test(url)) return false;
  // Refused before it is read, the rest of a long body has to be dealt with.
  if (headers['transfer-encoding'] !== undefined || headers.expect !== undefined) return false;
  return Object.keys(headers).length * 2 === rawHeaders.length;
}
