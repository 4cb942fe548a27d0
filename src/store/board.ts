import type { UsageSnapshot } from './types.ts';

/** Shows the present snapshot to any number of listeners, and tells them of changes once per microtask. */
export class Board {
  #snapshot: UsageSnapshot;
  readonly #listeners = new Set<{ readonly call: () => void }>();
  #scheduled = false;

  constructor(snapshot: UsageSnapshot) {
    this.#snapshot = Object.freeze(snapshot);
  }

  get snapshot(): UsageSnapshot {
    return this.#snapshot;
  }

  get hasListeners(): boolean {
    return this.#listeners.size > 0;
  }

  /** Puts up the next snapshot. When nothing in it is new, the present one stays. */
  show(next: UsageSnapshot): void {
    const names = Object.keys(next) as (keyof UsageSnapshot)[];
    if (names.every((name) => Object.is(next[name], this.#snapshot[name]))) return;
    this.#snapshot = Object.freeze(next);
    if (this.#scheduled) return;
    this.#scheduled = true;
    queueMicrotask(() => this.#notify());
  }

  /** Adds a listener. Returns the way out. */
  listen(call: () => void): () => void {
    const listener = { call };
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  #notify(): void {
    this.#scheduled = false;
    for (const listener of [...this.#listeners]) {
      if (!this.#listeners.has(listener)) continue;
      try {
        listener.call();
      } catch (error) {
        // One listener's bug must not keep the news from the others, nor stay hidden.
        queueMicrotask(() => {
          throw error;
        });
      }
    }
  }
}
