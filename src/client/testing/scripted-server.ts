/** A real HTTP server for tests, that answers from a script and can misbehave. */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

export interface SeenRequest {
  readonly method: string;
  readonly url: string;
  readonly headers: IncomingMessage['headers'];
  readonly body: string;
}

export type Handler = (response: ServerResponse, request: SeenRequest) => void;

export class ScriptedServer {
  readonly requests: SeenRequest[] = [];
  readonly #script: Handler[] = [];
  readonly #server: Server;

  private constructor() {
    this.#server = createServer((request, response) => void this.#answer(request, response));
  }

  static async start(): Promise<ScriptedServer> {
    const server = new ScriptedServer();
    await new Promise<void>((resolve) => {
      server.#server.listen(0, '127.0.0.1', resolve);
    });
    return server;
  }

  get url(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  /** The answers to the next requests, in order. The last one answers all that follow. */
  script(...handlers: Handler[]): void {
    this.#script.splice(0, Infinity, ...handlers);
  }

  async stop(): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk as Buffer);
    const { method = '', url = '', headers } = request;
    const seen = { method, url, headers, body: Buffer.concat(chunks).toString() };
    this.requests.push(seen);
    const handler = this.#script.length > 1 ? this.#script.shift() : this.#script[0];
    if (handler === undefined) response.writeHead(500).end();
    else handler(response, seen);
  }
}

export function json(status: number, body: unknown, headers: Record<string, string> = {}): Handler {
  return (response) =>
    void response
      .writeHead(status, { 'Content-Type': 'application/json', ...headers })
      .end(JSON.stringify(body));
}

/** A refusal as the usage API words it (wire contract §9). */
export function problem(
  status: number,
  code: string,
  facts: { details?: object; headers?: Record<string, string> } = {},
): Handler {
  const { details, headers } = facts;
  const body = { title: code, status, detail: `about ${code}`, error: { code, message: code, details } };
  return json(status, body, { 'X-Request-Id': 'req_1', ...headers });
}

/** Closes the connection without an answer: the event may have been recorded. */
export const drop: Handler = (response) => void response.socket?.destroy();

/** Breaks off in the middle of the answer. */
export const truncate: Handler = (response) => {
  response.writeHead(200, { 'Content-Type': 'application/json', 'Content-Length': '1000' });
  response.write('{"success":', () => response.socket?.resetAndDestroy());
};

/** Never answers. */
export const hang: Handler = () => undefined;

/** Starts a stream of server-sent events with this text, and leaves it open. */
export function sse(text: string): Handler {
  return (response) => {
    response.writeHead(200, { 'Content-Type': 'text/event-stream' });
    response.write(text);
  };
}
