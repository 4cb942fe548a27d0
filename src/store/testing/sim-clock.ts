import type { Clock } from '../../client/clock.ts';

/** A clock for simulations: like the manual one, for many timers and many runs. */
export class SimClock implements Clock {
  readonly #turns: number;
  #nowMs = Date.parse('2026-02-03T00:00:00.000Z');
  /** By due time, then in the order in which they were scheduled. */
  readonly #timers: { readonly dueMs: number; readonly callback: () => void }[] = [];

  /** @param turns of the event loop that what follows from a timer may take before the next one is due. */
  constructor(turns = 1) {
    this.#turns = turns;
  }

  now(): number {
    return this.#nowMs;
  }

  schedule(callback: () => void, delayMs: number): () => void {
    const timer = { dueMs: this.#nowMs + delayMs, callback };
    let place = this.#timers.length;
    while (place > 0 && (this.#timers[place - 1]?.dueMs ?? 0) > timer.dueMs) place -= 1;
    this.#timers.splice(place, 0, timer);
    return () => {
      const found = this.#timers.indexOf(timer);
      if (found >= 0) this.#timers.splice(found, 1);
    };
  }

  async advance(delayMs: number): Promise<void> {
    const endMs = this.#nowMs + delayMs;
    await this.#untilQuiet();
    for (;;) {
      const [timer] = this.#timers;
      if (timer === undefined || timer.dueMs > endMs) break;
      this.#timers.shift();
      this.#nowMs = Math.max(this.#nowMs, timer.dueMs);
      timer.callback();
      await this.#untilQuiet();
    }
    this.#nowMs = endMs;
  }

  /** Resolves when no promise has anything left to do. */
  async #untilQuiet(): Promise<void> {
    for (let turn = 0; turn < this.#turns; turn += 1) await new Promise((resolve) => setImmediate(resolve));
  }
}
