import { createFetch, FetchError } from 'ofetch';
import { exchange, globalFetch, type Fetch, type Transport } from './transport.ts';

/** ofetch in place of `fetch`, over `fetchImplementation`. It leaves status, body and retries to who calls it. */
export function overOfetch(fetchImplementation: Fetch): Fetch {
  const $fetch = createFetch({ fetch: fetchImplementation as typeof fetch });
  return (url, init) =>
    $fetch
      .raw(url, { ...init, retry: false, ignoreResponseError: true, responseType: 'stream' })
      .catch((error: unknown) => {
        throw error instanceof FetchError ? error.cause : error;
      });
}

/** The transport over ofetch, for where that is at hand from the start: see `createTransport`. */
export function createOfetchTransport(): Transport {
  const send = overOfetch(globalFetch);
  return (request) => exchange(send, request);
}
