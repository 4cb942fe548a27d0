import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Context } from 'hono';
import { getQueryParam } from 'hono/utils/url';
import type { AppEnv } from './route.ts';

/** A request as routes look at it, whichever way it has come in. */
export interface Asked {
  readonly incoming: IncomingMessage;
  readonly requestId: string;
  header(name: string): string | undefined;
  query(): Record<string, string>;
  params(): Record<string, string>;
  /** Fields for the reply. */
  tell(fields: Record<string, string>): void;
  /** What {@link tell} was told. */
  readonly told: Record<string, string> | undefined;
  /** Aborted when whoever asks has gone. */
  readonly signal: AbortSignal;
}

/** A request that the router has found a route for. */
export class Routed implements Asked {
  readonly #context: Context<AppEnv>;

  constructor(context: Context<AppEnv>) {
    this.#context = context;
  }

  /** The admin port asks without one. */
  get incoming(): IncomingMessage {
    return this.#context.env.incoming;
  }

  get requestId(): string {
    return this.#context.get('requestId');
  }

  header(name: string): string | undefined {
    return this.#context.req.header(name);
  }

  query(): Record<string, string> {
    return this.#context.req.query();
  }

  params(): Record<string, string> {
    return this.#context.req.param();
  }

  tell(fields: Record<string, string>): void {
    this.#context.set('told', fields);
  }

  get told(): Record<string, string> | undefined {
    return this.#context.get('told');
  }

  get signal(): AbortSignal {
    return this.#context.req.raw.signal;
  }
}

/** A request as Node has read it, to a path without parameters; reads its query as the router does. */
export class Direct implements Asked {
  readonly incoming: IncomingMessage;
  readonly requestId: string;
  told: Record<string, string> | undefined = undefined;
  readonly #outgoing: ServerResponse;

  constructor(incoming: IncomingMessage, outgoing: ServerResponse, requestId: string) {
    this.incoming = incoming;
    this.requestId = requestId;
    this.#outgoing = outgoing;
  }

  header(name: string): string | undefined {
    const value = this.incoming.headers[name];
    return typeof value === 'string' ? value : undefined;
  }

  query(): Record<string, string> {
    return getQueryParam(this.incoming.url ?? '') as unknown as Record<string, string>;
  }

  params(): Record<string, string> {
    return {};
  }

  tell(fields: Record<string, string>): void {
    this.told = fields;
  }

  get signal(): AbortSignal {
    const gone = new AbortController();
    this.#outgoing.once('close', () => gone.abort());
    return gone.signal;
  }
}
