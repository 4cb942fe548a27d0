import type { Catalog } from '../../metering/catalog.ts';
import {
  anonymous,
  recreate,
  withProfile,
  type CreateOutcome,
  type Profile,
} from '../../metering/customer.ts';
import { openings, reopened } from '../../metering/opening.ts';
import {
  endForGood,
  endSubscription,
  firstSight,
  patchSubscription,
  REVISION_STEP,
  standingAt,
  statusAt,
  subscribe,
  type Customer,
  type Subscription,
} from '../../metering/subscription.ts';
import { emptyCounter } from '../../metering/usage.ts';
import { deletedEntry, subscribedEntry, subscriptionEntry, type Author } from '../audit-trail.ts';
import { newId } from '../ids.ts';
import {
  CLEARED_EVENTS_MAX,
  SUBSCRIPTIONS_MAX,
  type Subscribed,
  type SubscriptionChange,
  type Updated,
} from '../ledger.ts';
import {
  CUSTOMER_COLUMNS,
  fromCustomer,
  fromSubscription,
  number,
  SUBSCRIPTION_COLUMNS,
  text,
  toCustomer,
  toSubscription,
} from '../rows.ts';
import { buriedUnder, tombstoneOf } from '../tombstone.ts';
import { saveAudit } from './audit.ts';
import type { Sqlite } from './database.ts';
import { excluded, list, marks } from './sql.ts';
import { loadCounter, saveCounters, saveEvents } from './track.ts';

/** Customers and their subscriptions. What writes runs inside a transaction of the caller's. */
export interface SqliteCustomers {
  customer: (tenantId: string, id: string) => Customer | null;
  customerByExternalId: (tenantId: string, externalId: string) => Customer | null;
  /** Whether this external id was a customer's who has been deleted. */
  isDeleted: (tenantId: string, externalId: string) => boolean;
  ensureCustomer: (tenantId: string, externalId: string, profile: Profile, now: number) => Customer | null;
  createCustomer: (tenantId: string, externalId: string, profile: Profile, now: number) => CreateOutcome;
  updateCustomer: (tenantId: string, id: string, profile: Profile, now: number) => Customer | null;
  /** The customer as they were; `null` when there is none. */
  deleteCustomer: (tenantId: string, id: string, author: Author, now: number) => Customer | null;
  /** Deleted customers in whose events something is still said. */
  talkative: (tenantId: string) => string[];
  /** One bounded step of clearing what a deleted customer's events say; whether there may be more. */
  clearEvents: (tenantId: string, id: string, max?: number) => boolean;
  subscribe: (
    tenantId: string,
    customerId: string,
    priceId: string,
    metadata: Record<string, unknown>,
    author: Author,
    now: number,
  ) => Subscribed;
  subscription: (tenantId: string, id: string) => Subscription | null;
  subscriptions: (tenantId: string, customerId: string) => Subscription[] | null;
  updateSubscription: (
    tenantId: string,
    id: string,
    change: SubscriptionChange,
    author: Author,
    now: number,
  ) => Updated;
}

