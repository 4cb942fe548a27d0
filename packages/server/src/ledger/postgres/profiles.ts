import {
  anonymous,
  recreate,
  withProfile,
  type CreateOutcome,
  type Profile,
} from '../../metering/customer.ts';
import { endForGood, firstSight, type Customer } from '../../metering/subscription.ts';
import { deletedEntry, type Author } from '../audit-trail.ts';
import { newId } from '../ids.ts';
import { CLEARED_EVENTS_MAX, LedgerUnavailableError } from '../ledger.ts';
import { CUSTOMER_COLUMNS, fromCustomer, number, text, toSubscription } from '../rows.ts';
import { buriedUnder, tombstoneOf } from '../tombstone.ts';
import { saveAudit } from './audit.ts';
import type { Catalogs } from './catalogs.ts';
import { ensureStandings, insertCustomers, lockCustomer } from './customers.ts';
import type { Database, Queryable } from './database.ts';
import { saveSubscription, selectSubscriptions } from './plans.ts';
import { storable } from './sql.ts';
import { unchanged, type Written } from './written.ts';

/** Who customers are, beside what they use: created, changed and deleted by the merchant. */

export async function ensureCustomer(
  database: Database,
  catalogs: Catalogs,
  tenantId: string,
  externalId: string,
  profile: Profile,
  now: number,
): Promise<Customer | null> {
  const { customers } = await ensureStandings(database, catalogs, tenantId, [externalId], now);
  const customer = customers.get(externalId);
  if (customer === undefined) return null;
  if (withProfile(customer, profile, now) === customer) return customer;
  return updateCustomer(database, tenantId, customer.id, profile, now);
}

/** How often a customer is created anew because they were deleted in the middle of it. */
const CREATIONS_MAX = 10;

export async function createCustomer(
  database: Database,
  catalogs: Catalogs,
  tenantId: string,
  externalId: string,
  profile: Profile,
  now: number,
): Promise<CreateOutcome> {
  /** `null` when they were deleted meanwhile. */
  const createOnce = () =>
    database.transaction(async (transaction): Promise<CreateOutcome | null> => {
      const catalog = await catalogs.hold(transaction, tenantId);
      const seen = firstSight(storable(externalId), catalog, now, (prefix) => newId(prefix, now));
      const fresh = { ...withProfile(seen, profile, now), implicit: false };
      if ((await insertCustomers(transaction, tenantId, [fresh])) > 0) {
        const revision = await bury(transaction, tenantId, externalId);
        if (revision === 0) return { kind: 'created', customer: fresh };
        const following = { ...fresh, revision };
        await saveCustomer(transaction, tenantId, following);
        return { kind: 'created', customer: following };
      }
      const [taken] = await transaction.query(SELECT_BY_EXTERNAL_ID, tenantId, storable(externalId));
      const known = taken && (await lockCustomer(transaction, tenantId, text(taken, 'id')));
      if (known?.deletedAt !== null) return null;
      const outcome = recreate(known, profile, now);
      if (outcome.customer !== known) await saveCustomer(transaction, tenantId, outcome.customer);
      return outcome;
    });
  for (let creation = 1; creation <= CREATIONS_MAX; creation += 1) {
    const outcome = await createOnce();
    if (outcome !== null) return outcome;
  }
  throw new LedgerUnavailableError('The customer was deleted again and again while they were created');
}

export function updateCustomer(
  database: Database,
  tenantId: string,
  id: string,
  profile: Profile,
  now: number,
): Promise<Customer | null> {
  return database.transaction(async (transaction) => {
    const customer = await lockCustomer(transaction, tenantId, id);
    if (customer?.deletedAt !== null) return null;
    const next = withProfile(customer, profile, now);
    if (next !== customer) await saveCustomer(transaction, tenantId, next);
    return next;
  });
}

/**
 * The plan first, so that nothing more is recorded; then what is said in events. Locked counters let whoever charges
 * them commit before, so that what they record is cleared with the rest; who comes after finds the customer changed,
 * and so does who makes a counter, for they hold the customer: see `track.ts`.
 */
