import type { CustomerDocument, SubscriptionDocument, SubscriptionStatus } from '../../../src/client/wire.ts';

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

/** What may change of a customer. Null clears it. */
export interface CustomerPatch {
  externalOrganizationId?: string | null | undefined;
  email?: string | null | undefined;
  name?: string | null | undefined;
  /** Replaces what is there. Up to 4 KiB of JSON. */
  metadata?: Record<string, unknown> | undefined;
}

export interface CustomerInput extends CustomerPatch {
  /** The merchant's own user id. */
  externalUserId: string;
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

export function toCustomer(wire: CustomerDocument): Customer {
  return {
    id: wire.id,
    externalUserId: wire.external_user_id,
    externalOrganizationId: wire.external_organization_id,
    email: wire.email,
    name: wire.name,
    metadata: wire.metadata,
    subscription: wire.subscription === null ? null : toSubscription(wire.subscription),
    createdAt: new Date(wire.created_at),
    updatedAt: new Date(wire.updated_at),
  };
}

export function toSubscription(wire: SubscriptionDocument): Subscription {
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
    metadata: wire.metadata,
    createdAt: new Date(wire.created_at),
    updatedAt: new Date(wire.updated_at),
  };
}

export function customerBody(patch: CustomerPatch): object {
  const { externalOrganizationId, email, name, metadata } = patch;
  return { external_organization_id: externalOrganizationId, email, name, metadata };
}

export function subscriptionPatchBody(patch: SubscriptionPatch): object {
  const { priceId, cancelAtPeriodEnd, status, metadata } = patch;
  return { price_id: priceId, cancel_at_period_end: cancelAtPeriodEnd, status, metadata };
}

function toDate(text: string | null): Date | null {
  return text === null ? null : new Date(text);
}
