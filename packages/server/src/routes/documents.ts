import { RawJson } from '../json.ts';
import type { CheckAnswer } from '../metering/check.ts';
import type { UsageEvent } from '../metering/decide.ts';
import { nudgeMessage, type Nudge } from '../metering/nudges.ts';
import { daysUntil, type Period } from '../metering/period.ts';
import { formatScaled } from '../metering/quantity.ts';
import { billingPeriodAt, statusAt, type Customer, type Subscription } from '../metering/subscription.ts';
import type { Catalog } from '../metering/catalog.ts';
import { overageOf, percentageUsed, remainingOf, statusOf, type UsageRow } from '../metering/usage.ts';

/** From the metering types to the documents of the wire contract. */

/** Printed before: periods and moments come again with every event of theirs, and to print one takes 0.4 µs. */
const printed = new Map<number, string>();
const PRINTED_MAX = 10_000;

/** An instant as the API prints it: RFC 3339, UTC, milliseconds. */
export function iso(instant: number): string {
  let text = printed.get(instant);
  if (text === undefined) {
    if (printed.size === PRINTED_MAX) printed.clear();
    text = new Date(instant).toISOString();
    printed.set(instant, text);
  }
  return text;
}

export function trackDocument(event: UsageEvent): Record<string, unknown> {
  return { success: true, ...recordDocument(event) };
}

/** A recorded event as it is looked up later: its reply, and how it was asked for. */
export function eventDocument(event: UsageEvent, externalId: string): Record<string, unknown> {
  return {
    ...recordDocument(event),
    customer_id: externalId,
    action: event.action,
    idempotency_key: event.idempotencyKey,
    timestamp: isoOrNull(event.timestamp),
    metadata: event.metadata === null ? null : (JSON.parse(event.metadata) as unknown),
  };
}

function recordDocument(event: UsageEvent): Record<string, unknown> {
  return {
    feature_key: event.feature,
    quantity: exact(event.quantity, event.decimals),
    recorded_at: iso(event.recordedAt),
    usage: summaryDocument(event),
    event_id: event.id,
    sequence: event.sequence,
    revision: event.revision,
  };
}

export function summaryDocument(usage: {
  consumed: bigint;
  limit: bigint | null;
  decimals: number;
  period: Period;
}): Record<string, unknown> {
  const { consumed, limit, decimals, period } = usage;
  return {
    consumed_units: exact(consumed, decimals),
    limit_units: exact(limit, decimals),
    remaining_units: exact(remainingOf(consumed, limit), decimals),
    period_start: iso(period.start),
    period_end: isoOrNull(period.end),
    overage_units: exact(overageOf(consumed, limit), decimals),
    percentage_used: percentageUsed(consumed, limit),
  };
}

export function metricDocument(row: UsageRow, now: number): Record<string, unknown> {
  const { entitlement, standing, period, counter } = row;
  const { feature, limit, warnAt } = entitlement;
  const { consumed } = counter;
  return {
    feature_key: feature.key,
    feature_title: feature.title,
    product_name: standing.product?.name ?? '',
    consumed: exact(consumed, feature.decimals),
    limit: exact(limit, feature.decimals),
    remaining: exact(remainingOf(consumed, limit), feature.decimals),
    percentage_used: percentageUsed(consumed, limit),
    period_start: iso(period.start),
    period_end: isoOrNull(period.end),
    resets_in_days: period.end === null ? null : daysUntil(period.end, now),
    feature_type: feature.type,
    unit: feature.unit,
    decimals: feature.decimals,
    overage: exact(overageOf(consumed, limit), feature.decimals),
    overage_allowed: entitlement.overageAllowed,
    warn_at: warnAt,
    status: statusOf(consumed, limit, warnAt),
    sequence: counter.sequence,
    revision: standing.revision,
    as_of: iso(now),
  };
}

