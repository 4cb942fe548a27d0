import type { UsageStatus } from '../../client/wire.ts';
import { denoise } from './number.ts';

/** Where a bar turns, in percent, when nobody says otherwise. */
export const WARN_AT_DEFAULT = 80;
export const CRITICAL_AT_DEFAULT = 95;

/** One quota, normalised: everything a meter or a sentence about it needs. */
export interface Quota {
  readonly name: string;
  readonly consumed: number;
  /** `Infinity` is unlimited. */
  readonly limit: number;
  readonly unit: string | null;
  readonly status: UsageStatus;
  readonly warnAt: number;
  /** How many units to draw one by one. A bar is drawn where there are none. */
  readonly segments?: number;
  readonly overageAllowed?: boolean;
  readonly resetsInDays?: number | null;
}

/** Percentages at which a status begins, where somebody says them. */
export interface Thresholds {
  readonly warnAt: number | undefined;
  readonly criticalAt: number | undefined;
}

/** The status from the exact ratio, as the server rules. */
export function statusOf(
  consumed: number,
  limit: number,
  { warnAt = WARN_AT_DEFAULT, criticalAt = CRITICAL_AT_DEFAULT }: Partial<Thresholds>,
): UsageStatus {
  if (limit === Infinity) return 'unlimited';
  if (consumed >= limit) return 'exceeded';
  const percent = denoise((consumed / limit) * 100);
  if (percent >= criticalAt) return 'critical';
  return percent >= warnAt ? 'warning' : 'ok';
}

/** The share of the bar that is used within the limit, in percent, and whether the rest lies beyond the limit. */
export function sharesOf({ consumed, limit }: Quota): { within: number; over: boolean } {
  if (limit <= 0) return { within: 100, over: false };
  const over = consumed > limit;
  return { within: (over ? limit / consumed : consumed / limit) * 100, over };
}