export function sqliteCustomers(sqlite: Sqlite, catalogOf: (tenantId: string) => Catalog): SqliteCustomers {
  function findBy(column: 'id' | 'external_id', tenantId: string, value: string): Customer | null {
    const row = sqlite.get(SELECT_CUSTOMER[column], tenantId, value);
    if (row === undefined) return null;
    const latest = sqlite.get(SELECT_LATEST_SUBSCRIPTION, tenantId, text(row, 'id'));
    return toCustomer(row, latest === undefined ? null : toSubscription(latest));
  }

  const customer = (tenantId: string, id: string) => findBy('id', tenantId, id);
  const customerByExternalId = (tenantId: string, externalId: string) =>
    findBy('external_id', tenantId, externalId);

  /** A customer who has not been deleted. */
  function findPresent(tenantId: string, id: string): Customer | null {
    const found = customer(tenantId, id);
    return found?.deletedAt === null ? found : null;
  }

  function subscription(tenantId: string, id: string): Subscription | null {
    const row = sqlite.get(SELECT_SUBSCRIPTION, tenantId, id);
    return row === undefined ? null : toSubscription(row);
  }

  function isDeleted(tenantId: string, externalId: string): boolean {
    return sqlite.get(SELECT_CUSTOMER.external_id, tenantId, tombstoneOf(tenantId, externalId)) !== undefined;
  }

  function save(tenantId: string, saved: Customer): void {
    sqlite.run(UPSERT_CUSTOMER, tenantId, ...fromCustomer(saved));
  }

  function saveSubscription(tenantId: string, saved: Subscription): void {
    sqlite.run(UPSERT_SUBSCRIPTION, tenantId, ...fromSubscription(saved));
  }

  function insert(tenantId: string, fresh: Customer): Customer {
    save(tenantId, fresh);
    if (fresh.subscription !== null) saveSubscription(tenantId, fresh.subscription);
    return fresh;
  }

  /** Every change of plan moves the revision, the first one sets the anchor, and one of reset opens counters. */
  function planChanged(tenantId: string, before: Customer, now: number): void {
    const revision = before.revision + REVISION_STEP;
    save(tenantId, { ...before, revision, anchor: before.anchor ?? now, updatedAt: now });
    const after = customer(tenantId, before.id);
    const catalog = catalogOf(tenantId);
    const quotas = reopened(
      before.id,
      { before: standingAt(before, catalog, now), after: standingAt(after, catalog, now) },
      now,
    );
    const opened = openings(
      quotas,
      now,
      (key) => loadCounter(sqlite, tenantId, key) ?? emptyCounter(key),
      (prefix) => newId(prefix, now),
    );
    saveEvents(
      sqlite,
      tenantId,
      opened.map(({ event }) => event),
    );
    saveCounters(
      sqlite,
      tenantId,
      opened.map(({ counter }) => counter),
    );
  }

  function firstSeen(tenantId: string, externalId: string, now: number): Customer {
    return firstSight(externalId, catalogOf(tenantId), now, (prefix) => newId(prefix, now));
  }

  return {
    customer,
    customerByExternalId,
    isDeleted,
    ensureCustomer(tenantId, externalId, profile, now) {
      const known = customerByExternalId(tenantId, externalId);
      if (known !== null) {
        const next = withProfile(known, profile, now);
        if (next !== known) save(tenantId, next);
        return next;
      }
      if (catalogOf(tenantId).defaultProduct === null || isDeleted(tenantId, externalId)) return null;
      return insert(tenantId, withProfile(firstSeen(tenantId, externalId, now), profile, now));
    },
    createCustomer(tenantId, externalId, profile, now) {
      const known = customerByExternalId(tenantId, externalId);
      if (known !== null) {
        const outcome = recreate(known, profile, now);
        if (outcome.customer !== known) save(tenantId, outcome.customer);
        return outcome;
      }
      const deleted = customerByExternalId(tenantId, tombstoneOf(tenantId, externalId));
      if (deleted !== null) save(tenantId, { ...deleted, externalId: buriedUnder(deleted.id) });
      const fresh = withProfile(firstSeen(tenantId, externalId, now), profile, now);
      // The revision goes on from the old one's, so that nobody takes what they are shown for outdated.
      const revision = deleted?.revision ?? 0;
      return { kind: 'created', customer: insert(tenantId, { ...fresh, implicit: false, revision }) };
    },
    updateCustomer(tenantId, id, profile, now) {
      const present = findPresent(tenantId, id);
      if (present === null) return null;
      const next = withProfile(present, profile, now);
      if (next !== present) save(tenantId, next);
      return next;
    },
    deleteCustomer(tenantId, id, author, now) {
      const present = findPresent(tenantId, id);
      if (present === null) return null;
      save(tenantId, anonymous(present, tombstoneOf(tenantId, present.externalId), now));
      for (const row of sqlite.all(SELECT_SUBSCRIPTIONS, tenantId, id, -1)) {
        saveSubscription(tenantId, endForGood(toSubscription(row), now));
      }
      sqlite.run(DELETE_DISMISSALS, tenantId, id);
      saveAudit(sqlite, tenantId, [deletedEntry(author, id, now)]);
      return present;
    },
    talkative: (tenantId) => sqlite.all(SELECT_TALKATIVE, tenantId).map((row) => text(row, 'id')),
    clearEvents(tenantId, id, max = CLEARED_EVENTS_MAX) {
      sqlite.run(CLEAR_EVENTS, tenantId, tenantId, id, max);
      return number(sqlite.get('select changes() as changes') ?? {}, 'changes') === max;
    },
    subscribe(tenantId, customerId, priceId, metadata, author, now) {
      const present = findPresent(tenantId, customerId);
      if (present === null) return { kind: 'no_customer' };
      const owner = catalogOf(tenantId).priceOwners.get(priceId);
      if (owner === undefined) return { kind: 'no_price' };
      const trialUsed = sqlite.get(SELECT_TRIAL, tenantId, customerId, owner.product.id) !== undefined;
      const outcome = subscribe(present, owner, now, {
        newId: (prefix) => newId(prefix, now),
        metadata,
        trialUsed,
      });
      if (outcome.kind !== 'created') return outcome;
      const replaced = present.subscription;
      if (replaced !== null && statusAt(replaced, now) !== 'canceled')
        saveSubscription(tenantId, endSubscription(replaced, now));
      saveSubscription(tenantId, outcome.subscription);
      planChanged(tenantId, present, now);
      saveAudit(sqlite, tenantId, [subscribedEntry(author, outcome.subscription, now)]);
      return outcome;
    },
    subscription,
    subscriptions(tenantId, customerId) {
      if (findPresent(tenantId, customerId) === null) return null;
      return sqlite.all(SELECT_SUBSCRIPTIONS, tenantId, customerId, SUBSCRIPTIONS_MAX).map(toSubscription);
    },
    updateSubscription(tenantId, id, change, author, now) {
      const found = subscription(tenantId, id);
      if (found === null) return { kind: 'no_subscription' };
      const owned = customer(tenantId, found.customerId);
      if (owned === null || statusAt(found, now) === 'canceled')
        return { kind: 'ended', subscription: found };
      const { priceOwners } = catalogOf(tenantId);
      const owner = change.priceId === undefined ? undefined : priceOwners.get(change.priceId);
      if (change.priceId !== undefined && owner === undefined) return { kind: 'no_price' };
      const present = priceOwners.get(found.priceId)?.price ?? null;
      const updated = patchSubscription(found, { ...change, owner }, present, now);
      saveSubscription(tenantId, updated);
      planChanged(tenantId, owned, now);
      saveAudit(sqlite, tenantId, [subscriptionEntry(author, id, change, now)]);
      return { kind: 'updated', subscription: updated };
    },
  };
}

