import { createFetch, FetchError } from 'ofetch';
import { noAnswer, parseJson, type Transport } from './transport.ts';

/**
 * The transport over ofetch, or over `fetchImplementation` beneath it. Every answer resolves, whatever its status.
 *
 * @throws NetworkError when there is none; the signal's reason when it aborted
 */
export function createOfetchTransport(fetchImplementation?: typeof fetch): Transport {
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
      throw noAnswer(request, error instanceof FetchError ? error.cause : error);
    }
  };
}
