import { setTimeout as pause } from 'node:timers/promises';

/** Longer than the API itself lets anything wait. */
const REPLY_MS_MAX = 30_000;

/** How soon a request is sent again, where nothing says how long to wait. */
const RETRY_MS = 100;

export interface Reply {
  readonly status: number;
  readonly isReplay: boolean;
  /** `null` where it is no JSON. */
  readonly body: unknown;
}

/** Sends one request. `null` where nothing certain came back: no reply in time, or that there is no API at the moment. */
export type Send = (method: string, path: string, body?: object) => Promise<Reply | null>;

/** 503 is the API's own word; the others are those of a proxy before it. */
const UNCERTAIN = [502, 503, 504];

/**
 * Requests to a usage API. Told to slow down, they wait and are sent again: nothing came of the first.
 * @param urlOf where the next request goes: one of several processes, where there are several.
 */
export function usageApi(urlOf: () => string, secretKey: string): Send {
  const headers = { Authorization: `Bearer ${secretKey}`, 'Content-Type': 'application/json' };
  return async (method, path, body) => {
    const init = { method, headers, body: body === undefined ? null : JSON.stringify(body) };
    try {
      for (;;) {
        const signal = AbortSignal.timeout(REPLY_MS_MAX);
        // A redirect would carry the request to a host that nobody named.
        const response = await fetch(urlOf() + path, { ...init, redirect: 'error', signal });
        const text = await response.text();
        const { status } = response;
        if (UNCERTAIN.includes(status)) return null;
        const isReplay = response.headers.get('Idempotent-Replayed') === 'true';
        if (status !== 429) return { status, isReplay, body: parse(text) };
        await pause(Number(response.headers.get('Retry-After')) * 1_000 || RETRY_MS);
      }
    } catch {
      return null;
    }
  };
}

/** Sends again what came to nothing certain, for as long as `isPatient` says. */
export async function untilCertain<T>(
  send: () => Promise<T>,
  isCertain: (result: T) => boolean,
  isPatient: () => boolean,
): Promise<T> {
  for (;;) {
    const result = await send();
    if (isCertain(result) || !isPatient()) return result;
    await pause(RETRY_MS);
  }
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return null;
  }
}
