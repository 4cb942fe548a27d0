import { connect, createServer, type AddressInfo, type NetConnectOpts, type Socket } from 'node:net';
import { pipeline } from 'node:stream/promises';

/** A TCP proxy: one address for whatever is behind it at the moment. */
export interface Wire {
  readonly port: number;
  /** Breaks every connection off. */
  cut(): void;
  stop(): Promise<void>;
}

/** What happens to bytes on their way. */
export interface Weather {
  /** Waited for before a piece goes on. */
  readonly held: () => Promise<unknown>;
  /** Whether the server's next piece is lost, and its connection with it. */
  readonly isAnswerLost: () => boolean;
}

/**
 * @param next where the next connection goes.
 * @param weather none for bytes that pass as they are.
 */
export async function startWire(next: () => NetConnectOpts, weather?: Weather): Promise<Wire> {
  const open = new Set<Socket>();
  const server = createServer((client) => {
    const target = connect(next());
    open.add(client.setNoDelay());
    client.once('close', () => open.delete(client));
    const ways =
      weather === undefined
        ? [pipeline(client, target), pipeline(target, client)]
        : [
            pipeline(client, (pieces: Pieces) => carried(pieces, weather), target),
            pipeline(target, (pieces: Pieces) => answers(pieces, weather), client),
          ];
    for (const way of ways) {
      way.catch(() => {
        client.resetAndDestroy();
        target.destroy();
      });
    }
  });
  await new Promise<void>((resolve) => {
    server.listen(0, '127.0.0.1', resolve);
  });
  const cut = () => {
    for (const socket of open) socket.resetAndDestroy();
  };
  return {
    port: (server.address() as AddressInfo).port,
    cut,
    async stop() {
      cut();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

type Pieces = AsyncIterable<Buffer>;

async function* carried(pieces: Pieces, { held }: Weather): AsyncIterable<Buffer> {
  for await (const piece of pieces) {
    await held();
    yield piece;
  }
}

async function* answers(pieces: Pieces, weather: Weather): AsyncIterable<Buffer> {
  for await (const piece of carried(pieces, weather)) {
    if (weather.isAnswerLost()) throw new Error('The answer is lost.');
    yield piece;
  }
}

/** Where a connection to a URL goes. */
export function addressOf(url: string): NetConnectOpts {
  const { hostname, port } = new URL(url);
  return { host: hostname, port: Number(port) };
}
