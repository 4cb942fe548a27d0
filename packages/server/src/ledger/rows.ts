import type { UsageEvent } from '../metering/decide.ts';
import type { Reset } from '../metering/period.ts';
import type { Customer, Subscription, SubscriptionStatus } from '../metering/subscription.ts';
import type { Counter } from '../metering/usage.ts';
import type { AuditAction, AuditEntry } from './audit-trail.ts';
import type { AuditRecord, Mode, SecretKeyEntry } from './ledger.ts';

/** Between the store's rows and the metering types. Integers arrive as `bigint`. */

type Column = string | bigint | ArrayBuffer | null;
export type Row = Readonly<Record<string, Column>>;

export const CUSTOMER_COLUMNS = [
  'id',
  'external_id',
  'external_organization_id',
  'email',
  'name',
  'metadata',
  'anchor',
  'revision',
  'implicit',
  'deleted_at',
  'created_at',
  'updated_at',
] as const;

export const SUBSCRIPTION_COLUMNS = [
  'id',
  'customer_id',
  'product_id',
  'price_id',
  'implicit',
  'status',
  'started_at',
  'trial_end',
  'trial_product_id',
  'cancel_at_period_end',
  'ends_at',
  'canceled_at',
  'metadata',
  'created_at',
  'updated_at',
] as const;

export const COUNTER_COLUMNS = [
  'customer_id',
  'feature',
  'reset',
  'period_start',
  'consumed',
  'sequence',
  'crossed_warning',
  'crossed_critical',
  'crossed_full',
] as const;

export const EVENT_COLUMNS = [
  'id',
  'customer_id',
  'feature',
  'reset',
  'counter_start',
  'sequence',
  'action',
  'quantity',
  'delta',
  'decimals',
  'consumed',
  'limit',
  'period_start',
  'period_end',
  'revision',
  'recorded_at',
  'occurred_at',
  'timestamp',
  'origin',
  'idempotency_key',
  'metadata',
] as const;

export const AUDIT_COLUMNS = ['id', 'at', 'action', 'subject', 'key_id', 'request_id', 'details'] as const;

export function toCustomer(row: Row, subscription: Subscription | null): Customer {
  return {
    id: text(row, 'id'),
    externalId: text(row, 'external_id'),
    externalOrganizationId: textOrNull(row, 'external_organization_id'),
    email: textOrNull(row, 'email'),
    name: textOrNull(row, 'name'),
    metadata: json(row, 'metadata'),
    anchor: numberOrNull(row, 'anchor'),
    revision: number(row, 'revision'),
    implicit: row['implicit'] === 1n,
    deletedAt: numberOrNull(row, 'deleted_at'),
    createdAt: number(row, 'created_at'),
    updatedAt: number(row, 'updated_at'),
    subscription,
  };
}

export function fromCustomer(customer: Customer): Column[] {
  return [
    customer.id,
    customer.externalId,
    customer.externalOrganizationId,
    customer.email,
    customer.name,
    JSON.stringify(customer.metadata),
    integer(customer.anchor),
    BigInt(customer.revision),
    customer.implicit ? 1n : 0n,
    integer(customer.deletedAt),
    BigInt(customer.createdAt),
    BigInt(customer.updatedAt),
  ];
}

export function toSubscription(row: Row): Subscription {
  return {
    id: text(row, 'id'),
    customerId: text(row, 'customer_id'),
    productId: text(row, 'product_id'),
    priceId: text(row, 'price_id'),
    implicit: row['implicit'] === 1n,
    status: text(row, 'status') as SubscriptionStatus,
    startedAt: number(row, 'started_at'),
    trialEnd: numberOrNull(row, 'trial_end'),
    trialProductId: textOrNull(row, 'trial_product_id'),
    cancelAtPeriodEnd: row['cancel_at_period_end'] === 1n,
    endsAt: numberOrNull(row, 'ends_at'),
    canceledAt: numberOrNull(row, 'canceled_at'),
    metadata: json(row, 'metadata'),
    createdAt: number(row, 'created_at'),
    updatedAt: number(row, 'updated_at'),
  };
}

export function fromSubscription(subscription: Subscription): Column[] {
  return [
    subscription.id,
    subscription.customerId,
    subscription.productId,
    subscription.priceId,
    subscription.implicit ? 1n : 0n,
    subscription.status,
    BigInt(subscription.startedAt),
    integer(subscription.trialEnd),
    subscription.trialProductId,
    subscription.cancelAtPeriodEnd ? 1n : 0n,
    integer(subscription.endsAt),
    integer(subscription.canceledAt),
    JSON.stringify(subscription.metadata),
    BigInt(subscription.createdAt),
    BigInt(subscription.updatedAt),
  ];
}

