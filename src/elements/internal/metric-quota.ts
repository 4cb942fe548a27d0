import type { UsageStatus } from '../../client/wire.ts';
import type { UsageMetric } from '../../store/types.ts';
import { isSize } from './format.ts';
import { clamp, denoise } from './number.ts';
import { type Quota, statusOf, type Thresholds, WARN_AT_DEFAULT } from './quota.ts';

/** Up to this many whole units are drawn one by one: more than that nobody counts at a glance. */
const SEGMENTS_MAX = 12;

const DAY_MS = 24 * 60 * 60 * 1000;

/** When this page first saw a row. */
const seenAtMsOf = new WeakMap<UsageMetric, number>();

const URGENCY: Readonly<Record<UsageStatus, number>> = {
  unlimited: 0,
  ok: 0,
  warning: 1,
  critical: 2,
  exceeded: 3,
};

/** A metric of the store as a quota: by the server's status, or by thresholds of the page's own. */
export function quotaOf(metric: UsageMetric, thresholds?: Thresholds): Quota {
  const consumed = Number.isFinite(metric.consumed) ? Math.max(0, metric.consumed) : 0;
  const limit = metric.limit >= 0 ? metric.limit : Infinity;
  const warnAt = clamp(thresholds?.warnAt ?? (metric.warn_at || WARN_AT_DEFAULT), 0, 100);
  const own = thresholds?.warnAt !== undefined || thresholds?.criticalAt !== undefined;
  return {
    name: metric.feature_title,
    consumed,
    limit,
    unit: metric.unit,
    segments: segmentsOf(metric, consumed, limit),
    status: own ? statusOf(consumed, limit, { ...thresholds, warnAt }) : metric.status,
    warnAt,
    overageAllowed: metric.overage_allowed,
    resetsInDays: daysLeftOf(metric),
  };
}

/**
 * The days left now: a page may stay open for long without news of a feature. Only the time that has passed since
 * is taken from this machine's clock, which may be wrong.
 */
function daysLeftOf(metric: UsageMetric): number | null {
  const { resets_in_days: days, period_end: end, as_of: asOf } = metric;
  if (days === null || end === null) return null;
  const nowMs = Date.now();
  const seenAtMs = seenAtMsOf.get(metric) ?? nowMs;
  seenAtMsOf.set(metric, seenAtMs);
  const leftMs = Date.parse(end) - Date.parse(asOf) - (nowMs - seenAtMs);
  const daysLeft = Math.max(0, Math.ceil(leftMs / DAY_MS));
  return Number.isFinite(daysLeft) ? daysLeft : null;
}

/** A few whole things, such as seats, are drawn one by one; amounts that reset are not. */
function segmentsOf({ feature_type: type, unit }: UsageMetric, consumed: number, limit: number): number {
  const drawable =
    type === 'numeric_limit' && !isSize(unit) && Number.isInteger(limit) && Number.isInteger(consumed);
  return drawable && limit >= 1 && limit <= SEGMENTS_MAX && consumed <= limit ? limit : 0;
}

/** Whole percent, rounded down: 100 only when nothing is left. */
export function percentOf({ consumed, limit }: Quota): number {
  if (limit === Infinity) return 0;
  if (consumed >= limit) return 100;
  return Math.min(99, Math.floor(denoise((consumed / limit) * 100)));
}

/** How much lies beyond the limit. */
export function overageOf({ consumed, limit }: Quota): number {
  return Math.max(0, denoise(consumed - limit));
}

export function remainingOf({ consumed, limit }: Quota): number {
  return Math.max(0, denoise(limit - consumed));
}

/** Whether `to` needs more attention than `from`. */
export function isMoreUrgent(to: UsageStatus, from: UsageStatus): boolean {
  return URGENCY[to] > URGENCY[from];
}

/** The status that needs attention most; `unlimited` only when nothing is limited. */
export function mostUrgent(statuses: readonly UsageStatus[]): UsageStatus {
  if (statuses.length > 0 && statuses.every((status) => status === 'unlimited')) return 'unlimited';
  return statuses.reduce<UsageStatus>(
    (worst, status) => (isMoreUrgent(status, worst) ? status : worst),
    'ok',
  );
}
