/** The longest delay `setTimeout` keeps, in milliseconds; a longer one would fire at once. */
const DELAY_MAX_MS = 2 ** 31 - 1;

/** Why a countdown stands still. */
export type Hold = 'pointer' | 'focus' | 'hidden';

/** A timer that stands still while somebody holds it. */
export class Countdown {
  readonly #onEnd: () => void;
  readonly #holds = new Set<Hold>();
  #remainingMs = 0;
  #startedAt = 0;
  #timer: ReturnType<typeof setTimeout> | undefined;

  constructor(onEnd: () => void) {
    this.#onEnd = onEnd;
  }

  /** Starts, or waits for whoever holds it already. */
  start(delayMs: number): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#remainingMs = Math.min(delayMs, DELAY_MAX_MS);
    this.#run();
  }

  stop(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#remainingMs = 0;
    this.#holds.clear();
  }

  hold(reason: Hold): void {
    this.#holds.add(reason);
    if (this.#timer === undefined) return;
    clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#remainingMs -= Date.now() - this.#startedAt;
  }

  release(reason: Hold): void {
    this.#holds.delete(reason);
    if (this.#timer === undefined && this.#remainingMs > 0) this.#run();
  }

  #run(): void {
    if (this.#holds.size > 0) return;
    this.#startedAt = Date.now();
    this.#timer = setTimeout(() => {
      this.stop();
      this.#onEnd();
    }, this.#remainingMs);
  }
}
