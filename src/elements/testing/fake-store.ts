import type { CheckReply, NudgeTrigger } from '../../client/wire.ts';
import type { TrackUsageResult, UsageMetric, UsageSnapshot, UsageStore } from '../../store/types.ts';

/** A store in memory whose pictures the test paints. */
export class FakeStore implements UsageStore {
  /** Nudges that were dismissed through it, with what was asked. */
  readonly dismissed: { id: string; snoozeSeconds?: number }[] = [];
  refetches = 0;
  closed = false;
  readonly #listeners = new Set<() => void>();
  #snapshot: UsageSnapshot;

  constructor(picture: Partial<UsageSnapshot> = {}) {
    this.#snapshot = snapshotOf(picture);
  }

  get subscribers(): number {
    return this.#listeners.size;
  }

  /** Shows another picture to everybody. */
  set(picture: Partial<UsageSnapshot>): void {
    this.#snapshot = snapshotOf({ ...this.#snapshot, ...picture });
    for (const listener of this.#listeners) listener();
  }

  subscribe(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  getSnapshot(): UsageSnapshot {
    return this.#snapshot;
  }

  feature(key: string): UsageMetric | undefined {
    return this.#snapshot.metrics.find((metric) => metric.feature_key === key);
  }

  checkFeature(): Promise<CheckReply> {
    return Promise.reject(new Error('not used by the elements'));
  }

  trackUsage(): Promise<TrackUsageResult> {
    return Promise.resolve({ status: 'queued', idempotencyKey: 'key' });
  }

  dismissNudge(id: string, options: { snoozeSeconds?: number } = {}): Promise<void> {
    this.dismissed.push({ id, ...options });
    this.set({ nudges: this.#snapshot.nudges.filter((nudge) => nudge.id !== id) });
    return Promise.resolve();
  }

  refetch(): Promise<void> {
    this.refetches += 1;
    return Promise.resolve();
  }

  close(): void {
    this.closed = true;
  }
}

/** A picture: ready, live and fresh unless said otherwise. */
export function snapshotOf(picture: Partial<UsageSnapshot> = {}): UsageSnapshot {
  return Object.freeze({
    status: 'ready',
    fetchStatus: 'idle',
    metrics: [],
    nudges: [],
    live: true,
    stale: false,
    asOf: '2026-02-03T14:02:00.000Z',
    error: null,
    ...picture,
  });
}

/** A metric, 842 of 1,000 API calls unless said otherwise; what follows from the figures is derived. */
export function metricOf(given: Partial<UsageMetric> = {}): UsageMetric {
  const consumed = given.consumed ?? 842;
  const limit = given.limit ?? 1000;
  const ratio = limit === Infinity ? 0 : limit === 0 ? 1 : consumed / limit;
  const status = ratio >= 1 ? 'exceeded' : ratio >= 0.95 ? 'critical' : ratio >= 0.8 ? 'warning' : 'ok';
  return {
    feature_key: 'api_calls',
    feature_title: 'API calls',
    product_name: 'Starter',
    consumed,
    limit,
    remaining: Math.max(0, limit - consumed),
    percentage_used: Math.floor(ratio * 100),
    period_start: '2026-02-01T00:00:00.000Z',
    period_end: '2026-02-12T14:02:00.000Z',
    resets_in_days: 9,
    feature_type: 'usage_quota',
    unit: 'call',
    decimals: 0,
    overage: Math.max(0, consumed - limit),
    overage_allowed: false,
    warn_at: 80,
    status: limit === Infinity ? 'unlimited' : status,
    sequence: 842,
    revision: 3,
    as_of: '2026-02-03T14:02:00.000Z',
    ...given,
  };
}

/** A nudge of the server about API calls at 80 %. */
export function nudgeOf(given: Partial<NudgeTrigger> = {}): NudgeTrigger {
  return {
    id: 'nudge_1',
    type: 'usage_threshold',
    feature: 'api_calls',
    threshold: 80,
    actual: 84.2,
    severity: 'warning',
    message: { title: 'From the server', body: 'Its body', cta: 'Its button' },
    resets_at: '2026-03-01T12:00:00.000Z',
    suggestedPlan: {
      id: 'pro',
      priceId: 'price_pro_month',
      name: 'Pro',
      price: { amount: 4900, currency: 'usd', interval: 'month' },
      highlights: [],
      limits: [
        { feature: 'api_calls', title: 'API calls', from: 1000, to: 10000 },
        { feature: 'storage_gb', title: 'Storage', from: 10, to: 100 },
        { feature: 'team_members', title: 'Team members', from: 5, to: 25 },
      ],
    },
    ...given,
  };
}
