import type { UsageMetric, UsageSnapshot } from './types.ts';

/** Shows the present snapshot to any number of listeners, and tells them of changes once per microtask. */
export class Board {
  #snapshot: UsageSnapshot;
  /** The snapshot that listeners were told of last. */
  #told: UsageSnapshot;
  readonly #listeners = new Set<{ readonly call: () => void; readonly featureKey: string | undefined }>();
  #scheduled = false;

  constructor(snapshot: UsageSnapshot) {
    this.#snapshot = Object.freeze(snapshot);
    this.#told = this.#snapshot;
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

  /** Adds a listener, of everything or of one feature. Returns the way out. */
  listen(call: () => void, featureKey: string | undefined): () => void {
    const listener = { call, featureKey };
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  #notify(): void {
    this.#scheduled = false;
    const [before, after] = [this.#told, this.#snapshot];
    this.#told = after;
    for (const listener of [...this.#listeners]) {
      const { featureKey } = listener;
      if (!this.#listeners.has(listener)) continue;
      if (featureKey !== undefined && rowOf(before, featureKey) === rowOf(after, featureKey)) continue;
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

function rowOf({ metrics }: UsageSnapshot, featureKey: string): UsageMetric | undefined {
  return metrics.find((row) => row.feature_key === featureKey);
}