/** The index of what is said in events, named: by itself SQLite walks through all events of the tenant. */
const SPOKEN = 'event indexed by event_with_metadata';
/** The events of a deleted customer stay, without what was said in them. */
const CLEAR_EVENTS = `update event set metadata = null where tenant_id = ? and id in (
    select id from ${SPOKEN} where tenant_id = ? and customer_id = ? and metadata is not null limit ?
  )`;
const SELECT_TALKATIVE = `select id from customer c indexed by customer_deleted
  where tenant_id = ? and deleted_at is not null and exists (
    select 1 from ${SPOKEN} where tenant_id = c.tenant_id and customer_id = c.id and metadata is not null
  )`;

/** Of two that started at the same moment the explicit one counts, and the one that has not been ended. */
const NEWEST_FIRST = `started_at desc, implicit, status = 'canceled', id desc`;

const DELETE_DISMISSALS = 'delete from nudge_dismissal where tenant_id = ? and customer_id = ?';
const SELECT_CUSTOMER = {
  id: `select ${list(CUSTOMER_COLUMNS)} from customer where tenant_id = ? and id = ?`,
  external_id: `select ${list(CUSTOMER_COLUMNS)} from customer where tenant_id = ? and external_id = ?`,
};
const UPSERT_CUSTOMER = `insert into customer (tenant_id, ${list(CUSTOMER_COLUMNS)})
  values (?, ${marks(CUSTOMER_COLUMNS)})
  on conflict (tenant_id, id) do update set ${excluded(CUSTOMER_COLUMNS.slice(1))}`;
const SELECT_SUBSCRIPTION = `select ${list(SUBSCRIPTION_COLUMNS)} from subscription where tenant_id = ? and id = ?`;
/** Their index is named: by itself SQLite walks through all subscriptions of the tenant, 40 µs for 1 000 of them. */
const OF_CUSTOMER = 'subscription indexed by subscription_by_customer';
const SELECT_SUBSCRIPTIONS = `select ${list(SUBSCRIPTION_COLUMNS)} from ${OF_CUSTOMER}
  where tenant_id = ? and customer_id = ? order by ${NEWEST_FIRST} limit ?`;
const SELECT_LATEST_SUBSCRIPTION = `select ${list(SUBSCRIPTION_COLUMNS)} from ${OF_CUSTOMER}
  where tenant_id = ? and customer_id = ? order by ${NEWEST_FIRST} limit 1`;
const UPSERT_SUBSCRIPTION = `insert into subscription (tenant_id, ${list(SUBSCRIPTION_COLUMNS)})
  values (?, ${marks(SUBSCRIPTION_COLUMNS)})
  on conflict (tenant_id, id) do update set ${excluded(SUBSCRIPTION_COLUMNS.slice(2))}`;
const SELECT_TRIAL = `select 1 from ${OF_CUSTOMER}
  where tenant_id = ? and customer_id = ? and trial_product_id = ? limit 1`;
