import type { Catalog, Entitlement, Price, Product } from './catalog.ts';
import { periodAt, type Interval, type Period, type Reset } from './period.ts';

/**
 * A customer's subscription and what follows from it at an instant. Trials end and cancellations take effect by
 * themselves: they are computed from stored facts, no job writes them (wire contract §4).
 *
 *   trialing ──trial_end──▶ active ◀──▶ past_due, incomplete      (set by the merchant)
 *       └───────────────cancel──┴──────────────▶ canceled         (at endsAt; then the default product)
 */

export type SubscriptionStatus = 'trialing' | 'active' | 'past_due' | 'incomplete' | 'canceled';

export interface Subscription {
  readonly id: string;
  readonly customerId: string;
  readonly productId: string;
  readonly priceId: string;
  /** Made by itself on first sight, on the default product; any explicit subscription replaces it. */
  readonly implicit: boolean;
  /** As last written; {@link statusAt} says what it is now. */
  readonly status: SubscriptionStatus;
  readonly startedAt: number;
  readonly trialEnd: number | null;
  /** The product that a trial was given of, whatever the subscription has moved to since. */
  readonly trialProductId: string | null;
  readonly cancelAtPeriodEnd: boolean;
  /** When a cancellation takes or took effect. */
  readonly endsAt: number | null;
  readonly canceledAt: number | null;
  readonly metadata: Record<string, unknown>;
  readonly createdAt: number;
  readonly updatedAt: number;
}

export interface Customer {
  readonly id: string;
  readonly externalId: string;
  readonly externalOrganizationId: string | null;
  readonly email: string | null;
  readonly name: string | null;
  readonly metadata: Record<string, unknown>;
  /** Start of the first subscription, from which every period is counted; it never moves. */
  readonly anchor: number | null;
  /** Grows by two with every change of plan, so that a change by itself (one more) stays below the next. */
  readonly revision: number;
  /** Made by itself on first sight: creating it explicitly then merges instead of conflicting. */
  readonly implicit: boolean;
  /** When it was deleted. Its events stay, nobody's; its external id finds it no more. */
  readonly deletedAt: number | null;
  readonly createdAt: number;
  readonly updatedAt: number;
  /** The latest one, ended or not. */
  readonly subscription: Subscription | null;
}

/** The plan a customer is on at an instant. */
export interface Standing {
  readonly subscription: Subscription | null;
  readonly status: SubscriptionStatus | null;
  readonly product: Product | null;
  readonly price: Price | null;
  readonly hasAccess: boolean;
  /** Orders what is shown: grows with every change of the customer's plan or of the catalog. */
  readonly revision: number;
  readonly anchor: number;
}

export const REVISION_STEP = 2;

const ACCESS: ReadonlySet<SubscriptionStatus> = new Set(['trialing', 'active', 'past_due']);
const DAY_MS = 86_400_000;

/** The subscription's status at an instant. */
export function statusAt(subscription: Subscription, now: number): SubscriptionStatus {
  if (subscription.status === 'canceled' || hasEnded(subscription, now)) return 'canceled';
  if (subscription.status !== 'trialing') return subscription.status;
  return subscription.trialEnd !== null && now < subscription.trialEnd ? 'trialing' : 'active';
}

/** Where a customer stands; for one never seen (`null`), as the default product would. */
export function standingAt(customer: Customer | null, catalog: Catalog, now: number): Standing {
  const subscription = customer?.subscription ?? null;
  const anchor = customer?.anchor ?? now;
  const ended = subscription !== null && statusAt(subscription, now) === 'canceled';
  const revision = catalog.revision + (customer?.revision ?? 0) + (ended ? 1 : 0);
  if (subscription === null || ended) {
    const product = catalog.defaultProduct;
    const status = product === null ? null : 'active';
    return {
      subscription,
      status,
      product,
      price: product?.prices[0] ?? null,
      hasAccess: product !== null,
      revision,
      anchor,
    };
  }
  const owner = catalog.priceOwners.get(subscription.priceId);
  const status = statusAt(subscription, now);
  return {
    subscription,
    status,
    product: owner?.product ?? null,
    price: owner?.price ?? null,
    hasAccess: ACCESS.has(status),
    revision,
    anchor,
  };
}

/** How an entitlement is counted under a price: never, or by its own reset, or by the price's interval. */
export function resetOf(entitlement: Entitlement, price: Price | null): Reset {
  if (entitlement.feature.type === 'numeric_limit') return 'never';
  return entitlement.reset ?? price?.interval ?? DEFAULT_RESET;
}

/** The paid period of a subscription that contains `now`. */
export function billingPeriodAt(subscription: Subscription, price: Price | null, now: number): Period {
  return periodAt(subscription.startedAt, price?.interval ?? DEFAULT_RESET, now, price?.intervalCount ?? 1);
}

