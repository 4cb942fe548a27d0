import {
  anonymous,
  recreate,
  withProfile,
  type CreateOutcome,
  type Profile,
} from '../../metering/customer.ts';
import { endForGood, firstSight, type Customer } from '../../metering/subscription.ts';
import { newId } from '../ids.ts';
import { LedgerUnavailableError } from '../ledger.ts';
import { CUSTOMER_COLUMNS, fromCustomer, number, text, toSubscription } from '../rows.ts';
import { buriedUnder, tombstoneOf } from '../tombstone.ts';
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
  return (await updateCustomer(database, tenantId, customer.id, profile, now)) ?? null;
}

export function createCustomer(
  database: Database,
  catalogs: Catalogs,
  tenantId: string,
  externalId: string,
  profile: Profile,
  now: number,
): Promise<CreateOutcome> {
  return database.transaction(async (transaction): Promise<CreateOutcome> => {
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
    if (known?.deletedAt !== null) {
      throw new LedgerUnavailableError('The customer was deleted while they were created');
    }
    const outcome = recreate(known, profile, now);
    if (outcome.customer !== known) await saveCustomer(transaction, tenantId, outcome.customer);
    return outcome;
  });
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
 * An event of theirs may be on its way in another process: it is recorded, for nobody, and what it says is cleared
 * by the next sweep.
 */
export function deleteCustomer(
  database: Database,
  tenantId: string,
  id: string,
  now: number,
): Promise<Written<boolean>> {
  return database.transaction(async (transaction): Promise<Written<boolean>> => {
    const customer = await lockCustomer(transaction, tenantId, id);
    if (customer?.deletedAt !== null) return unchanged(transaction, false);
    const { externalId } = customer;
    await saveCustomer(transaction, tenantId, anonymous(customer, tombstoneOf(tenantId, externalId), now));
    for (const row of await selectSubscriptions(transaction, tenantId, id, null)) {
      await saveSubscription(transaction, tenantId, endForGood(toSubscription(row), now));
    }
    await transaction.query(DELETE_DISMISSALS, tenantId, id);
    await transaction.query(CLEAR_EVENT_METADATA, tenantId, id);
    return { result: true, changes: [{ kind: 'plan', tenantId, externalId }] };
  });
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

export const CLEAR_EVENT_METADATA = {
  name: 'event_metadata_clear',
  text: `update event set metadata = null
  where tenant_id = $1 and customer_id = $2 and metadata is not null`,
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
