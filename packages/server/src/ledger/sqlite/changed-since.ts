import type { Shown } from '../account.ts';
import type { Change } from '../ledger.ts';
import { number } from '../rows.ts';
import type { SqliteCustomers } from './customers.ts';
import type { Sqlite } from './database.ts';
import { loadCounter } from './track.ts';

/** Compares what watchers were shown with what is stored: another process may have written it. */
export function changedSince(
  sqlite: Sqlite,
  customers: Pick<SqliteCustomers, 'customerByExternalId'>,
  tenantId: string,
  shown: readonly Shown[],
): Change[] {
  const row = sqlite.get('select revision from catalog where tenant_id = ?', tenantId);
  const revision = row === undefined ? 0 : number(row, 'revision');
  if (shown.some(({ catalogRevision }) => catalogRevision !== revision))
    return [{ kind: 'catalog', tenantId }];
  return shown.flatMap(({ externalId, customerRevision, counters }): Change[] => {
    const customer = customers.customerByExternalId(tenantId, externalId);
    if ((customer?.revision ?? null) !== customerRevision) return [{ kind: 'plan', tenantId, externalId }];
    return counters
      .filter((counter) => (loadCounter(sqlite, tenantId, counter)?.sequence ?? 0) !== counter.sequence)
      .map(({ feature }) => ({ kind: 'usage', tenantId, externalId, feature }));
  });
}
