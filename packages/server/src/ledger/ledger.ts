import type { Catalog, CatalogDocument } from '../metering/catalog.ts';
import type { TrackCommand, Verdict } from '../metering/decide.ts';
import type { SubscribeOutcome, Subscription, Customer } from '../metering/subscription.ts';
import type { Account } from './account.ts';

/**
 * A ledger keeps tenants apart, persists what the metering rules decide, and tells who is listening what changed.
 * A promise that resolves means: on disk. Every instant is milliseconds since the epoch.
 */
export interface Ledger {
  /** The only way to a tenant's data. */
  tenant(tenantId: string): TenantLedger;
  /** The tenant of an organization and mode, made on first use. */
  ensureTenant(organization: string, mode: Mode, now: number): Promise<string>;
  /** Keeps a secret key by its hash. */
  addSecretKey(tenantId: string, key: { hash: string; name: string }, now: number): Promise<void>;
  findSecretKey(hash: string): Promise<SecretKeyRecord | null>;
  /** The ring of session-token keys, the signing one first. `fresh` is kept when there is none yet. */
  signingKeys(fresh: SigningKey, now: number): Promise<SigningKey[]>;
  /** Calls `listener` after each commit, with what changed. Returns the way out. */
  onChange(listener: (changes: readonly Change[]) => void): () => void;
  close(): Promise<void>;
}

export type Mode = 'test' | 'live';

export interface SecretKeyRecord {
  id: string;
  tenantId: string;
  mode: Mode;
}

export interface SigningKey {
  kid: string;
  secret: Uint8Array;
}

/** What a commit changed: one feature's usage of one customer, one customer's plan, or a tenant's catalog. */
export type Change =
  | { kind: 'usage'; tenantId: string; externalId: string; feature: string }
  | { kind: 'plan'; tenantId: string; externalId: string }
  | { kind: 'catalog'; tenantId: string };

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
  customer(id: string): Promise<Customer | null>;
  customerByExternalId(externalId: string): Promise<Customer | null>;
  /** The customer, made on first sight; `null` when there is no default product to put them on. */
  ensureCustomer(
    externalId: string,
    profile: { email?: string | undefined; externalOrganizationId?: string | undefined },
    now: number,
  ): Promise<Customer | null>;
  subscribe(
    customerId: string,
    priceId: string,
    metadata: Record<string, unknown>,
    now: number,
  ): Promise<SubscribeOutcome | { kind: 'no_customer' | 'no_price' }>;
  subscription(id: string): Promise<Subscription | null>;
  updateSubscription(
    id: string,
    patch: SubscriptionChange,
    now: number,
  ): Promise<
    { kind: 'updated'; subscription: Subscription } | { kind: 'no_subscription' | 'no_price' | 'ended' }
  >;
  /** Puts a nudge away until an instant. */
  dismissNudge(externalId: string, nudgeId: string, until: number): Promise<void>;
}

export interface SubscriptionChange {
  priceId?: string | undefined;
  cancelAtPeriodEnd?: boolean | undefined;
  status?: 'active' | 'past_due' | 'incomplete' | undefined;
  metadata?: Record<string, unknown> | undefined;
}

/** The queue is full: certainly not recorded. */
export class LedgerOverloadedError extends Error {
  override readonly name = 'LedgerOverloadedError';
}

/** The store failed or cannot be reached: whether a write happened is unknown. */
export class LedgerUnavailableError extends Error {
  override readonly name = 'LedgerUnavailableError';
}