export function toCounter(row: Row): Counter {
  return {
    customerId: text(row, 'customer_id'),
    feature: text(row, 'feature'),
    reset: text(row, 'reset') as Reset,
    periodStart: number(row, 'period_start'),
    consumed: row['consumed'] as bigint,
    sequence: number(row, 'sequence'),
    crossings: [number(row, 'crossed_warning'), number(row, 'crossed_critical'), number(row, 'crossed_full')],
  };
}

export function fromCounter(counter: Counter): Column[] {
  const [warning, critical, full] = counter.crossings;
  return [
    counter.customerId,
    counter.feature,
    counter.reset,
    BigInt(counter.periodStart),
    counter.consumed,
    BigInt(counter.sequence),
    BigInt(warning),
    BigInt(critical),
    BigInt(full),
  ];
}

export function toEvent(row: Row): UsageEvent {
  return {
    id: text(row, 'id'),
    customerId: text(row, 'customer_id'),
    feature: text(row, 'feature'),
    reset: text(row, 'reset') as Reset,
    periodStart: number(row, 'counter_start'),
    sequence: number(row, 'sequence'),
    action: text(row, 'action') as UsageEvent['action'],
    quantity: row['quantity'] as bigint,
    delta: row['delta'] as bigint,
    decimals: number(row, 'decimals'),
    consumed: row['consumed'] as bigint,
    limit: row['limit'] as bigint | null,
    period: { start: number(row, 'period_start'), end: numberOrNull(row, 'period_end') },
    revision: number(row, 'revision'),
    recordedAt: number(row, 'recorded_at'),
    occurredAt: numberOrNull(row, 'occurred_at'),
    timestamp: numberOrNull(row, 'timestamp'),
    origin: text(row, 'origin') as UsageEvent['origin'],
    idempotencyKey: textOrNull(row, 'idempotency_key'),
    metadata: textOrNull(row, 'metadata'),
  };
}

export function fromEvent(event: UsageEvent): Column[] {
  return [
    event.id,
    event.customerId,
    event.feature,
    event.reset,
    BigInt(event.periodStart),
    BigInt(event.sequence),
    event.action,
    event.quantity,
    event.delta,
    BigInt(event.decimals),
    event.consumed,
    event.limit,
    BigInt(event.period.start),
    integer(event.period.end),
    BigInt(event.revision),
    BigInt(event.recordedAt),
    integer(event.occurredAt),
    integer(event.timestamp),
    event.origin,
    event.idempotencyKey,
    event.metadata,
  ];
}

export function toSecretKeyEntry(row: Row): SecretKeyEntry {
  return {
    id: text(row, 'id'),
    organization: text(row, 'organization'),
    mode: text(row, 'mode') as Mode,
    name: text(row, 'name'),
    createdAt: number(row, 'created_at'),
    revokedAt: numberOrNull(row, 'revoked_at'),
  };
}

export function fromAuditEntry({ id, at, action, subject, author, details }: AuditEntry): Column[] {
  return [id, BigInt(at), action, subject, author.keyId, author.requestId, JSON.stringify(details)];
}

export function toAuditRecord(row: Row): AuditRecord {
  return {
    id: text(row, 'id'),
    organization: text(row, 'organization'),
    mode: text(row, 'mode') as Mode,
    at: number(row, 'at'),
    action: text(row, 'action') as AuditAction,
    subject: text(row, 'subject'),
    author: { keyId: textOrNull(row, 'key_id'), requestId: textOrNull(row, 'request_id') },
    details: json(row, 'details'),
  };
}

export function text(row: Row, column: string): string {
  return row[column] as string;
}

export function number(row: Row, column: string): number {
  return Number(row[column]);
}

export function bytes(row: Row, column: string): Uint8Array {
  return new Uint8Array(row[column] as ArrayBuffer);
}

function textOrNull(row: Row, column: string): string | null {
  return row[column] as string | null;
}

function numberOrNull(row: Row, column: string): number | null {
  return row[column] === null ? null : Number(row[column]);
}

function integer(value: number | null): bigint | null {
  return value === null ? null : BigInt(value);
}

function json(row: Row, column: string): Record<string, unknown> {
  return JSON.parse(text(row, column)) as Record<string, unknown>;
}
