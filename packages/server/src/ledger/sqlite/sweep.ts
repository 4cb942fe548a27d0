import { eventIdAt } from '../ids.ts';
import { IDEMPOTENCY_KEPT_MS, SWEEP_EVENTS_MAX } from '../ledger.ts';
import { number, text } from '../rows.ts';
import type { Sqlite } from './database.ts';

/**
 * One step of letting go of what has expired for a tenant. Idempotency records have no index on their age, which
 * every event would pay for: events are kept in the order of their ids, which is that of time, so the sweep walks
 * along them and remembers where it was.
 */
export function sweepTenant(
  sqlite: Sqlite,
  tenantId: string,
  now: number,
): { removed: number; more: boolean } {
  const swept = sqlite.get('select event_id from idempotency_sweep where tenant_id = ?', tenantId);
  const from = swept === undefined ? '' : text(swept, 'event_id');
  const until = eventIdAt(now - IDEMPOTENCY_KEPT_MS);
  const rows = sqlite.all(SELECT_EXPIRED, tenantId, from, until, SWEEP_EVENTS_MAX);
  let removed = 0;
  for (const row of rows) {
    const { customer_id, origin, idempotency_key, id } = row;
    if (idempotency_key === null) continue;
    sqlite.run(DELETE_RECORD, tenantId, customer_id, origin, idempotency_key, id);
    removed += number(sqlite.get('select changes() as changes') ?? {}, 'changes');
  }
  const last = rows.at(-1);
  if (last !== undefined) sqlite.run(UPSERT_SWEPT, tenantId, text(last, 'id'));
  if (rows.length === SWEEP_EVENTS_MAX) return { removed, more: true };

  sqlite.run('delete from revoked_token where tenant_id = ? and until < ?', tenantId, now);
  sqlite.run('delete from nudge_dismissal where tenant_id = ? and until < ?', tenantId, now);
  return { removed, more: false };
}

const SELECT_EXPIRED = `select id, customer_id, origin, idempotency_key from event
  where tenant_id = ? and id > ? and id < ? order by id limit ?`;
const DELETE_RECORD = `delete from idempotency
  where tenant_id = ? and customer_id = ? and origin = ? and key = ? and event_id = ?`;
const UPSERT_SWEPT = `insert into idempotency_sweep (tenant_id, event_id) values (?, ?)
  on conflict (tenant_id) do update set event_id = excluded.event_id`;
