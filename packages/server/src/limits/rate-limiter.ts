/**
 * Token buckets, one for each caller: so many requests at once, and so many a second in the long run. In this process:
 * of several, each has its own.
 */
export interface RateLimiter {
  readonly policy: RatePolicy;
  /** Takes one, if there is one left. */
  readonly take: (caller: string) => Allowance;
  /** Whether there is one left, without taking it. */
  readonly has: (caller: string) => boolean;
}

export interface RatePolicy {
  /** What replies call it. */
  readonly name: string;
  readonly perSecond: number;
  readonly atOnce: number;
}

/** What became of a request, and of its caller's bucket. */
export interface Allowance {
  readonly granted: boolean;
  readonly remaining: number;
  /** Until the bucket is full again. */
  readonly resetSeconds: number;
}

/** Callers remembered. One who is forgotten has a full bucket: an attacker with more addresses than this has them all. */
export const CALLERS_MAX = 10_000;

export function rateLimiter(policy: RatePolicy, clock: () => number): RateLimiter {
  const { perSecond, atOnce } = policy;
  /** Those who asked last come last. */
  const callers = new Map<string, { taken: number; since: number }>();

  function takenBy(caller: string, now: number): number {
    const known = callers.get(caller);
    if (known === undefined) return 0;
    // A clock that has stepped back gives nothing and takes nothing.
    const returned = (Math.max(0, now - known.since) / 1000) * perSecond;
    return Math.max(0, known.taken - returned);
  }

  return {
    policy,
    take(caller) {
      const now = clock();
      const before = takenBy(caller, now);
      const granted = before + 1 <= atOnce;
      const taken = granted ? before + 1 : before;
      callers.delete(caller);
      const [oldest] = callers.keys();
      if (callers.size >= CALLERS_MAX && oldest !== undefined) callers.delete(oldest);
      callers.set(caller, { taken, since: now });
      return {
        granted,
        remaining: Math.floor(atOnce - taken),
        resetSeconds: Math.ceil(taken / perSecond),
      };
    },
    has: (caller) => takenBy(caller, clock()) + 1 <= atOnce,
  };
}

/** What replies say of a limit, as in draft-ietf-httpapi-ratelimit-headers-11. */
export function rateLimitFields(
  { name, perSecond, atOnce }: RatePolicy,
  { remaining, resetSeconds }: Allowance,
): Record<string, string> {
  return {
    'RateLimit-Policy': `"${name}";q=${atOnce};w=${Math.ceil(atOnce / perSecond)}`,
    RateLimit: `"${name}";r=${remaining};t=${resetSeconds}`,
  };
}
