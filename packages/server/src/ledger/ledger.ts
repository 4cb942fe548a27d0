import type { Catalog, CatalogDocument } from '../metering/catalog.ts';
import type { CreateOutcome, Profile } from '../metering/customer.ts';
import type { Origin, TrackCommand, UsageEvent, Verdict } from '../metering/decide.ts';
import type { SubscribeOutcome, Subscription, Customer } from '../metering/subscription.ts';
import type { Account, Shown } from './account.ts';
import type { AuditEntry, Author } from './audit-trail.ts';
import type { LedgerLoad } from './observer.ts';
import type { Progress, Verification } from './verify.ts';

/**
 * A ledger keeps tenants apart, persists what the metering rules decide, and tells who is listening what changed.
 * A promise that resolves means: on disk. Every instant is milliseconds since the epoch.
 */
export interface Ledger {
  /** The only way to a tenant's data. What is changed by it is audited in the author's name, else the operator's. */
  tenant(tenantId: string, author?: Author): TenantLedger;
  /** The tenant of an organization and mode, made on first use. */
  ensureTenant(organization: string, mode: Mode, now: number): Promise<string>;
  /** Keeps a secret key by its hash. Returns its id. */
  addSecretKey(tenantId: string, key: { hash: string; name: string }, now: number): Promise<string>;
  /** A key that works; `null` for a revoked one. */
  findSecretKey(hash: string): Promise<SecretKeyRecord | null>;
  /** Every tenant's keys, the revoked ones too, oldest first. */
  listSecretKeys(): Promise<SecretKeyEntry[]>;
  /** Revokes a key for good. A second time changes nothing. `null` when there is no such key. */
  revokeSecretKey(id: string, now: number): Promise<SecretKeyEntry | null>;
  /** The ring of session-token keys, the signing one first. `fresh` is kept when there is none yet. */
  signingKeys(fresh: SigningKey, now: number): Promise<SigningKey[]>;
  /** Entries of the audit trail after an id, of all tenants, oldest first and at most {@link AUDIT_READ_MAX}. */
  auditTrail(after: string): Promise<AuditRecord[]>;
  /** Calls `listener` after each commit, with what changed. Returns the way out. */
  onChange(listener: (changes: readonly Change[]) => void): () => void;
  /**
   * Lets go of what has expired: idempotency records after {@link IDEMPOTENCY_KEPT_MS}, ended snoozes, revocations of
   * expired tokens, and what a deletion that was broken off has left. Costs little when there is little to do; any
   * number of processes may do so at once.
   * @returns how many idempotency records went.
   */
  sweep(now: number): Promise<number>;
  /** Whether the store answers, with the schema that this release needs. @throws LedgerUnavailableError */
  isReady(): Promise<boolean>;
  /** Adds everything up again, on one snapshot and beside whoever writes. */
  verify(now: number, progress: Progress): Promise<Verification>;
  load(): LedgerLoad;
  /** What the store takes on disk. */
  storeBytes(): Promise<number>;
  close(): Promise<void>;
}

export type Mode = 'test' | 'live';

export interface SecretKeyRecord {
  id: string;
  tenantId: string;
  mode: Mode;
}

/** A key as its keeper sees it. The key itself is nowhere. */
export interface SecretKeyEntry {
  id: string;
  organization: string;
  mode: Mode;
  name: string;
  createdAt: number;
  revokedAt: number | null;
}

/** An entry of the audit trail as it is read, with whose it is. */
export interface AuditRecord extends AuditEntry {
  organization: string;
  mode: Mode;
}

export const AUDIT_READ_MAX = 1_000;

export interface SigningKey {
  kid: string;
  secret: Uint8Array;
}

/** What a commit changed: one feature's usage of one customer, one customer's plan, or a tenant's catalog. */
export type Change =
  | { kind: 'usage'; tenantId: string; externalId: string; feature: string }
  | { kind: 'plan'; tenantId: string; externalId: string }
  | { kind: 'catalog'; tenantId: string };

/**
 * How long an idempotency record is kept, at the least: the contract's 36 days (§3), and one more for clocks that
 * disagree. Events may be 35 days late, and clients give up at 34.
 */
export const IDEMPOTENCY_KEPT_MS = 37 * 86_400_000;

/** Events that one step of the sweep looks at: one short transaction, between which others write. */
export const SWEEP_EVENTS_MAX = 1_000;

/**
 * Events that one step of a deletion clears. On SQLite others wait for a step: of a million events it took 115 ms, on
 * two cores with ten more busy processes.
 */
export const CLEARED_EVENTS_MAX = 10_000;

