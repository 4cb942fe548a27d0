/** Time as an argument: what waits or expires asks this, so that tests decide when time passes. */
export interface Clock {
  /** Milliseconds since the epoch. */
  now(): number;
  /** Calls `callback` once, `delayMs` from now. Returns the way to cancel it. */
  schedule(callback: () => void, delayMs: number): () => void;
}

/** The longest delay that timers keep; they take a longer one for none at all. */
export const TIMER_DELAY_MAX_MS = 2 ** 31 - 1;

/** The clock of the machine. A delay that is longer than timers keep is cut to that. */
export const systemClock: Clock = {
  now: () => Date.now(),
  schedule(callback, delayMs) {
    const timer = setTimeout(callback, Math.min(delayMs, TIMER_DELAY_MAX_MS));
    return () => clearTimeout(timer);
  },
};

/** Resolves after `delayMs`; rejects with the signal's reason as soon as it aborts. */
export function sleep(delayMs: number, clock: Clock, signal?: AbortSignal): Promise<void> {
  let cancel: () => void;
  const elapsed = new Promise<void>((resolve) => {
    cancel = clock.schedule(resolve, delayMs);
  });
  return abortable(elapsed, signal).finally(() => cancel());
}

/** The promise, unless the signal aborts first. What the promise stands for is not stopped. */
export function abortable<T>(promise: Promise<T>, signal?: AbortSignal): Promise<T> {
  if (signal === undefined) return promise;
  return new Promise((resolve, reject) => {
    const onAbort = () => reject(signal.reason as Error);
    if (signal.aborted) onAbort();
    signal.addEventListener('abort', onAbort, { once: true });
    void promise.then(resolve, reject).finally(() => signal.removeEventListener('abort', onAbort));
  });
}
