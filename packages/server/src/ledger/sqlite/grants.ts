import { tokenEntry, type Author } from '../audit-trail.ts';
import type { Grant } from '../ledger.ts';
import { saveAudit } from './audit.ts';
import type { Sqlite } from './database.ts';

/** Session tokens are not stored; that one must not be used any more is. */
export function revokeToken(
  sqlite: Sqlite,
  tenantId: string,
  tokenId: string,
  until: number,
  author: Author,
  now: number,
): void {
  if (sqlite.get(INSERT_REVOKED, tenantId, tokenId, until) === undefined) return;
  saveAudit(sqlite, tenantId, [tokenEntry(author, tokenId, now)]);
}

export function grantsHold(sqlite: Sqlite, tenantId: string, grants: readonly Grant[]): boolean[] {
  return grants.map(({ keyId, tokenId, customerId }) => {
    if (sqlite.get(SELECT_KEY, keyId, tenantId) === undefined) return false;
    if (tokenId !== null && sqlite.get(SELECT_REVOKED, tenantId, tokenId) !== undefined) return false;
    return customerId === null || sqlite.get(SELECT_CUSTOMER, tenantId, customerId) !== undefined;
  });
}

const INSERT_REVOKED = `insert into revoked_token (tenant_id, token_id, until) values (?, ?, ?)
  on conflict do nothing returning token_id`;
const SELECT_KEY = 'select 1 from secret_key where id = ? and tenant_id = ? and revoked_at is null';
const SELECT_REVOKED = 'select 1 from revoked_token where tenant_id = ? and token_id = ?';
const SELECT_CUSTOMER = 'select 1 from customer where tenant_id = ? and id = ? and deleted_at is null';
