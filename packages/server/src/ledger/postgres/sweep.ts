import { eventIdAt } from '../ids.ts';
import { IDEMPOTENCY_KEPT_MS, SWEEP_EVENTS_MAX } from '../ledger.ts';
import { number, text } from '../rows.ts';
import type { Database } from './database.ts';
import { clearEvents } from './profiles.ts';

/**
 * Lets go of what has expired. Idempotency records have no index on their age, which every event would pay for:
 * events are kept in the order of their ids, which is that of time, so the sweep walks along them and remembers where
 * it was. Two processes that sweep at once find each other's records gone, which does no harm.
 *
 * @returns how many idempotency records went
 */
export async function sweep(database: Database, now: number): Promise<number> {
  let removed = 0;
  for (const row of await database.query(SELECT_TENANTS)) {
    removed += await sweepTenant(database, text(row, 'id'), now);
  }
  return removed;
}

async function sweepTenant(database: Database, tenantId: string, now: number): Promise<number> {
  const until = eventIdAt(now - IDEMPOTENCY_KEPT_MS);
  let removed = 0;
  for (let seen = SWEEP_EVENTS_MAX; seen === SWEEP_EVENTS_MAX;) {
    const [row] = await database.query(SWEEP_SOME, tenantId, until, SWEEP_EVENTS_MAX);
    seen = row === undefined ? 0 : number(row, 'seen');
    removed += row === undefined ? 0 : number(row, 'removed');
  }
  await database.query(DELETE_REVOKED, tenantId, now);
  await database.query(DELETE_DISMISSALS, tenantId, now);
  await clearTheDeleted(database, tenantId);
  return removed;
}

/** What a deletion that was broken off has left. */
async function clearTheDeleted(database: Database, tenantId: string): Promise<void> {
  for (const row of await database.query(SELECT_TALKATIVE, tenantId)) {
    await clearEvents(database, tenantId, text(row, 'id'));
  }
}

const SELECT_TENANTS = { name: 'tenants', text: 'select id from tenant' };

const SWEEP_SOME = {
  name: 'sweep',
  text: `with expired as (
    select id, customer_id, origin, idempotency_key from event
    where tenant_id = $1 and id < $2
      and id > coalesce((select event_id from idempotency_sweep where tenant_id = $1), '')
    order by id limit $3
  ), removed as (
    delete from idempotency i using expired e
    where i.tenant_id = $1 and i.customer_id = e.customer_id and i.origin = e.origin
      and i.key = e.idempotency_key and i.event_id = e.id
    returning 1
  ), swept as (
    insert into idempotency_sweep (tenant_id, event_id)
    select $1, max(id) from expired having count(*) > 0
    on conflict (tenant_id) do update set event_id = greatest(idempotency_sweep.event_id, excluded.event_id)
  )
  select (select count(*) from expired) as seen, (select count(*) from removed) as removed`,
};
const DELETE_REVOKED = {
  name: 'revoked_expire',
  text: 'delete from revoked_token where tenant_id = $1 and until < $2',
};
const DELETE_DISMISSALS = {
  name: 'dismissals_expire',
  text: 'delete from nudge_dismissal where tenant_id = $1 and until < $2',
};
const SELECT_TALKATIVE = {
  name: 'deleted_talkative',
  text: `select id from customer c where tenant_id = $1 and deleted_at is not null
  and exists (select from event where tenant_id = $1 and customer_id = c.id and metadata is not null)`,
};