export function deleteCustomer(
  database: Database,
  tenantId: string,
  id: string,
  author: Author,
  now: number,
): Promise<Written<boolean>> {
  return database.transaction(async (transaction): Promise<Written<boolean>> => {
    const customer = await lockCustomer(transaction, tenantId, id);
    if (customer?.deletedAt !== null) return unchanged(transaction, false);
    const { externalId } = customer;
    await transaction.query(LOCK_COUNTERS_OF, tenantId, id);
    await saveCustomer(transaction, tenantId, anonymous(customer, tombstoneOf(tenantId, externalId), now));
    for (const row of await selectSubscriptions(transaction, tenantId, id, null)) {
      await saveSubscription(transaction, tenantId, endForGood(toSubscription(row), now));
    }
    await transaction.query(DELETE_DISMISSALS, tenantId, id);
    await saveAudit(transaction, tenantId, [deletedEntry(author, id, now)]);
    return { result: true, changes: [{ kind: 'plan', tenantId, externalId }] };
  });
}

/** Clears what a deleted customer's events say. Each step is a transaction of its own, between which others write. */
export async function clearEvents(
  database: Database,
  tenantId: string,
  customerId: string,
  stepMax = CLEARED_EVENTS_MAX,
): Promise<void> {
  for (let cleared = stepMax; cleared === stepMax;) {
    const [row] = await database.transaction(async (transaction) => {
      await transaction.query(WALK_INDEXES);
      return transaction.query(CLEAR_EVENTS, tenantId, storable(customerId), stepMax);
    });
    cleared = row === undefined ? 0 : number(row, 'cleared');
  }
}

/**
 * Gives up the tombstone of an external id that belongs to a new customer. Once they are inserted nobody else can be
 * deleted under it: a deletion that the insert waited for has left its tombstone by now.
 *
 * @returns the revision from which the new customer goes on, so that nobody takes what they are shown for outdated
 */
async function bury(database: Queryable, tenantId: string, externalId: string): Promise<number> {
  const tombstone = tombstoneOf(tenantId, storable(externalId));
  const [deleted] = await database.query(SELECT_BY_EXTERNAL_ID, tenantId, tombstone);
  if (deleted === undefined) return 0;
  const id = text(deleted, 'id');
  await database.query(UPDATE_EXTERNAL_ID, tenantId, id, buriedUnder(id));
  return number(deleted, 'revision');
}

async function saveCustomer(database: Queryable, tenantId: string, customer: Customer): Promise<void> {
  await database.query(UPDATE_CUSTOMER, tenantId, ...fromCustomer(customer));
}

/** Other plans look at all that is left, for each step anew: a million events took 61 s instead of 44. */
const WALK_INDEXES = { name: '', text: 'set local enable_bitmapscan = off; set local enable_seqscan = off' };
/** Their ids first, as an array: no plan of this joins the tenant's events. */
const CLEAR_EVENTS = {
  name: 'events_clear',
  text: `with cleared as (
    update event set metadata = null where tenant_id = $1 and id = any(array(
      select id from event where tenant_id = $1 and customer_id = $2 and metadata is not null limit $3
    )) returning 1
  )
  select count(*) as cleared from cleared`,
};
/** In key order, as every batch locks them. */
const LOCK_COUNTERS_OF = {
  name: 'counters_lock_of',
  text: `select 1 from counter where tenant_id = $1 and customer_id = $2
  order by feature, reset, period_start for update`,
};

const SELECT_BY_EXTERNAL_ID = {
  name: 'customer_by_external_id',
  text: 'select id, revision from customer where tenant_id = $1 and external_id = $2',
};
const UPDATE_CUSTOMER = {
  name: 'customer_update',
  text: `update customer
  set ${CUSTOMER_COLUMNS.slice(1)
    .map((column, index) => `${column} = $${index + 3}`)
    .join(', ')}
  where tenant_id = $1 and id = $2`,
};
const UPDATE_EXTERNAL_ID = {
  name: 'customer_bury',
  text: 'update customer set external_id = $3 where tenant_id = $1 and id = $2',
};
const DELETE_DISMISSALS = {
  name: 'dismissals_delete',
  text: 'delete from nudge_dismissal where tenant_id = $1 and customer_id = $2',
};
