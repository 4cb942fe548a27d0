/** Timers and the clock in the test's hands, until `restore`. */
export class FakeTime {
  readonly #real = {
    setTimeout: globalThis.setTimeout,
    clearTimeout: globalThis.clearTimeout,
    now: Date.now,
  };
  readonly #timers = new Map<number, { at: number; run: () => void }>();
  #now = 1_000_000;
  #id = 0;

  constructor() {
    const set = (run: () => void, delayMs = 0): number => {
      this.#id += 1;
      this.#timers.set(this.#id, { at: this.#now + delayMs, run });
      return this.#id;
    };
    globalThis.setTimeout = set as unknown as typeof globalThis.setTimeout;
    globalThis.clearTimeout = (id) => this.#timers.delete(Number(id));
    Date.now = () => this.#now;
  }

  /** Timers that are waiting. */
  get pending(): number {
    return this.#timers.size;
  }

  /** Runs everything due within the next `ms` milliseconds. */
  pass(ms: number): void {
    this.#now += ms;
    for (const [id, timer] of [...this.#timers]) {
      if (timer.at <= this.#now && this.#timers.delete(id)) timer.run();
    }
  }

  restore(): void {
    globalThis.setTimeout = this.#real.setTimeout;
    globalThis.clearTimeout = this.#real.clearTimeout;
    Date.now = this.#real.now;
  }
}
