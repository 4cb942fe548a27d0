import { tokenEntry, type Author } from '../audit-trail.ts';
import type { Grant } from '../ledger.ts';
import { number } from '../rows.ts';
import { saveAudit } from './audit.ts';
import type { Database, Queryable } from './database.ts';

/** Session tokens are not stored; that one must not be used any more is. */
export function revokeToken(
  database: Database,
  tenantId: string,
  tokenId: string,
  until: number,
  author: Author,
  now: number,
): Promise<void> {
  return database.transaction(async (transaction) => {
    const inserted = await transaction.query(INSERT_REVOKED, tenantId, tokenId, until);
    if (inserted.length > 0) await saveAudit(transaction, tenantId, [tokenEntry(author, tokenId, now)]);
  });
}

export async function grantsHold(
  database: Queryable,
  tenantId: string,
  grants: readonly Grant[],
): Promise<boolean[]> {
  const rows = await database.query(
    SELECT_HOLDING,
    tenantId,
    grants.map(({ keyId }) => keyId),
    grants.map(({ tokenId }) => tokenId),
    grants.map(({ customerId }) => customerId),
  );
  const holding = new Set(rows.map((row) => number(row, 'position')));
  return grants.map((_, index) => holding.has(index + 1));
}

const INSERT_REVOKED = {
  name: 'token_revoke',
  text: `insert into revoked_token (tenant_id, token_id, until) values ($1, $2, $3)
  on conflict do nothing returning token_id`,
};

const SELECT_HOLDING = {
  name: 'grants_hold',
  text: `select g.position
  from unnest($2::text[], $3::text[], $4::text[]) with ordinality as g (key_id, token_id, customer_id, position)
  cross join lateral (
    select from secret_key where id = g.key_id and tenant_id = $1 and revoked_at is null limit 1
  ) k
  left join lateral (
    select 1 as found from customer where tenant_id = $1 and id = g.customer_id and deleted_at is null limit 1
  ) c on true
  left join lateral (
    select 1 as found from revoked_token where tenant_id = $1 and token_id = g.token_id limit 1
  ) r on true
  where (g.customer_id is null or c.found is not null) and r.found is null`,
};
