import type * as Background from './background.ts';
import { abortable } from './clock.ts';
import { NetworkError } from './errors.ts';

/** One HTTP exchange: no retries, no tokens, no deadline. Those live outside. */
export type Transport = (request: TransportRequest) => Promise<TransportReply>;

export interface TransportRequest {
  readonly url: string;
  readonly method: string;
  readonly headers: Readonly<Record<string, string>>;
  /** Encoded JSON. */
  readonly body?: string | undefined;
  readonly credentials: RequestCredentials;
  readonly redirect: RequestRedirect;
  readonly signal: AbortSignal;
  /** Hand over a successful answer's body as it arrives, instead of as JSON. */
  readonly stream?: boolean | undefined;
  /** Go through with it when the page closes. */
  readonly keepalive?: boolean | undefined;
}

export interface TransportReply {
  readonly status: number;
  readonly headers: Headers;
  /** The decoded body; `undefined` when there is none or it is not JSON. */
  readonly json: unknown;
  /** The body, for a successful `stream` request. */
  readonly stream: ReadableStream<Uint8Array> | null | undefined;
}

/** What a transport stands on: the global `fetch`, or what behaves like it. */
export type Fetch = (url: string, init: RequestInit) => Promise<Response>;

/**
 * The transport over ofetch, which is loaded when it is first needed: what a page reads first goes through plain
 * `fetch`, unless that fails. Every answer resolves, whatever its status.
 *
 * @throws NetworkError when there is none; the signal's reason when it aborted
 */
export function createTransport(fetchImplementation: Fetch = globalFetch): Transport {
  let full: Promise<Fetch> | undefined;

  const load = (): Promise<Fetch> =>
    (full ??= loadBackground().then(
      ({ overOfetch }) => overOfetch(fetchImplementation),
      (error: unknown) => {
        full = undefined;
        throw error;
      },
    ));

  return async (request) => {
    const isRead = request.method === 'GET' && request.stream !== true;
    if (full !== undefined || !isRead) return exchange(await abortable(load(), request.signal), request);
    let reply: TransportReply | undefined;
    try {
      reply = await exchange(fetchImplementation, request);
      return reply;
    } finally {
      // What comes next may be a retry.
      if (reply?.status !== 200) load().catch(() => undefined);
    }
  };
}

/** Looked up at each call: pages and tests replace it. */
export const globalFetch: Fetch = (url, init) => globalThis.fetch(url, init);

/** One exchange over that. Every answer resolves; what throws is as `createTransport` says. */
export async function exchange(send: Fetch, request: TransportRequest): Promise<TransportReply> {
  const { url, stream, ...init } = request;
  try {
    const response = await send(url, { ...init, cache: 'no-store' } as RequestInit);
    const { status, headers } = response;
    return stream === true && response.ok
      ? { status, headers, json: undefined, stream: response.body }
      : { status, headers, json: parseJson(await response.text()), stream: undefined };
  } catch (cause) {
    if (init.signal.aborted) throw init.signal.reason as Error;
    throw new NetworkError(`No answer from ${url.split('?', 1)[0] ?? url}.`, { cause });
  }
}

/**
 * Loads what comes after what a page reads first.
 *
 * @throws NetworkError
 */
export async function loadBackground(): Promise<typeof Background> {
  try {
    return await import('./background.ts');
  } catch (cause) {
    throw new NetworkError('A part of the client could not be loaded.', { cause });
  }
}

/** Strict, unlike ofetch's own reading: a login page is not an answer. */
function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
