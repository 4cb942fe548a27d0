import type { Catalog } from './catalog.ts';
import { denial } from './decide.ts';
import { fits, toScaled, type Decimal, type QuantityFault } from './quantity.ts';
import { standingAt, type Customer, type Standing } from './subscription.ts';
import {
  chargedAt,
  emptyCounter,
  changeFits,
  type Counter,
  type CounterKey,
  type UsageRow,
} from './usage.ts';

/** The answer to "may this customer use this feature (this much) now?" (wire contract §4). */

export type CheckReason =
  | 'quota_exceeded'
  | 'no_active_subscription'
  | 'subscription_not_active'
  | 'feature_not_in_plan'
  | 'feature_not_found'
  | 'customer_not_found';

export interface CheckAnswer {
  readonly hasAccess: boolean;
  readonly reason: CheckReason | null;
  /** The usage that the answer rests on; `null` for flags and denied plans. */
  readonly row: UsageRow | null;
  readonly standing: Standing;
}

/**
 * @param quantity the amount asked for; `null` asks whether anything remains.
 * @returns the answer, or what makes the quantity one that the feature cannot count.
 */
export function check(
  featureKey: string,
  quantity: Decimal | null,
  account: {
    customer: Customer | null;
    deleted: boolean;
    catalog: Catalog;
    counterOf: (key: CounterKey) => Counter;
  },
  now: number,
): CheckAnswer | QuantityFault {
  const { customer, deleted, catalog, counterOf } = account;
  const standing = standingAt(customer, catalog, now);
  const deny = (reason: CheckReason): CheckAnswer => ({ hasAccess: false, reason, row: null, standing });
  if (deleted || (customer === null && catalog.defaultProduct === null)) return deny('customer_not_found');
  const feature = catalog.features.get(featureKey);
  if (feature === undefined) return deny('feature_not_found');
  const entitlement = standing.product?.entitlements.get(featureKey) ?? null;
  const denied = denial(standing, entitlement);
  if (denied !== null || entitlement === null) return deny(denied ?? 'feature_not_in_plan');
  if (feature.type === 'boolean_flag') return { hasAccess: true, reason: null, row: null, standing };

  const asked = quantity === null ? null : toScaled(quantity, feature.decimals);
  if (typeof asked === 'string') return asked;
  const { key, period } = chargedAt(entitlement, standing, customer?.id ?? '', now);
  const counter = customer === null ? emptyCounter(key) : counterOf(key);
  const wouldFit =
    asked === null
      ? entitlement.limit === null || entitlement.overageAllowed || counter.consumed < entitlement.limit
      : fits(counter.consumed + asked) && changeFits(counter.consumed, asked, entitlement);
  return {
    hasAccess: wouldFit,
    reason: wouldFit ? null : 'quota_exceeded',
    row: { entitlement, standing, period, counter },
    standing,
  };
}
