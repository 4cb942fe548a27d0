import { rateLimiter } from '../limits/rate-limiter.ts';
import { Problem } from '../problems.ts';

/** How many streams this process keeps open, and how fast it opens them: each begins with a read of the store. */
export interface StreamCaps {
  /**
   * Takes a place, and returns the way out, to be taken once.
   * @throws Problem `rate_limited` for a tenant or token that has its share, `overloaded` when there is no place at all
   */
  readonly admit: (tenantId: string, tokenId: string | null) => () => void;
}

/** Half of the connections that the server takes, so that requests always find one. */
export const STREAMS_MAX = 5_000;
/** A page's tabs share one; a few more are lines that nobody has noticed to be dead. */
export const STREAMS_PER_TOKEN_MAX = 10;
const OPENED_PER_SECOND = 200;
/** What one tenant may have of either: the rest is for the others. */
const TENANT_SHARE = 0.8;

const ALL = '';

export function streamCaps(clock: () => number): StreamCaps {
  const open = new Map<string, number>();
  const opening = (name: string, perSecond: number) =>
    rateLimiter({ name, perSecond, atOnce: perSecond }, clock);
  const openings = opening('streams', OPENED_PER_SECOND);
  const tenantOpenings = opening('streams-of-tenant', OPENED_PER_SECOND * TENANT_SHARE);

  const isFull = (place: string, max: number): boolean => (open.get(place) ?? 0) >= max;
  function count(place: string, step: 1 | -1): void {
    const left = (open.get(place) ?? 0) + step;
    if (left === 0) open.delete(place);
    else open.set(place, left);
  }

  return {
    admit(tenantId, tokenId) {
      const token = tokenId === null ? null : `${tenantId}\n${tokenId}`;
      if (token !== null && isFull(token, STREAMS_PER_TOKEN_MAX)) {
        throw new Problem(
          'rate_limited',
          `This session has ${STREAMS_PER_TOKEN_MAX} streams open; close one, or share it between tabs.`,
        );
      }
      if (isFull(tenantId, STREAMS_MAX * TENANT_SHARE) || !tenantOpenings.take(tenantId).granted) {
        throw new Problem('rate_limited', 'Too many streams are open or being opened; connect again later.');
      }
      if (isFull(ALL, STREAMS_MAX) || !openings.take(ALL).granted) {
        throw new Problem(
          'overloaded',
          'This server has no room for another stream now; connect again later.',
        );
      }
      const places = [ALL, tenantId, ...(token === null ? [] : [token])];
      for (const place of places) count(place, 1);
      return () => {
        for (const place of places) count(place, -1);
      };
    },
  };
}
