import type { AuditEntry } from '../audit-trail.ts';
import { AUDIT_READ_MAX, type AuditRecord } from '../ledger.ts';
import { AUDIT_COLUMNS, fromAuditEntry, toAuditRecord } from '../rows.ts';
import type { Queryable, Transaction } from './database.ts';
import { listOf, storable, tableOf, toArrays } from './sql.ts';

/** Adds to the audit trail, in the transaction of what it speaks of. */
export async function saveAudit(
  transaction: Transaction,
  tenantId: string,
  entries: readonly AuditEntry[],
): Promise<void> {
  if (entries.length === 0) return;
  await transaction.query(INSERT, tenantId, ...toArrays(AUDIT_COLUMNS, entries.map(fromAuditEntry)));
}

export async function auditTrail(database: Queryable, after: string): Promise<AuditRecord[]> {
  return (await database.query(SELECT, storable(after), AUDIT_READ_MAX)).map(toAuditRecord);
}

const INSERT = {
  name: 'audit_insert',
  text: `insert into audit (tenant_id, ${listOf(AUDIT_COLUMNS)})
  select $1, ${listOf(AUDIT_COLUMNS)} from ${tableOf(AUDIT_COLUMNS, 'a', 2)}`,
};
const SELECT = {
  name: 'audit',
  text: `select a.*, t.organization, t.mode from audit a join tenant t on t.id = a.tenant_id
  where a.id > $1 order by a.id limit $2`,
};
