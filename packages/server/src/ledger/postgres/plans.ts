import type { Catalog } from '../../metering/catalog.ts';
import { openings, reopened } from '../../metering/opening.ts';
import {
  endSubscription,
  patchSubscription,
  REVISION_STEP,
  standingAt,
  statusAt,
  subscribe,
  type Customer,
  type Subscription,
} from '../../metering/subscription.ts';
import { counterId, emptyCounter } from '../../metering/usage.ts';
import { subscribedEntry, subscriptionEntry, type Author } from '../audit-trail.ts';
import { newId } from '../ids.ts';
import { SUBSCRIPTIONS_MAX, type Subscribed, type SubscriptionChange, type Updated } from '../ledger.ts';
import { fromSubscription, SUBSCRIPTION_COLUMNS, toSubscription, type Row } from '../rows.ts';
import { saveAudit } from './audit.ts';
import type { Catalogs } from './catalogs.ts';
import { findCustomer, lockCustomer, NEWEST_FIRST } from './customers.ts';
import type { Database, Queryable, Transaction } from './database.ts';
import { listOf, storable } from './sql.ts';
import { lockCounters, write } from './track.ts';
import { unchanged, type Written } from './written.ts';

/**
 * Subscriptions. Changes of plan lock in this order: the catalog, so that no price goes away under a subscription,
 * then the customer, then the counters that open, in key order as every batch does.
 */

export function subscribeCustomer(
  database: Database,
  catalogs: Catalogs,
  tenantId: string,
  order: { customerId: string; priceId: string; metadata: Record<string, unknown> },
  author: Author,
  now: number,
): Promise<Written<Subscribed>> {
  const { customerId, priceId, metadata } = order;
  return database.transaction(async (transaction): Promise<Written<Subscribed>> => {
    const catalog = await catalogs.hold(transaction, tenantId);
    const customer = await lockCustomer(transaction, tenantId, customerId);
    if (customer?.deletedAt !== null) return unchanged(transaction, { kind: 'no_customer' });
    const owner = catalog.priceOwners.get(priceId);
    if (owner === undefined) return unchanged(transaction, { kind: 'no_price' });
    const trials = await transaction.query(SELECT_TRIAL, tenantId, customer.id, owner.product.id);
    const outcome = subscribe(customer, owner, now, {
      newId: (prefix) => newId(prefix, now),
      metadata,
      trialUsed: trials.length > 0,
    });
    if (outcome.kind !== 'created') return unchanged(transaction, outcome);
    const replaced = customer.subscription;
    if (replaced !== null && statusAt(replaced, now) !== 'canceled')
      await saveSubscription(transaction, tenantId, endSubscription(replaced, now));
    await saveSubscription(transaction, tenantId, outcome.subscription);
    await planChanged(transaction, tenantId, catalog, customer, now);
    await saveAudit(transaction, tenantId, [subscribedEntry(author, outcome.subscription, now)]);
    return { result: outcome, changes: [{ kind: 'plan', tenantId, externalId: customer.externalId }] };
  });
}

export function updateSubscription(
  database: Database,
  catalogs: Catalogs,
  tenantId: string,
  id: string,
  change: SubscriptionChange,
  author: Author,
  now: number,
): Promise<Written<Updated>> {
  return database.transaction(async (transaction): Promise<Written<Updated>> => {
    const catalog = await catalogs.hold(transaction, tenantId);
    const { priceOwners } = catalog;
    const found = await findSubscription(transaction, tenantId, id);
    if (found === null) return unchanged(transaction, { kind: 'no_subscription' });
    const customer = await lockCustomer(transaction, tenantId, found.customerId);
    // Read again: what it was before the lock may have changed while the lock was waited for.
    const subscription = await findSubscription(transaction, tenantId, id);
    if (customer === null || subscription === null) {
      return unchanged(transaction, { kind: 'no_subscription' });
    }
    if (statusAt(subscription, now) === 'canceled') {
      return unchanged(transaction, { kind: 'ended', subscription });
    }
    const owner = change.priceId === undefined ? undefined : priceOwners.get(change.priceId);
    if (change.priceId !== undefined && owner === undefined) {
      return unchanged(transaction, { kind: 'no_price' });
    }
    const present = priceOwners.get(subscription.priceId)?.price ?? null;
    const updated = patchSubscription(subscription, { ...change, owner }, present, now);
    await saveSubscription(transaction, tenantId, updated);
    await planChanged(transaction, tenantId, catalog, customer, now);
    await saveAudit(transaction, tenantId, [subscriptionEntry(author, id, change, now)]);
    return {
      result: { kind: 'updated', subscription: updated },
      changes: [{ kind: 'plan', tenantId, externalId: customer.externalId }],
    };
  });
}

