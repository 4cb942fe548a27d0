import type { BillingOSError } from '../client/errors.ts';
import type { NudgeTrigger } from '../client/wire.ts';
import { isSignedOut } from '../elements/internal/errors.ts';
import { denoise } from '../elements/internal/number.ts';
import type { UsageMetric, UsageSnapshot } from '../store/types.ts';

/** What is not known yet, is asked for right now, or failed; `data` stays the last known where there is any. */
export interface Progress<Data> {
  readonly data: Data | undefined;
  /** Nothing is known yet, and nothing has failed. */
  readonly isLoading: boolean;
  readonly isFetching: boolean;
  readonly isError: boolean;
  readonly error: BillingOSError | null;
}

export interface UsageView extends Progress<{ readonly metrics: readonly UsageMetric[] }> {
  /** The numbers are the last known ones and may be old. */
  readonly isStale: boolean;
}

/** Which nudge an application wants to draw by itself, and what its button does. */
export interface UpgradeNudgeOptions {
  /** Nudges about this feature only. */
  featureKey?: string | undefined;
  /** Leaves out nudges of lower thresholds, in percent. */
  threshold?: number | undefined;
  /** What `upgrade` does. */
  onUpgrade?: ((priceId: string | null, trigger: NudgeTrigger) => void) | undefined;
}

/** Picks what is to be known of a snapshot; the same object again until something in it changes. */
export function usageSelector(featureKey: string | undefined): (snapshot: UsageSnapshot) => UsageView {
  let last: UsageView | undefined;
  return (snapshot) => {
    const next = viewOf(snapshot, featureKey, last?.data);
    const names = Object.keys(next) as (keyof UsageView)[];
    if (last === undefined || names.some((name) => next[name] !== last?.[name])) last = next;
    return last;
  };
}

/** Whether a meter has reached this share of its limit, in percent. Not while unknown or unlimited. */
export function isApproaching(snapshot: UsageSnapshot, featureKey: string, threshold: number): boolean {
  const metric = metricsOf(snapshot)?.find((candidate) => candidate.feature_key === featureKey);
  if (metric === undefined || metric.limit === Infinity) return false;
  if (metric.limit === 0) return true;
  return denoise((metric.consumed / metric.limit) * 100) >= threshold;
}

/** The most urgent nudge, of one feature and from a threshold on where they are given. */
export function nudgeIn(
  snapshot: UsageSnapshot,
  { featureKey, threshold = 0 }: UpgradeNudgeOptions,
): NudgeTrigger | undefined {
  if (isSignedOut(snapshot)) return undefined;
  return snapshot.nudges.find(
    (nudge) => nudge.threshold >= threshold && (featureKey === undefined || nudge.feature === featureKey),
  );
}

/** The numbers, as long as they are somebody's who is signed in. */
export function metricsOf(snapshot: UsageSnapshot): readonly UsageMetric[] | undefined {
  return snapshot.status === 'ready' && !isSignedOut(snapshot) ? snapshot.metrics : undefined;
}

function viewOf(
  snapshot: UsageSnapshot,
  featureKey: string | undefined,
  lastData: UsageView['data'],
): UsageView {
  const all = metricsOf(snapshot);
  const metrics = featureKey === undefined ? all : all?.filter((row) => row.feature_key === featureKey);
  const { error } = snapshot;
  const isSame =
    metrics?.length === lastData?.metrics.length &&
    metrics?.every((row, index) => row === lastData?.metrics[index]) === true;
  return {
    data: isSame ? lastData : metrics && { metrics },
    isLoading: snapshot.status === 'pending' && error === null,
    isFetching: snapshot.fetchStatus === 'fetching',
    isError: error !== null,
    error,
    isStale: snapshot.stale,
  };
}
