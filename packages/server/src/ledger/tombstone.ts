import { createHash } from 'node:crypto';

/**
 * What a deleted customer's external id is replaced by. The id itself is personal data and is not kept; its hash is,
 * so that the customer does not come back by themselves (wire contract §1). The control character keeps it apart from
 * every id that a merchant can send.
 */
export function tombstoneOf(tenantId: string, externalId: string): string {
  return `\u0001${createHash('sha256').update(`${tenantId}\n${externalId}`).digest('base64url')}`;
}

/** What a tombstone becomes when its external id is given to a new customer: the old one's id, found by nobody. */
export function buriedUnder(customerId: string): string {
  return `\u0001${customerId}`;
}
