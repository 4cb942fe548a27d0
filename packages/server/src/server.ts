import { createServer, STATUS_CODES, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { getRequestListener, RequestError } from '@hono/node-server';
import { Problem } from './problems.ts';
import { newRequestId, problemReply } from './replies.ts';
import type { HotPath } from './routes/hot-path.ts';

/** What a client may take of a connection before it is cut. */
const HEADERS_TIMEOUT_MS = 10_000;
const REQUEST_TIMEOUT_MS = 30_000;
const KEEP_ALIVE_TIMEOUT_MS = 65_000;
const HEADER_BYTES_MAX = 16 * 1024;
const HEADERS_MAX = 100;
/** How often connections are held against these times: each cut comes so much later at the most. */
const TIMEOUTS_CHECKED_EVERY_MS = 1_000;
/** Nothing moves on it: live streams say something every 15 seconds, and whoever reads takes it. */
const SILENCE_TIMEOUT_MS = 60_000;
const CONNECTIONS_MAX = 10_000;

/** How long a stop waits for requests under way. */
const DRAIN_MS = 5_000;
const SWEEP_MS = 50;

export interface RunningServer {
  /** Where it listens, `http://host:port`. */
  readonly url: string;
  /** From here on each reply is its connection's last, so that whoever keeps one alive turns to another server. */
  leave(): void;
  /** Takes no new connection, lets requests under way finish, then cuts what is left. */
  close(): Promise<void>;
}

/**
 * Serves a fetch handler over HTTP, and before it what answers some requests by itself. Rejects when the address cannot
 * be listened on.
 */
export async function listen(
  fetch: Parameters<typeof getRequestListener>[0],
  { host, port }: { host: string; port: number },
  hot: HotPath = () => false,
): Promise<RunningServer> {
  const answer = getRequestListener(fetch, { errorHandler: refuseRequest });
  let leaving = false;
  const server = createServer(
    {
      headersTimeout: HEADERS_TIMEOUT_MS,
      requestTimeout: REQUEST_TIMEOUT_MS,
      keepAliveTimeout: KEEP_ALIVE_TIMEOUT_MS,
      connectionsCheckingInterval: TIMEOUTS_CHECKED_EVERY_MS,
      maxHeaderSize: HEADER_BYTES_MAX,
      // Refused below, in the words of the contract.
      requireHostHeader: false,
    },
    (incoming, outgoing) => {
      if (leaving) outgoing.shouldKeepAlive = false;
      if (!hot(incoming, outgoing)) void answer(incoming, outgoing);
    },
  );
  server.maxHeadersCount = HEADERS_MAX;
  server.maxConnections = CONNECTIONS_MAX;
  server.setTimeout(SILENCE_TIMEOUT_MS);
  server.on('clientError', refuseConnection);
  // What a client expects beyond the ordinary is none of our business: the request is answered like any other.
  server.on('checkExpectation', (incoming, outgoing) => void answer(incoming, outgoing));
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, host, resolve);
  });
  const address = server.address() as AddressInfo;
  const named = address.family === 'IPv6' ? `[${address.address}]` : address.address;
  return {
    url: `http://${named}:${address.port}`,
    leave() {
      leaving = true;
    },
    close: () => drain(server),
  };
}

/** Answers what the HTTP parser takes for a request and is none: its host or target make no URL. */
function refuseRequest(error: unknown): Response {
  const problem =
    error instanceof RequestError
      ? new Problem('malformed_request', `${error.message}; send a path, and the host as it is.`)
      : new Problem('internal_error', 'Something failed on our side; retry with the same idempotency key.');
  const requestId = newRequestId();
  const { body, status, headers } = problemReply(problem, requestId);
  return new Response(body, { status, headers });
}

/** Answers what is no HTTP, too large or too slow, and hangs up. */
function refuseConnection(error: NodeJS.ErrnoException, connection: Duplex): void {
  // As Node's own handler looks at it: nothing may be written into a reply that is under way.
  const socket = connection as Duplex &
    Pick<Socket, 'destroySoon'> & { _httpMessage?: ServerResponse | null };
  if (!socket.writable || error.code === 'ECONNRESET' || socket._httpMessage?.headersSent === true) {
    socket.destroy();
    return;
  }
  const requestId = newRequestId();
  const { body, status, headers } = problemReply(connectionProblem(error.code), requestId);
  const all = {
    ...headers,
    'Content-Length': Buffer.byteLength(body),
    Connection: 'close',
  };
  const head = Object.entries(all).map(([name, value]) => `${name}: ${value}`);
  socket.write([`HTTP/1.1 ${status} ${STATUS_CODES[status]}`, ...head, '', body].join('\r\n'));
  socket.destroySoon();
}

function connectionProblem(code: string | undefined): Problem {
  switch (code) {
    case 'ERR_HTTP_REQUEST_TIMEOUT':
      return new Problem(
        'request_timeout',
        `A request has ${HEADERS_TIMEOUT_MS / 1000} seconds for its headers and ${REQUEST_TIMEOUT_MS / 1000} in all.`,
      );
    case 'HPE_HEADER_OVERFLOW':
      return new Problem('headers_too_large', `Headers may have ${HEADER_BYTES_MAX} bytes at most.`);
    default:
      return new Problem('malformed_request', 'What was sent is not HTTP/1.1.');
  }
}

async function drain(server: Server): Promise<void> {
  const cut = setTimeout(() => server.closeAllConnections(), DRAIN_MS);
  // A connection that is kept alive is idle only once its last reply is out, which may be after this moment.
  const sweep = setInterval(() => server.closeIdleConnections(), SWEEP_MS);
  await new Promise<void>((resolve) => {
    server.close(() => resolve());
  });
  clearInterval(sweep);
  clearTimeout(cut);
}
