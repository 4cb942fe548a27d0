import type { SubscriptionStatus } from '../../../src/client/wire.ts';

/** A customer of the merchant. `id` is ours (`cus_…`), `externalUserId` the merchant's own. */
export interface Customer {
  id: string;
  externalUserId: string;
  externalOrganizationId: string | null;
  email: string | null;
  name: string | null;
  metadata: Record<string, unknown>;
  subscription: Subscription | null;
  createdAt: Date;
  updatedAt: Date;
}

/** What a customer has bought, or has by default. */
export interface Subscription {
  id: string;
  customerId: string;
  productId: string;
  priceId: string;
  status: SubscriptionStatus;
  currentPeriodStart: Date;
  currentPeriodEnd: Date;
  cancelAtPeriodEnd: boolean;
  trialEnd: Date | null;
  canceledAt: Date | null;
  metadata: Record<string, unknown>;
  createdAt: Date;
  updatedAt: Date;
}

export interface SubscriptionInput {
  /** Our id of the customer, `cus_…`. */
  customerId: string;
  priceId: string;
  metadata?: Record<string, unknown> | undefined;
}

export interface SubscriptionPatch {
  priceId?: string | undefined;
  cancelAtPeriodEnd?: boolean | undefined;
  status?: 'active' | 'past_due' | 'incomplete' | undefined;
  metadata?: Record<string, unknown> | undefined;
}

/** A customer on the wire (wire contract §2). */
export interface WireCustomer {
  id: string;
  external_user_id: string;
  external_organization_id: string | null;
  email: string | null;
  name: string | null;
  metadata: Record<string, unknown> | null;
  subscription: WireSubscription | null;
  created_at: string;
  updated_at: string;
}

/** A subscription on the wire (wire contract §2). */
export interface WireSubscription {
  id: string;
  customer_id: string;
  product_id: string;
  price_id: string;
  status: SubscriptionStatus;
  current_period_start: string;
  current_period_end: string;
  cancel_at_period_end: boolean;
  trial_end: string | null;
  canceled_at: string | null;
  metadata: Record<string, unknown> | null;
  created_at: string;
  updated_at: string;
}

export function toCustomer(wire: WireCustomer): Customer {
  return {
    id: wire.id,
    externalUserId: wire.external_user_id,
    externalOrganizationId: wire.external_organization_id,
    email: wire.email,
    name: wire.name,
    metadata: wire.metadata ?? {},
    subscription: wire.subscription === null ? null : toSubscription(wire.subscription),
    createdAt: new Date(wire.created_at),
    updatedAt: new Date(wire.updated_at),
  };
}

export function toSubscription(wire: WireSubscription): Subscription {
  return {
    id: wire.id,
    customerId: wire.customer_id,
    productId: wire.product_id,
    priceId: wire.price_id,
    status: wire.status,
    currentPeriodStart: new Date(wire.current_period_start),
    currentPeriodEnd: new Date(wire.current_period_end),
    cancelAtPeriodEnd: wire.cancel_at_period_end,
    trialEnd: toDate(wire.trial_end),
    canceledAt: toDate(wire.canceled_at),
    metadata: wire.metadata ?? {},
    createdAt: new Date(wire.created_at),
    updatedAt: new Date(wire.updated_at),
  };
}

function toDate(text: string | null): Date | null {
  return text === null ? null : new Date(text);
}
