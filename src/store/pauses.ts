import { sleep, type Clock } from '../client/clock.ts';
import { backoffMs } from '../client/retry.ts';

/** The longest wait before the first repetition; each further one may be twice as long. */
export const OUTBOX_BACKOFF_BASE_MS = 1_000;
/** No wait between two repetitions is longer, unless the server asks for more. */
export const OUTBOX_BACKOFF_CAP_MS = 60_000;

/** A server that asks for more is asked again after this long all the same. */
export const ASKED_PAUSE_MAX_MS = 3_600_000;

/** The waits before events are sent again. They end early when the line may be back, but never before the server says. */
export class Pauses {
  readonly #clock: Clock;
  readonly #random: () => number;
  readonly #closing: AbortSignal;
  readonly #underWay = new Set<AbortController>();
  #notBeforeMs = 0;

  /** @param closing ends all waits, and those to come */
  constructor({ clock, random }: { clock: Clock; random: () => number }, closing: AbortSignal) {
    this.#clock = clock;
    this.#random = random;
    this.#closing = closing;
  }

  /** The server asks to be left alone for so long. */
  ask(retryAfterSeconds: number): void {
    this.#notBeforeMs = this.#clock.now() + Math.min(retryAfterSeconds * 1_000, ASKED_PAUSE_MAX_MS);
  }

  /** Waits before the repetition that follows so many failures. */
  async wait(failures: number, lost?: AbortSignal): Promise<void> {
    const backoff = backoffMs(failures - 1, this.#random, OUTBOX_BACKOFF_BASE_MS, OUTBOX_BACKOFF_CAP_MS);
    const delayMs = Math.max(backoff, this.#notBeforeMs - this.#clock.now());
    const pause = new AbortController();
    this.#underWay.add(pause);
    const ends = [pause.signal, this.#closing, ...(lost === undefined ? [] : [lost])];
    await sleep(delayMs, this.#clock, AbortSignal.any(ends)).catch(() => undefined);
    this.#underWay.delete(pause);
  }

  /** The line or the session may be back. */
  wake(): void {
    if (this.#clock.now() < this.#notBeforeMs) return;
    for (const pause of this.#underWay) pause.abort();
  }
}
