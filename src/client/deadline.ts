import type { Clock } from './clock.ts';
import { TimeoutError } from './errors.ts';

/** A signal that aborts when the caller's does, or with a `TimeoutError` when time is up. */
export interface Deadline {
  readonly signal: AbortSignal;
  /** Stops the time, and keeps following the caller's signal: an answer has begun. */
  disarm(): void;
  /** Lets go of timer and caller's signal. Every deadline ends with this. */
  release(): void;
}

/**
 * Starts a deadline. It stands in for `AbortSignal.any` with `AbortSignal.timeout`, which know no injected clock.
 *
 * @param timeoutMs how long the exchange may take, in milliseconds
 * @param what the exchange, for the error's message
 */
export function startDeadline(
  timeoutMs: number,
  what: string,
  clock: Clock,
  caller: AbortSignal | undefined,
): Deadline {
  const controller = new AbortController();
  const follow = () => controller.abort(caller?.reason);
  const disarm = clock.schedule(() => {
    controller.abort(new TimeoutError(`${what} took longer than ${timeoutMs} ms.`));
  }, timeoutMs);

  if (caller?.aborted === true) follow();
  caller?.addEventListener('abort', follow, { once: true });

  return {
    signal: controller.signal,
    disarm,
    release() {
      disarm();
      caller?.removeEventListener('abort', follow);
    },
  };
}
