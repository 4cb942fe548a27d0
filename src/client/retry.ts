import { sleep, type Clock } from './clock.ts';
import { isBillingOSError } from './errors.ts';

/** The longest wait before the first retry; each further one may be twice as long. */
export const BACKOFF_BASE_MS = 500;
/** No wait of a request's own backoff is longer. */
export const BACKOFF_CAP_MS = 8_000;
/** A server that asks for a longer wait gets none: the caller is told instead of left hanging. */
export const RETRY_AFTER_MAX_MS = 60_000;

/** The retries of one call. */
export interface RetryOptions {
  /** Attempts after the first. */
  maxRetries: number;
  clock: Clock;
  /** Uniform in [0, 1). */
  random: () => number;
  signal?: AbortSignal | undefined;
}

/** Runs `attempt` until it succeeds, fails for good, or the retries are used up; rejects with the last failure. */
export async function withRetries<T>(attempt: () => Promise<T>, options: RetryOptions): Promise<T> {
  for (let retries = 0; ; retries += 1) {
    try {
      return await attempt();
    } catch (error) {
      const delayMs = retryDelayMs(error, retries, options.random);
      if (delayMs === undefined || retries >= options.maxRetries) throw error;
      await sleep(delayMs, options.clock, options.signal);
    }
  }
}

/**
 * How long to wait before retry number `retries` (from 0), in milliseconds; `undefined` when a retry cannot help.
 * The jitter comes on top of `Retry-After`, or everybody who was turned away would be back in the same instant.
 */
export function retryDelayMs(error: unknown, retries: number, random: () => number): number | undefined {
  if (!isBillingOSError(error) || !error.retryable) return undefined;
  const askedMs = (error.retryAfter ?? 0) * 1_000;
  if (askedMs > RETRY_AFTER_MAX_MS) return undefined;
  return askedMs + backoffMs(retries, random);
}

/** Exponential backoff with full jitter: uniform in [0, min(cap, base × 2^retries)), in milliseconds. */
export function backoffMs(
  retries: number,
  random: () => number,
  baseMs: number = BACKOFF_BASE_MS,
  capMs: number = BACKOFF_CAP_MS,
): number {
  return random() * Math.min(capMs, baseMs * 2 ** retries);
}

/** A `Retry-After` header, either form, as seconds from `nowMs`; `undefined` when absent or unreadable. */
export function parseRetryAfter(header: string | null, nowMs: number): number | undefined {
  if (header === null) return undefined;
  if (/^\s*\d+\s*$/.test(header)) return Number(header);
  const dateMs = Date.parse(header);
  return Number.isNaN(dateMs) ? undefined : Math.max(0, Math.ceil((dateMs - nowMs) / 1_000));
}
