import type { BillingOSError } from '../client/errors.ts';
import type { CallOptions } from '../client/client.ts';
import type { CheckReply, NudgeTrigger, TrackReply, UsageMetric as WireUsageMetric } from '../client/wire.ts';

/** A metric as everything above the client sees it: unlimited is `Infinity`, so plain arithmetic works. */
export interface UsageMetric extends Omit<WireUsageMetric, 'limit' | 'remaining'> {
  readonly limit: number;
  readonly remaining: number;
}

/** What the store knows: nothing yet, something, or only that it failed. */
export type DataStatus = 'pending' | 'ready' | 'error';

/** What the store is doing: a request is under way, nothing is, or it waits (offline, hidden, signed out). */
export type FetchStatus = 'fetching' | 'idle' | 'paused';

/** One frozen picture of a customer's usage. An unchanged feature keeps its identity from picture to picture. */
export interface UsageSnapshot {
  readonly status: DataStatus;
  readonly fetchStatus: FetchStatus;
  /** Catalog order. Empty while `status` is `pending`, and when the plan has no metered feature. */
  readonly metrics: readonly UsageMetric[];
  /** Nudges the server has for this customer, most urgent first. */
  readonly nudges: readonly NudgeTrigger[];
  /** Whether the numbers arrive live right now. */
  readonly live: boolean;
  /** The numbers are the last known ones and may be old: the line is down or the last read failed. */
  readonly stale: boolean;
  /** When the newest number was true, by the server's clock (RFC 3339). `null` before the first. */
  readonly asOf: string | null;
  /** The last failure, until a success clears it. */
  readonly error: BillingOSError | null;
}

export interface TrackUsageInput {
  featureKey: string;
  /** Any non-negative amount in the feature's own unit; fractions are ordinary. */
  quantity: number;
  /** One key per logical event. Made for you when absent. */
  idempotencyKey?: string;
  /** Up to 4 KiB of JSON, kept with the event. */
  metadata?: Record<string, unknown>;
}

export type TrackUsageResult =
  | ({ status: 'recorded'; idempotencyKey: string } & TrackReply)
  | { status: 'queued'; idempotencyKey: string };

export interface SubscribeOptions {
  /** Ends the subscription. */
  signal?: AbortSignal | undefined;
  featureKey?: string | undefined;
}

/**
 * The headless usage store: one customer's numbers, live, for any number of subscribers. Work starts with the
 * first subscriber and ends a second after the last.
 */
export interface UsageStore {
  /**
   * Calls `listener` after every change, once per batch of changes; with `featureKey` only after those of one
   * feature. Returns the way out; so does `signal`.
   */
  subscribe(listener: () => void, options?: SubscribeOptions): () => void;
  /** The present picture. The same object until something changes. */
  getSnapshot(): UsageSnapshot;
  /** One feature of the present picture, or `undefined`. */
  feature(key: string): UsageMetric | undefined;
  /** Whether the customer may use a feature, by the server's word; with `quantity`, whether that much would fit. */
  checkFeature(
    key: string,
    options?: Pick<CallOptions, 'signal'> & { quantity?: number },
  ): Promise<CheckReply>;
  /**
   * Records usage and shows it at once; undone when the server refuses. Resolves with `recorded`, or with `queued`
   * when the outcome takes longer than the store waits: the event is kept and will be sent, over reloads and offline
   * days too. Should it be refused or lost then, the snapshot's `error` says so.
   *
   * @throws the server's refusal; AuthenticationError when nobody is signed in
   */
  trackUsage(input: TrackUsageInput): Promise<TrackUsageResult>;
  /** Puts a nudge away on every device of this customer, for `snoozeSeconds` or the server's default. */
  dismissNudge(id: string, options?: { snoozeSeconds?: number }): Promise<void>;
  /** Reads everything again now. */
  refetch(): Promise<void>;
  /** Ends all work for good. */
  close(): void;
}
