import { randomUUID } from 'node:crypto';
import { setTimeout as pause } from 'node:timers/promises';
import { UNLIMITED, type Target } from './load.ts';

const EVERY_MS = 20;

/** A client that looks at nothing but how it is answered. */
export interface Probe {
  /** @returns what it met that was neither 201 nor a 503 which says when to come back. */
  end(): Promise<string[]>;
  /** How many times it was answered 503. */
  readonly turnedAway: number;
}

/** Sends one event after the other, each to the next server, until it is over. */
export function probe({ nextUrl, secretKey }: Target): Probe {
  const surprises: string[] = [];
  let turnedAway = 0;
  const over = new AbortController();
  const probing = (async () => {
    while (!over.signal.aborted) {
      const reply = await send(nextUrl(), secretKey).catch((error: unknown) => String(error));
      if (typeof reply === 'string') surprises.push(reply);
      else if (reply.status === 503 && reply.headers.has('retry-after')) turnedAway += 1;
      else if (reply.status !== 201) surprises.push(`${reply.status} ${await reply.text()}`);
      await pause(EVERY_MS);
    }
  })();
  return {
    async end() {
      over.abort();
      await probing;
      return surprises;
    },
    get turnedAway() {
      return turnedAway;
    },
  };
}

function send(url: string, secretKey: string): Promise<Response> {
  return fetch(`${url}/v1/usage/track`, {
    method: 'POST',
    headers: { Authorization: `Bearer ${secretKey}`, 'Content-Type': 'application/json' },
    body: JSON.stringify({
      customer_id: 'probe',
      feature_key: UNLIMITED.feature,
      quantity: 1,
      idempotency_key: randomUUID(),
    }),
  });
}
