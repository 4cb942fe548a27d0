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
export function routed(c: Context<AppEnv>): Asked {
  return {
    // The admin port asks without one.
    get incoming() {
      return c.env.incoming;
    },
    requestId: c.get('requestId'),
    header: (name) => c.req.header(name),
    query: () => c.req.query(),
    params: () => c.req.param(),
    tell: (fields) => c.set('told', fields),
    get told() {
      return c.get('told');
    },
    get signal() {
      return c.req.raw.signal;
    },
  };
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