/** A customer as first seen: on the default product from `now` on, or on none. */
export function firstSight(
  externalId: string,
  catalog: Catalog,
  now: number,
  newId: (prefix: string) => string,
): Customer {
  const id = newId('cus');
  const product = catalog.defaultProduct;
  const subscription =
    product === null
      ? null
      : startSubscription(newId('sub'), id, product, product.prices[0], now, { implicit: true });
  return {
    id,
    externalId,
    externalOrganizationId: null,
    email: null,
    name: null,
    metadata: {},
    anchor: subscription === null ? null : now,
    revision: 0,
    implicit: true,
    deletedAt: null,
    createdAt: now,
    updatedAt: now,
    subscription,
  };
}

export type SubscribeOutcome =
  | { kind: 'created' | 'existing'; subscription: Subscription }
  | { kind: 'conflict'; subscription: Subscription };

/**
 * Puts a customer on a price. One live subscription per customer: an implicit one is replaced, the same price
 * again is the same subscription, another explicit one is a conflict (wire contract §2).
 */
export function subscribe(
  customer: Customer,
  owner: { product: Product; price: Price },
  now: number,
  options: { newId: (prefix: string) => string; metadata: Record<string, unknown>; trialUsed: boolean },
): SubscribeOutcome {
  const present = customer.subscription;
  if (present !== null && !present.implicit && statusAt(present, now) !== 'canceled') {
    return { kind: present.priceId === owner.price.id ? 'existing' : 'conflict', subscription: present };
  }
  // The latest counts: after the one it follows, even where the clock has stepped back since.
  const start = present === null ? now : Math.max(now, present.startedAt + (present.implicit ? 0 : 1));
  const subscription = startSubscription(
    options.newId('sub'),
    customer.id,
    owner.product,
    owner.price,
    start,
    {
      implicit: false,
      metadata: options.metadata,
      trial: !options.trialUsed,
    },
  );
  return { kind: 'created', subscription };
}

/** A subscription that ends now, and no sooner than it already has. */
export function endSubscription(subscription: Subscription, now: number): Subscription {
  const canceledAt = subscription.canceledAt ?? now;
  return { ...subscription, status: 'canceled', endsAt: now, canceledAt, updatedAt: now };
}

/** A deleted customer's subscription: ended if it has not, and without what was said of it. */
export function endForGood(subscription: Subscription, now: number): Subscription {
  const ended =
    statusAt(subscription, now) === 'canceled' ? subscription : endSubscription(subscription, now);
  return { ...ended, metadata: {} };
}

export interface SubscriptionPatch {
  owner?: { product: Product; price: Price } | undefined;
  cancelAtPeriodEnd?: boolean | undefined;
  cancelImmediately?: boolean | undefined;
  status?: 'active' | 'past_due' | 'incomplete' | undefined;
  metadata?: Record<string, unknown> | undefined;
}

/** A live subscription with a patch applied. */
export function patchSubscription(
  subscription: Subscription,
  patch: SubscriptionPatch,
  price: Price | null,
  now: number,
): Subscription {
  if (patch.cancelImmediately === true) return endSubscription(subscription, now);
  const { owner, status, metadata } = patch;
  const cancelAtPeriodEnd = patch.cancelAtPeriodEnd ?? subscription.cancelAtPeriodEnd;
  const next: Subscription = {
    ...subscription,
    productId: owner?.product.id ?? subscription.productId,
    priceId: owner?.price.id ?? subscription.priceId,
    implicit: owner === undefined && status === undefined ? subscription.implicit : false,
    status: status ?? subscription.status,
    metadata: metadata ?? subscription.metadata,
    cancelAtPeriodEnd,
    updatedAt: now,
  };
  const endsAt = cancelAtPeriodEnd ? billingPeriodAt(next, owner?.price ?? price, now).end : null;
  return { ...next, endsAt, canceledAt: cancelAtPeriodEnd ? (subscription.canceledAt ?? now) : null };
}

const DEFAULT_RESET: Interval = 'month';

function hasEnded(subscription: Subscription, now: number): boolean {
  return subscription.endsAt !== null && now >= subscription.endsAt;
}

function startSubscription(
  id: string,
  customerId: string,
  product: Product,
  price: Price,
  now: number,
  options: { implicit: boolean; metadata?: Record<string, unknown>; trial?: boolean },
): Subscription {
  const trialEnd = options.trial === true && product.trialDays > 0 ? now + product.trialDays * DAY_MS : null;
  return {
    id,
    customerId,
    productId: product.id,
    priceId: price.id,
    implicit: options.implicit,
    status: trialEnd === null ? 'active' : 'trialing',
    startedAt: now,
    trialEnd,
    trialProductId: trialEnd === null ? null : product.id,
    cancelAtPeriodEnd: false,
    endsAt: null,
    canceledAt: null,
    metadata: options.metadata ?? {},
    createdAt: now,
    updatedAt: now,
  };
}
