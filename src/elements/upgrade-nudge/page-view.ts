import type { Trigger } from '../events.ts';

/** Nudges put away while this page is open. */
const PUT_AWAY_MAX = 200;

/** What makes two triggers the same one: the `id`, else type, feature and threshold. */
export function keyOf(trigger: Trigger): string {
  const { id, type, feature, threshold } = trigger;
  return id === undefined || id === '' ? JSON.stringify([type, feature, threshold]) : id;
}

/** What the nudges of one page agree on, for as long as the page is open. */
export class PageView {
  readonly #owners = new Map<string, object>();
  readonly #putAway = new Set<string>();

  /** Whether somebody put a nudge away: no other opens by itself after that. */
  get isQuiet(): boolean {
    return this.#putAway.size > 0;
  }

  wasPutAway(key: string): boolean {
    return this.#putAway.has(key);
  }

  putAway(key: string): void {
    if (this.#putAway.size < PUT_AWAY_MAX) this.#putAway.add(key);
  }

  /** Whether another nudge shows this trigger already. */
  isTaken(key: string, by: object): boolean {
    const owner = this.#owners.get(key);
    return owner !== undefined && owner !== by;
  }

  take(key: string, owner: object): void {
    this.#owners.set(key, owner);
  }

  release(owner: object): void {
    for (const [key, holder] of this.#owners) if (holder === owner) this.#owners.delete(key);
  }

  /** As if the page were opened anew. */
  reset(): void {
    this.#owners.clear();
    this.#putAway.clear();
  }
}

export const pageView = new PageView();