export async function findSubscription(
  database: Queryable,
  tenantId: string,
  id: string,
): Promise<Subscription | null> {
  const [row] = await database.query(SELECT_SUBSCRIPTION, tenantId, storable(id));
  return row === undefined ? null : toSubscription(row);
}

export async function listSubscriptions(
  database: Queryable,
  tenantId: string,
  customerId: string,
): Promise<Subscription[] | null> {
  const customer = await findCustomer(database, tenantId, customerId);
  if (customer?.deletedAt !== null) return null;
  return (await selectSubscriptions(database, tenantId, customer.id, SUBSCRIPTIONS_MAX)).map(toSubscription);
}

/** A customer's subscriptions, newest first; all of them without a `max`. */
export function selectSubscriptions(
  database: Queryable,
  tenantId: string,
  customerId: string,
  max: number | null,
): Promise<Row[]> {
  return database.query(SELECT_SUBSCRIPTIONS, tenantId, customerId, max);
}

export async function saveSubscription(
  database: Queryable,
  tenantId: string,
  subscription: Subscription,
): Promise<void> {
  await database.query(UPSERT_SUBSCRIPTION, tenantId, ...fromSubscription(subscription));
}

/** Every change of plan moves the revision, the first one sets the anchor, and one of reset opens counters. */
async function planChanged(
  transaction: Transaction,
  tenantId: string,
  catalog: Catalog,
  before: Customer,
  now: number,
): Promise<void> {
  await transaction.query(PLAN_CHANGED, tenantId, before.id, REVISION_STEP, now);
  const after = await findCustomer(transaction, tenantId, before.id);
  const standings = { before: standingAt(before, catalog, now), after: standingAt(after, catalog, now) };
  const quotas = reopened(before.id, standings, now);
  if (quotas.length === 0) return;
  const keys = new Map(quotas.flatMap(({ from, to }) => [from, to]).map((key) => [counterId(key), key]));
  // Made where they are missing, so that no batch can charge one that was read as empty here.
  const turn = { transaction, tenantId, makesCounters: true };
  const counters = await lockCounters(turn, [...keys.values()]);
  const opened = openings(
    quotas,
    now,
    (key) => counters.get(counterId(key)) ?? emptyCounter(key),
    (prefix) => newId(prefix, now),
  );
  if (opened.length === 0) return;
  await write(
    turn,
    opened.map(({ event }) => event),
    opened.map(({ counter }) => counter),
  );
}

/** Every change of plan moves the revision, and the first one sets the anchor. */
const PLAN_CHANGED = {
  name: 'customer_plan_changed',
  text: `update customer set revision = revision + $3::bigint, anchor = coalesce(anchor, $4), updated_at = $4
  where tenant_id = $1 and id = $2`,
};
const SELECT_SUBSCRIPTION = {
  name: 'subscription',
  text: `select ${listOf(SUBSCRIPTION_COLUMNS)} from subscription where tenant_id = $1 and id = $2`,
};
const SELECT_SUBSCRIPTIONS = {
  name: 'subscriptions',
  text: `select ${listOf(SUBSCRIPTION_COLUMNS)} from subscription
  where tenant_id = $1 and customer_id = $2 order by ${NEWEST_FIRST} limit $3`,
};
const UPSERT_SUBSCRIPTION = {
  name: 'subscription_upsert',
  text: `insert into subscription (tenant_id, ${listOf(SUBSCRIPTION_COLUMNS)})
  values ($1, ${SUBSCRIPTION_COLUMNS.map((_, index) => `$${index + 2}`).join(', ')})
  on conflict (tenant_id, id) do update set ${SUBSCRIPTION_COLUMNS.slice(2)
    .map((column) => `${column} = excluded.${column}`)
    .join(', ')}`,
};
const SELECT_TRIAL = {
  name: 'trial',
  text: `select 1 from subscription
  where tenant_id = $1 and customer_id = $2 and trial_product_id = $3 limit 1`,
};
