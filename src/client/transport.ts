import { createFetch, FetchError } from 'ofetch';
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
  readonly stream: ReadableStream<Uint8Array> | undefined;
}

/**
 * The transport over ofetch, or over `fetchImplementation` beneath it. Every answer resolves, whatever its status.
 *
 * @throws NetworkError when there is none; the signal's reason when it aborted
 */
export function createTransport(fetchImplementation?: typeof fetch): Transport {
  // Looked up at each call: pages and tests replace the global one after this.
  const $fetch = createFetch({
    fetch: fetchImplementation ?? ((input, init) => globalThis.fetch(input, init)),
  });

  return async (request) => {
    const { url, stream = false, keepalive = false, body, ...rest } = request;
    const options = {
      ...rest,
      ...(keepalive ? { keepalive } : {}),
      ...(body === undefined ? {} : { body }),
      retry: false,
      ignoreResponseError: true,
      cache: 'no-store',
    } as const;
    try {
      if (!stream) {
        const response = await $fetch.raw<unknown>(url, { ...options, parseResponse: parseJson });
        return {
          status: response.status,
          headers: response.headers,
          json: response._data,
          stream: undefined,
        };
      }
      const response = await $fetch.raw(url, { ...options, responseType: 'stream' });
      const { status, headers } = response;
      return response.ok
        ? { status, headers, json: undefined, stream: response.body ?? undefined }
        : { status, headers, json: parseJson(await response.text()), stream: undefined };
    } catch (error) {
      if (request.signal.aborted) throw request.signal.reason as Error;
      const cause = error instanceof FetchError ? error.cause : error;
      throw new NetworkError(`No answer from ${withoutQuery(url)}.`, { cause });
    }
  };
}

/** Strict, unlike ofetch's own reading: a login page is not an answer. */
function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function withoutQuery(url: string): string {
  return url.split('?', 1)[0] ?? url;
}
