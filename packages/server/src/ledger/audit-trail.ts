import { createHash } from 'node:crypto';
import type { TrackCommand, Verdict } from '../metering/decide.ts';
import { formatScaled } from '../metering/quantity.ts';
import type { Subscription } from '../metering/subscription.ts';
import { newId } from './ids.ts';
import type { SubscriptionChange } from './ledger.ts';

/**
 * The audit trail: who changed a key, a catalog or a subscription, revoked a session token, deleted a
 * customer, or took usage back. Written in the transaction of the
 * change itself and never altered, so that neither is there without the other. What is merely added to a counter is
 * not in it: the events are that record, and cost nothing more.
 */

/** In whose name something is done: a request with a secret key, or an operator at the command line. */
export interface Author {
  /** `null` for the operator. */
  readonly keyId: string | null;
  readonly requestId: string | null;
}

export const OPERATOR: Author = { keyId: null, requestId: null };

export type AuditAction =
  | 'key.created'
  | 'key.revoked'
  | 'token.revoked'
  | 'catalog.replaced'
  | 'subscription.created'
  | 'subscription.updated'
  | 'customer.deleted'
  | 'usage.corrected';

export interface AuditEntry {
  readonly id: string;
  readonly at: number;
  readonly action: AuditAction;
  /** The id of what was changed; for usage, of the event, which says the rest. */
  readonly subject: string;
  readonly author: Author;
  /** What it was changed to. Nothing personal, and no metadata: entries outlive the customers they speak of. */
  readonly details: Readonly<Record<string, unknown>>;
}

function entry(
  author: Author,
  now: number,
  change: Pick<AuditEntry, 'action' | 'subject' | 'details'>,
): AuditEntry {
  return { id: newId('aud', now), at: now, author, ...change };
}

/** Keys are the operator's to make and to revoke. */
export function keyEntry(
  action: 'key.created' | 'key.revoked',
  { id, name }: { id: string; name: string },
  now: number,
): AuditEntry {
  return entry(OPERATOR, now, { action, subject: id, details: { name } });
}

/** Tokens are not stored: the id is all there is to say of one. */
export function tokenEntry(author: Author, tokenId: string, now: number): AuditEntry {
  return entry(author, now, { action: 'token.revoked', subject: tokenId, details: {} });
}

/** By our id alone: whoever it was is what had to be forgotten. */
export function deletedEntry(author: Author, customerId: string, now: number): AuditEntry {
  return entry(author, now, { action: 'customer.deleted', subject: customerId, details: {} });
}

/** Says which document it was by its digest: it may be a megabyte, and whoever wrote it has it. */
export function catalogEntry(
  author: Author,
  tenantId: string,
  { revision, document }: { revision: number; document: string },
  now: number,
): AuditEntry {
  const sha256 = createHash('sha256').update(document).digest('hex');
  return entry(author, now, { action: 'catalog.replaced', subject: tenantId, details: { revision, sha256 } });
}

export function subscribedEntry(author: Author, subscription: Subscription, now: number): AuditEntry {
  const { id, customerId, priceId } = subscription;
  const details = { customer_id: customerId, price_id: priceId };
  return entry(author, now, { action: 'subscription.created', subject: id, details });
}

export function subscriptionEntry(
  author: Author,
  id: string,
  { priceId, status, cancelAtPeriodEnd, cancelImmediately }: SubscriptionChange,
  now: number,
): AuditEntry {
  const details = {
    price_id: priceId,
    status,
    cancel_at_period_end: cancelAtPeriodEnd,
    cancel_immediately: cancelImmediately,
  };
  return entry(author, now, { action: 'subscription.updated', subject: id, details });
}

/** The id that an entry of an instant would have at the least: every one before it is smaller. */
export function auditIdAt(instant: number): string {
  return `aud_${Math.max(0, instant).toString(16).padStart(12, '0')}`;
}

/** A command with its author, where the trail must name one. */
export interface SignedCommand extends TrackCommand {
  readonly author?: Author;
}

/** Signs what lowers or sets a counter. Anything else passes as it is: it is nearly everything, and in a hurry. */
export function signed(commands: readonly TrackCommand[], author: Author): readonly SignedCommand[] {
  if (!commands.some(isCorrection)) return commands;
  return commands.map((command) => (isCorrection(command) ? { ...command, author } : command));
}

function isCorrection({ action, quantity }: TrackCommand): boolean {
  return action === 'set' || quantity.digits < 0n;
}

/** What a batch has to say for the trail: each signed command that was recorded. */
export function corrections(
  batch: readonly SignedCommand[],
  verdicts: readonly Verdict[],
  now: number,
): AuditEntry[] {
  return batch.flatMap(({ author }, index) => {
    const verdict = verdicts[index];
    if (author === undefined || verdict?.outcome !== 'recorded') return [];
    const { id, customerId, feature, action, delta, decimals } = verdict.event;
    const details = { customer_id: customerId, feature, action, delta: formatScaled(delta, decimals) };
    return entry(author, now, { action: 'usage.corrected', subject: id, details });
  });
}