export function metricsDocument(
  externalId: string,
  rows: readonly UsageRow[],
  now: number,
): Record<string, unknown> {
  return {
    metrics: rows.map((row) => metricDocument(row, now)),
    customer_id: externalId,
    external_user_id: externalId,
  };
}

export function checkDocument(
  featureKey: string,
  answer: CheckAnswer,
  catalog: Catalog,
  now: number,
): Record<string, unknown> {
  const { row } = answer;
  const decimals = row?.entitlement.feature.decimals ?? 0;
  const limit = row?.entitlement.limit ?? null;
  return {
    feature_key: featureKey,
    has_access: answer.hasAccess,
    reason: answer.reason,
    limit: exact(limit, decimals),
    usage: exact(row?.counter.consumed ?? null, decimals),
    metadata: {
      remaining: row === null ? null : exact(remainingOf(row.counter.consumed, limit), decimals),
      resets_at: isoOrNull(row?.period.end ?? null),
      type: catalog.features.get(featureKey)?.type ?? null,
    },
    as_of: iso(now),
    sequence: row?.counter.sequence ?? 0,
    revision: answer.standing.revision,
  };
}

export function nudgeDocument(nudge: Nudge): Record<string, unknown> {
  const { row, suggestion } = nudge;
  return {
    id: nudge.id,
    type: 'usage_threshold',
    feature: row.entitlement.feature.key,
    threshold: nudge.threshold,
    actual: nudge.actual,
    severity: nudge.severity,
    message: nudgeMessage(nudge),
    resets_at: isoOrNull(row.period.end),
    suggestedPlan: suggestion && {
      id: suggestion.product.id,
      priceId: suggestion.price.id,
      name: suggestion.product.name,
      price: {
        amount: suggestion.price.amount,
        currency: suggestion.price.currency,
        interval: suggestion.price.interval,
      },
      highlights: suggestion.product.highlights,
      limits: suggestion.limits.map(({ feature, title, decimals, from, to }) => ({
        feature,
        title,
        from: exact(from, decimals),
        to: exact(to, decimals),
      })),
    },
  };
}

export function subscriptionDocument(
  subscription: Subscription,
  catalog: Catalog,
  now: number,
): Record<string, unknown> {
  const price = catalog.priceOwners.get(subscription.priceId)?.price ?? null;
  // An ended subscription stays in its last paid period.
  const period = billingPeriodAt(subscription, price, Math.min(now, (subscription.endsAt ?? Infinity) - 1));
  return {
    id: subscription.id,
    customer_id: subscription.customerId,
    product_id: subscription.productId,
    price_id: subscription.priceId,
    status: statusAt(subscription, now),
    current_period_start: iso(period.start),
    current_period_end: iso(period.end ?? period.start),
    cancel_at_period_end: subscription.cancelAtPeriodEnd,
    trial_end: isoOrNull(subscription.trialEnd),
    canceled_at: isoOrNull(subscription.canceledAt),
    metadata: subscription.metadata,
    created_at: iso(subscription.createdAt),
    updated_at: iso(subscription.updatedAt),
  };
}

export function customerDocument(customer: Customer, catalog: Catalog, now: number): Record<string, unknown> {
  return {
    id: customer.id,
    external_user_id: customer.externalId,
    external_organization_id: customer.externalOrganizationId,
    email: customer.email,
    name: customer.name,
    metadata: customer.metadata,
    subscription: customer.subscription && subscriptionDocument(customer.subscription, catalog, now),
    created_at: iso(customer.createdAt),
    updated_at: iso(customer.updatedAt),
  };
}

function exact(scaled: bigint, decimals: number): RawJson;
function exact(scaled: bigint | null, decimals: number): RawJson | null;
function exact(scaled: bigint | null, decimals: number): RawJson | null {
  return scaled === null ? null : new RawJson(formatScaled(scaled, decimals));
}

function isoOrNull(instant: number | null): string | null {
  return instant === null ? null : iso(instant);
}
