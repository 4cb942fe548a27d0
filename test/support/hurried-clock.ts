import type { ClientInternals } from '@billingos/sdk/client';

type Clock = NonNullable<ClientInternals['clock']>;

/** The machine's clock for requests, which may take `timeoutMs`; every other wait is over at once. */
export class HurriedClock implements Clock {
  readonly #timeoutMs: number;
  /** Waits that were skipped. */
  skipped = 0;

  constructor(timeoutMs: number) {
    this.#timeoutMs = timeoutMs;
  }

  now(): number {
    return Date.now();
  }

  schedule(callback: () => void, delayMs: number): () => void {
    const isDeadline = delayMs === this.#timeoutMs;
    if (!isDeadline) this.skipped += 1;
    const timer = setTimeout(callback, isDeadline ? delayMs : 0);
    return () => clearTimeout(timer);
  }
}
