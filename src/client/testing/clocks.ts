/** Clocks for tests: time passes when the test says so, and nobody waits. */
import type { Clock } from '../clock.ts';

/** Stands still until it is advanced. */
export class ManualClock implements Clock {
  #nowMs: number;
  readonly #timers = new Set<{ readonly dueMs: number; readonly callback: () => void }>();

  constructor(nowMs = Date.parse('2026-02-03T00:00:00.000Z')) {
    this.#nowMs = nowMs;
  }

  get timerCount(): number {
    return this.#timers.size;
  }

  now(): number {
    return this.#nowMs;
  }

  schedule(callback: () => void, delayMs: number): () => void {
    const timer = { dueMs: this.#nowMs + delayMs, callback };
    this.#timers.add(timer);
    return () => this.#timers.delete(timer);
  }

  /** Lets time pass: everything due runs in order, and what follows from it has happened on return. */
  async advance(delayMs: number): Promise<void> {
    const endMs = this.#nowMs + delayMs;
    for (;;) {
      await settled();
      const due = [...this.#timers]
        .filter((timer) => timer.dueMs <= endMs)
        .sort((a, b) => a.dueMs - b.dueMs)[0];
      if (due === undefined) break;
      this.#timers.delete(due);
      this.#nowMs = Math.max(this.#nowMs, due.dueMs);
      due.callback();
    }
    this.#nowMs = endMs;
  }
}

/** Skips every wait shorter than `longMs`, and remembers it. Longer ones, the deadlines, never end. */
export class SkippingClock implements Clock {
  readonly waitsMs: number[] = [];
  readonly #longMs: number;
  #nowMs = Date.parse('2026-02-03T00:00:00.000Z');

  constructor(longMs = 100_000) {
    this.#longMs = longMs;
  }

  now(): number {
    return this.#nowMs;
  }

  schedule(callback: () => void, delayMs: number): () => void {
    if (delayMs >= this.#longMs) return () => undefined;
    this.waitsMs.push(delayMs);
    const timer = setImmediate(() => {
      this.#nowMs += delayMs;
      callback();
    });
    return () => clearImmediate(timer);
  }
}

/** Resolves when everything that needs no time and no network has happened. */
export async function settled(): Promise<void> {
  for (let turn = 0; turn < 3; turn += 1) await new Promise((resolve) => setImmediate(resolve));
}

/** Resolves as soon as the condition holds, for what comes over a real socket. */
export async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await new Promise((resolve) => setImmediate(resolve));
}
