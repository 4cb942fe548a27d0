import type * as Background from './background.ts';
import { abortable } from './clock.ts';
import { isRetryableStatus, NetworkError } from './errors.ts';

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
  readonly stream: ReadableStream<Uint8Array> | undefined;
}

/**
 * The transport over ofetch, which is loaded when it is first needed: what a page reads first goes through plain
 * `fetch`, unless that fails. Every answer resolves, whatever its status.
 *
 * @throws NetworkError when there is none; the signal's reason when it aborted
 */
export function createTransport(fetchImplementation?: typeof fetch): Transport {
  let full: Promise<Transport> | undefined;

  const load = (): Promise<Transport> =>
    (full ??= loadBackground().then(
      ({ createOfetchTransport }) => createOfetchTransport(fetchImplementation),
      (error: unknown) => {
        full = undefined;
        throw error;
      },
    ));

  return async (request) => {
    const isRead = request.method === 'GET' && request.stream !== true;
    if (full !== undefined || !isRead) return (await abortable(load(), request.signal))(request);
    let reply: TransportReply | undefined;
    try {
      reply = await read(request, fetchImplementation);
      return reply;
    } finally {
      // It will be tried again, through that.
      if (reply === undefined || isRetryableStatus(reply.status)) load().catch(() => undefined);
    }
  };
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

async function read(request: TransportRequest, fetchImplementation = fetch): Promise<TransportReply> {
  const { url, method, headers, credentials, redirect, signal } = request;
  try {
    const init = { method, headers, credentials, redirect, signal, cache: 'no-store' } as const;
    const response = await fetchImplementation(url, init);
    const json = parseJson(await response.text());
    return { status: response.status, headers: response.headers, json, stream: undefined };
  } catch (error) {
    throw noAnswer(request, error);
  }
}

/** Strict, unlike ofetch's own reading: a login page is not an answer. */
export function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** What became of a request without an answer: the reason of its signal, or a `NetworkError`. */
export function noAnswer({ url, signal }: TransportRequest, cause: unknown): Error {
  if (signal.aborted) return signal.reason as Error;
  return new NetworkError(`No answer from ${url.split('?', 1)[0] ?? url}.`, { cause });
}