/** Subscriptions of one customer that are listed, newest first. */
export const SUBSCRIPTIONS_MAX = 100;

/** What a credential in use stands and falls with. */
export interface Grant {
  /** The secret key, or the one that made the session token. */
  readonly keyId: string;
  /** `null` for a secret key itself. */
  readonly tokenId: string | null;
  /** The session's customer, by our id: one who was deleted and created again is another. `null` for a secret key. */
  readonly customerId: string | null;
}

export type Subscribed = SubscribeOutcome | { kind: 'no_customer' | 'no_price' };
export type Updated =
  { kind: 'updated' | 'ended'; subscription: Subscription } | { kind: 'no_subscription' | 'no_price' };

/** One tenant's part of the ledger. */
export interface TenantLedger {
  /**
   * Records events, in order, each by its own verdict.
   * @throws LedgerOverloadedError when the queue is full or its wait too long; then nothing was recorded.
   * @throws LedgerUnavailableError when the store failed; then the outcome is unknown.
   */
  track(commands: readonly TrackCommand[]): Promise<readonly Verdict[]>;
  /** A customer as of `now`, with the counters that the plan charges then; only `feature`'s when named. */
  account(externalId: string, now: number, feature?: string): Promise<Account>;
  catalog(): Promise<{ document: CatalogDocument; catalog: Catalog }>;
  /** Replaces the catalog; the same document again changes nothing. */
  putCatalog(
    document: CatalogDocument,
    now: number,
  ): Promise<{ kind: 'kept' } | { kind: 'in_use'; names: string[] }>;
  /** The recorded event that holds an idempotency key, while the key is kept. */
  event(externalId: string, origin: Origin, idempotencyKey: string): Promise<UsageEvent | null>;
  /** By our id; a deleted one too, with `deletedAt`. */
  customer(id: string): Promise<Customer | null>;
  customerByExternalId(externalId: string): Promise<Customer | null>;
  /** The customer, made on first sight; `null` when there is no default product, or they have been deleted. */
  ensureCustomer(externalId: string, profile: Profile, now: number): Promise<Customer | null>;
  /** Creates a customer explicitly, also one who has been deleted; see `recreate` for one who is there. */
  createCustomer(externalId: string, profile: Profile, now: number): Promise<CreateOutcome>;
  updateCustomer(id: string, profile: Profile, now: number): Promise<Customer | null>;
  /**
   * Forgets a person: profile, plan and snoozes go at once, then, in steps, what was said in their events, which stay and
   * belong to nobody. One that was broken off is finished by the sweep, or when asked again. False when not there.
   */
  deleteCustomer(id: string, now: number): Promise<boolean>;
  subscribe(
    customerId: string,
    priceId: string,
    metadata: Record<string, unknown>,
    now: number,
  ): Promise<Subscribed>;
  subscription(id: string): Promise<Subscription | null>;
  /** A customer's subscriptions, the newest {@link SUBSCRIPTIONS_MAX} first to last; `null` without the customer. */
  subscriptions(customerId: string): Promise<Subscription[] | null>;
  updateSubscription(id: string, change: SubscriptionChange, now: number): Promise<Updated>;
  /** Ends a session token; `until` is when nobody could have used it any more. A second time changes nothing. */
  revokeToken(tokenId: string, until: number, now: number): Promise<void>;
  /** Which of these may go on, in their order: key and token not revoked, customer not deleted. */
  grantsHold(grants: readonly Grant[]): Promise<readonly boolean[]>;
  /** What has changed since watchers were shown this, whoever changed it. */
  changedSince(shown: readonly Shown[]): Promise<readonly Change[]>;
  /** Puts a nudge away until an instant. */
  dismissNudge(externalId: string, nudgeId: string, until: number): Promise<void>;
}

export interface SubscriptionChange {
  priceId?: string | undefined;
  cancelAtPeriodEnd?: boolean | undefined;
  cancelImmediately?: boolean | undefined;
  status?: 'active' | 'past_due' | 'incomplete' | undefined;
  metadata?: Record<string, unknown> | undefined;
}

/** A store that is to be filled has something in it. */
export class StoreNotEmptyError extends Error {
  override readonly name = 'StoreNotEmptyError';
  constructor(table: string) {
    super(`It is not empty: there are rows in "${table}".`);
  }
}

/** The queue is full: certainly not recorded. */
export class LedgerOverloadedError extends Error {
  override readonly name = 'LedgerOverloadedError';
}

/** The store failed or cannot be reached: whether a write happened is unknown. */
export class LedgerUnavailableError extends Error {
  override readonly name = 'LedgerUnavailableError';
}
