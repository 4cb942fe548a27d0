import { compileCatalog, type CatalogDocument } from '../catalog.ts';
import type { Origin, TrackCommand } from '../decide.ts';
import { parseDecimal } from '../quantity.ts';
import type { Customer, Subscription } from '../subscription.ts';

/** Pricing with a feature of every kind, for tests. */
export const PRICING: CatalogDocument = {
  features: [
    { key: 'api_calls', title: 'API calls', type: 'usage_quota', unit: 'call', decimals: 0 },
    { key: 'compute', title: 'Compute', type: 'usage_quota', unit: 'hour' },
    { key: 'emails', title: 'Emails', type: 'usage_quota', decimals: 0 },
    { key: 'events', title: 'Events', type: 'usage_quota', decimals: 0 },
    { key: 'exports', title: 'Exports', type: 'usage_quota', decimals: 0 },
    { key: 'storage_gb', title: 'Storage', type: 'numeric_limit', unit: 'gb', decimals: 12 },
    { key: 'seats', title: 'Seats', type: 'numeric_limit', unit: 'seat', decimals: 0 },
    { key: 'sso', title: 'Single sign-on', type: 'boolean_flag' },
  ],
  products: [
    {
      id: 'free',
      name: 'Free',
      default: true,
      rank: 1,
      prices: [{ id: 'price_free', amount: 0, currency: 'usd', interval: 'month' }],
      features: [
        { feature: 'api_calls', limit: 100 },
        { feature: 'compute', limit: 1 },
        { feature: 'emails', limit: 50, overage: 'allow' },
        { feature: 'events', limit: null },
        { feature: 'storage_gb', limit: 10 },
        { feature: 'seats', limit: 5 },
      ],
    },
    {
      id: 'pro',
      name: 'Pro',
      rank: 2,
      highlights: ['A hundred times the calls'],
      prices: [
        { id: 'price_pro', amount: 4_900, currency: 'usd', interval: 'month' },
        { id: 'price_pro_year', amount: 49_000, currency: 'usd', interval: 'year' },
      ],
      features: [
        { feature: 'api_calls', limit: 10_000 },
        { feature: 'compute', limit: 10 },
        { feature: 'emails', limit: 1_000, overage: 'allow' },
        { feature: 'events', limit: null },
        { feature: 'exports', limit: 3, reset: 'day' },
        { feature: 'storage_gb', limit: 100 },
        { feature: 'seats', limit: 25 },
        { feature: 'sso' },
      ],
    },
    {
      id: 'trial',
      name: 'Trial',
      rank: 3,
      trial_days: 14,
      prices: [{ id: 'price_trial', amount: 9_900, currency: 'usd', interval: 'month' }],
      features: [{ feature: 'api_calls', limit: null }],
    },
  ],
};

export const CATALOG = compileCatalog(PRICING, 2);

/** The instant at which tests begin, and their customers' anchor. */
export const NOW = Date.parse('2026-01-31T10:00:00.000Z');

export const DAY_MS = 86_400_000;

export function subscriptionOn(priceId: string, changes: Partial<Subscription> = {}): Subscription {
  const owner = CATALOG.priceOwners.get(priceId);
  return {
    id: 'sub_1',
    customerId: 'cus_1',
    productId: owner?.product.id ?? 'gone',
    priceId,
    implicit: false,
    status: 'active',
    startedAt: NOW,
    trialEnd: null,
    trialProductId: null,
    cancelAtPeriodEnd: false,
    endsAt: null,
    canceledAt: null,
    metadata: {},
    createdAt: NOW,
    updatedAt: NOW,
    ...changes,
  };
}

export function customerOn(priceId: string | null, changes: Partial<Customer> = {}): Customer {
  return {
    id: 'cus_1',
    externalId: 'user_1',
    externalOrganizationId: null,
    email: null,
    name: null,
    metadata: {},
    anchor: NOW,
    revision: 0,
    implicit: true,
    deletedAt: null,
    createdAt: NOW,
    updatedAt: NOW,
    subscription: priceId === null ? null : subscriptionOn(priceId),
    ...changes,
  };
}

/** A command to track, with what a test does not care about filled in. */
export function command(
  feature: string,
  quantity: number | string,
  changes: Partial<Omit<TrackCommand, 'feature' | 'quantity'>> & { origin?: Origin } = {},
): TrackCommand {
  const decimal = parseDecimal(quantity);
  if (decimal === null) throw new Error(`${quantity} is no decimal`);
  return {
    externalId: 'user_1',
    origin: 'secret',
    feature,
    quantity: decimal,
    action: 'add',
    idempotencyKey: null,
    metadata: null,
    timestamp: null,
    ...changes,
  };
}
