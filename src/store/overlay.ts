import { rowWithConsumed } from './rows.ts';
import type { UsageMetric } from './types.ts';

/**
 * What is shown ahead of the server. Confirmed rows are never changed by it; per feature it keeps a floor, the least
 * that is shown while events are under way. A floor and not a sum, because a row that arrives before the answer may
 * or may not include the event: adding it again would count it twice on the screen, and then go backwards.
 */
export interface Overlay {
  /** Shows an event at once, on top of `row` and of what is shown already. Once per key. */
  begin(row: UsageMetric, idempotencyKey: string, quantity: number): void;
  /** The event's outcome is known. A refused one is taken back. */
  settle(featureKey: string, idempotencyKey: string, recorded: boolean): void;
  /** The row as it is to be shown. */
  show(row: UsageMetric): UsageMetric;
  /** Forgets everything: another customer's rows are coming. */
  clear(): void;
}

/** The events under way on one counter. */
interface Ahead {
  readonly periodStart: string;
  readonly quantities: Map<string, number>;
  floor: number;
}

export function createOverlay(): Overlay {
  const features = new Map<string, Ahead>();

  function aheadOf(row: UsageMetric): Ahead | undefined {
    const ahead = features.get(row.feature_key);
    if (ahead === undefined || ahead.periodStart === row.period_start) return ahead;
    // A new period counts from its own start; what was under way belongs to no known row of it.
    features.delete(row.feature_key);
    return undefined;
  }

  function show(row: UsageMetric): UsageMetric {
    const ahead = aheadOf(row);
    return ahead === undefined || ahead.floor <= row.consumed ? row : rowWithConsumed(row, ahead.floor);
  }

  return {
    begin(row, idempotencyKey, quantity) {
      const ahead = aheadOf(row) ?? { periodStart: row.period_start, quantities: new Map(), floor: 0 };
      const floor = show(row).consumed + quantity;
      // What the known limit rules out is left to the server's verdict: an alarm that is taken back is worse.
      if (ahead.quantities.has(idempotencyKey) || (floor > row.limit && !row.overage_allowed)) return;
      ahead.quantities.set(idempotencyKey, quantity);
      ahead.floor = floor;
      features.set(row.feature_key, ahead);
    },
    settle(featureKey, idempotencyKey, recorded) {
      const ahead = features.get(featureKey);
      const quantity = ahead?.quantities.get(idempotencyKey);
      if (ahead === undefined || quantity === undefined) return;
      ahead.quantities.delete(idempotencyKey);
      if (!recorded) ahead.floor -= quantity;
      if (ahead.quantities.size === 0) features.delete(featureKey);
    },
    show,
    clear: () => features.clear(),
  };
}
