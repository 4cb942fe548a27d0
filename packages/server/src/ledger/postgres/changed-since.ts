import type { Shown } from '../account.ts';
import type { Change } from '../ledger.ts';
import { COUNTER_COLUMNS, text } from '../rows.ts';
import type { Queryable } from './database.ts';
import { storable, tableOf, toArrays } from './sql.ts';

/**
 * Compares what watchers were shown with what is stored: the backstop for notifications that never came. A thousand
 * watchers of five features are one statement of six thousand look-ups by key.
 */
export async function changedSince(
  database: Queryable,
  tenantId: string,
  shown: readonly Shown[],
): Promise<Change[]> {
  const counters = shown.flatMap(({ externalId, counters: keys }) =>
    keys.map((key) => [
      externalId,
      key.customerId,
      key.feature,
      key.reset,
      BigInt(key.periodStart),
      BigInt(key.sequence),
    ]),
  );
  const rows = await database.query(
    SELECT_CHANGED,
    tenantId,
    Math.min(...shown.map(({ catalogRevision }) => catalogRevision)),
    shown.map(({ externalId }) => storable(externalId)),
    shown.map(({ customerRevision }) => customerRevision),
    ...toArrays(COUNTER_SHOWN, counters),
  );
  const externalIds = new Map(shown.map(({ externalId }) => [storable(externalId), externalId]));
  return rows.map((row): Change => {
    if (row['external_id'] === null) return { kind: 'catalog', tenantId };
    const stored = text(row, 'external_id');
    const externalId = externalIds.get(stored) ?? stored;
    return row['feature'] === null
      ? { kind: 'plan', tenantId, externalId }
      : { kind: 'usage', tenantId, externalId, feature: text(row, 'feature') };
  });
}

const COUNTER_SHOWN = ['external_id', ...COUNTER_COLUMNS.slice(0, 4), 'sequence'];

const SELECT_CHANGED = {
  name: 'changed_since',
  text: `select null as external_id, null as feature
  where coalesce((select revision from catalog where tenant_id = $1), 0) <> $2::bigint
  union all
  select s.external_id, null from unnest($3::text[], $4::bigint[]) as s (external_id, revision)
  left join lateral (
    select revision from customer where tenant_id = $1 and external_id = s.external_id limit 1
  ) c on true
  where c.revision is distinct from s.revision
  union all
  select s.external_id, s.feature from ${tableOf(COUNTER_SHOWN, 's', 5)}
  left join lateral (
    select sequence from counter where tenant_id = $1 and customer_id = s.customer_id and feature = s.feature
      and reset = s.reset and period_start = s.period_start
    limit 1
  ) n on true
  where coalesce(n.sequence, 0) <> s.sequence`,
};
