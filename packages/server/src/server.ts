import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { getRequestListener } from '@hono/node-server';

/** What a client may take of a connection before it is cut. */
const HEADERS_TIMEOUT_MS = 10_000;
const REQUEST_TIMEOUT_MS = 30_000;
const KEEP_ALIVE_TIMEOUT_MS = 65_000;
const HEADER_BYTES_MAX = 16 * 1024;
const HEADERS_MAX = 100;

/** How long a stop waits for requests under way. */
const DRAIN_MS = 5_000;
const SWEEP_MS = 50;

export interface RunningServer {
  /** Where it listens, `http://host:port`. */
  readonly url: string;
  /** Takes no new connection, lets requests under way finish, then cuts what is left. */
  close(): Promise<void>;
}

/** Serves a fetch handler over HTTP. Rejects when the address cannot be listened on. */
export async function listen(
  fetch: Parameters<typeof getRequestListener>[0],
  { host, port }: { host: string; port: number },
): Promise<RunningServer> {
  const answer = getRequestListener(fetch);
  const server = createServer(
    {
      headersTimeout: HEADERS_TIMEOUT_MS,
      requestTimeout: REQUEST_TIMEOUT_MS,
      keepAliveTimeout: KEEP_ALIVE_TIMEOUT_MS,
      maxHeaderSize: HEADER_BYTES_MAX,
    },
    (incoming, outgoing) => void answer(incoming, outgoing),
  );
  server.maxHeadersCount = HEADERS_MAX;
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, host, resolve);
  });
  const address = server.address() as AddressInfo;
  const named = address.family === 'IPv6' ? `[${address.address}]` : address.address;
  return { url: `http://${named}:${address.port}`, close: () => drain(server) };
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
