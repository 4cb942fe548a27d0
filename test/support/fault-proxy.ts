import { createServer, request, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

/** What goes wrong with one request. */
export type Fault =
  | 'answer dropped'
  | 'reset'
  | 'answer late'
  | 'server error'
  | 'throttled, in seconds'
  | 'throttled, until a date'
  | 'delivered twice';

export const FAULTS: readonly Fault[] = [
  'answer dropped',
  'reset',
  'answer late',
  'server error',
  'throttled, in seconds',
  'throttled, until a date',
  'delivered twice',
];

/** What the host's own server answers. */
export interface HostAnswer {
  status?: number;
  type: string;
  body: string;
  headers?: Readonly<Record<string, string>>;
}

/** The host's server, and with it a proxy in front of the API that treats requests as the test decides. */
export class FaultProxy {
  readonly #target: URL;
  readonly #server = createServer((incoming, outgoing) => void this.#handle(incoming, outgoing));
  /** The host's own routes, by path. They work when the API does not. */
  readonly hostRoutes = new Map<string, () => HostAnswer | Promise<HostAnswer>>();
  /** The keys of the events that got through to the API, in their order. */
  readonly tracked: string[] = [];
  /** How many requests did not get through because the API was down. */
  turnedAway = 0;
  /** How often each fault happened. */
  readonly faults = new Map<Fault, number>();
  /** Streams that are open. */
  readonly streams = new Set<ServerResponse>();
  /** Nothing gets through to the API. */
  isDown = false;
  /** Streams stay open and fall silent. */
  isBlackHole = false;
  /** How the next request that tracks usage is treated. */
  nextFault: () => Fault | undefined = () => undefined;
  /** How late a late answer is, in milliseconds. */
  lateMs = 1_000;

  private constructor(targetUrl: string) {
    this.#target = new URL(targetUrl);
  }

  static async start(targetUrl: string): Promise<FaultProxy> {
    const proxy = new FaultProxy(targetUrl);
    await new Promise<void>((resolve) => {
      proxy.#server.listen(0, '127.0.0.1', resolve);
    });
    return proxy;
  }

  get url(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  async stop(): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
  }

  /** Ends every open stream in the middle. */
  breakStreams(): void {
    for (const stream of this.streams) stream.socket?.destroy();
  }

  async #handle(incoming: IncomingMessage, outgoing: ServerResponse): Promise<void> {
    const chunks: Buffer[] = [];
    for await (const chunk of incoming) chunks.push(chunk as Buffer);
    const body = Buffer.concat(chunks);
    const answerHere = this.hostRoutes.get(incoming.url?.split('?', 1)[0] ?? '');
    if (answerHere !== undefined) {
      const { status = 200, type, body: text, headers } = await answerHere();
      outgoing.writeHead(status, { 'Content-Type': type, ...headers }).end(text);
      return;
    }
    if (this.isDown && incoming.url?.startsWith('/v1/') === true) {
      this.turnedAway += 1;
      outgoing.socket?.destroy();
      return;
    }
    const isTracking = incoming.method === 'POST' && /\/(track(-usage)?|batch)$/.test(incoming.url ?? '');
    const fault = isTracking ? this.nextFault() : undefined;
    if (isTracking)
      this.tracked.push((JSON.parse(body.toString()) as { idempotency_key: string }).idempotency_key);
    if (fault === undefined) {
      this.#forward(incoming, body, (answer) => this.#pipe(incoming, answer, outgoing));
      return;
    }
    this.faults.set(fault, (this.faults.get(fault) ?? 0) + 1);
    this.#misbehave(fault, incoming, body, outgoing);
  }

  #misbehave(fault: Fault, incoming: IncomingMessage, body: Buffer, outgoing: ServerResponse): void {
    const answerLater = (answer: IncomingMessage) =>
      void setTimeout(() => this.#pipe(incoming, answer, outgoing), this.lateMs).unref();
    switch (fault) {
      case 'answer dropped':
        this.#forward(incoming, body, (answer) => {
          answer.resume();
          outgoing.socket?.destroy();
        });
        break;
      case 'reset':
        outgoing.socket?.resetAndDestroy();
        break;
      case 'answer late':
        this.#forward(incoming, body, answerLater);
        break;
      case 'delivered twice':
        this.#forward(incoming, body, (answer) => {
          answer.resume();
          this.#forward(incoming, body, (second) => this.#pipe(incoming, second, outgoing));
        });
        break;
      case 'server error':
        outgoing.writeHead(502).end('not from the API');
        break;
      case 'throttled, in seconds':
        outgoing.writeHead(429, { 'Retry-After': '1' }).end();
        break;
      case 'throttled, until a date':
        outgoing.writeHead(429, { 'Retry-After': new Date(Date.now() + 1_000).toUTCString() }).end();
        break;
    }
  }

  #forward(incoming: IncomingMessage, body: Buffer, onAnswer: (answer: IncomingMessage) => void): void {
    const { hostname, port } = this.#target;
    const { method, url, headers } = incoming;
    const forwarded = request({ hostname, port, method, path: url, headers }, onAnswer);
    forwarded.on('error', () => incoming.socket.destroy());
    forwarded.end(body);
  }

  #pipe(incoming: IncomingMessage, answer: IncomingMessage, outgoing: ServerResponse): void {
    answer.on('error', () => outgoing.socket?.destroy());
    if (outgoing.destroyed) {
      // Who asked has gone, and will not be heard to go again.
      answer.destroy();
      return;
    }
    outgoing.writeHead(answer.statusCode ?? 502, answer.headers);
    if (!String(answer.headers['content-type']).startsWith('text/event-stream')) {
      answer.pipe(outgoing);
      return;
    }
    this.streams.add(outgoing);
    outgoing.once('close', () => {
      this.streams.delete(outgoing);
      answer.destroy();
    });
    answer.on('data', (chunk: Buffer) => {
      if (!this.isBlackHole) outgoing.write(chunk);
    });
    answer.on('end', () => outgoing.end());
  }
}
