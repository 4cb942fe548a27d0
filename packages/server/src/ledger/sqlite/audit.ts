import type { AuditEntry } from '../audit-trail.ts';
import { AUDIT_READ_MAX, type AuditRecord } from '../ledger.ts';
import { AUDIT_COLUMNS, fromAuditEntry, toAuditRecord } from '../rows.ts';
import type { Sqlite } from './database.ts';
import { list, marks } from './sql.ts';

/** Adds to the audit trail, in the transaction of what it speaks of. */
export function saveAudit(sqlite: Sqlite, tenantId: string, entries: readonly AuditEntry[]): void {
  for (const entry of entries) sqlite.run(INSERT, tenantId, ...fromAuditEntry(entry));
}

export function auditTrail(sqlite: Sqlite, after: string): AuditRecord[] {
  return sqlite.all(SELECT, after, AUDIT_READ_MAX).map(toAuditRecord);
}

const INSERT = `insert into audit (tenant_id, ${list(AUDIT_COLUMNS)}) values (?, ${marks(AUDIT_COLUMNS)})`;
const SELECT = `select a.*, t.organization, t.mode from audit a join tenant t on t.id = a.tenant_id
  where a.id > ? order by a.id limit ?`;
