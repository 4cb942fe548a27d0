import { normalizeApiUrl } from '../../../src/client/api-url.ts';
import { Api, RETRIES_DEFAULT, TIMEOUT_DEFAULT_MS } from '../../../src/client/api.ts';
import { systemClock } from '../../../src/client/clock.ts';
import type { Credentials } from '../../../src/client/credentials.ts';
import { ConfigurationError } from '../../../src/client/errors.ts';
import type { ServerTrackInput } from '../../../src/client/track-input.ts';
import { track } from '../../../src/client/track.ts';
import { createTransport } from '../../../src/client/transport.ts';
import type { CheckReply, TrackReply, UsageMetricsReply } from '../../../src/client/wire.ts';
import {
  toCustomer,
  toSubscription,
  type Customer,
  type Subscription,
  type SubscriptionInput,
  type SubscriptionPatch,
  type WireCustomer,
  type WireSubscription,
} from './resources.ts';

/** How the SDK is set up. What is not given here is read from the environment at the first call. */
export interface BillingOSOptions {
  /** `sk_test_…` or `sk_live_…`; `BILLINGOS_SECRET_KEY` unless given. */
  secretKey?: string | undefined;
  /** The usage API's base URL; `BILLINGOS_API_URL` unless given. There is no hosted default. */
  apiUrl?: string | undefined;
  /** How long one attempt may take, in milliseconds. 30 000 unless given. */
  timeout?: number | undefined;
  /** Attempts after the first. 3 unless given. */
  maxRetries?: number | undefined;
}

export interface SessionTokenInput {
  /** The merchant's own user id. The customer is created at first sight. */
  externalUserId: string;
  externalOrganizationId?: string | undefined;
  email?: string | undefined;
  /** Seconds the token lives, 60 to 86 400. 3 600 unless given. */
  expiresIn?: number | undefined;
  /** What the token allows (wire contract §2). Everything a customer may do, unless given. */
  allowedOperations?: readonly string[] | undefined;
  /** Logged, not put into the token. */
  metadata?: Record<string, unknown> | undefined;
}

/** What a browser speaks with, as one customer. */
export interface SessionToken {
  sessionToken: string;
  expiresAt: Date;
  tokenId: string;
  allowedOperations: string[];
}

/**
 * BillingOS for servers. Every call retries what may pass, and rejects with one of the error classes of this package.
 *
 * @throws ConfigurationError at construction for a key without `sk_`, and in a browser: a secret key seen by a
 *   browser is no longer one. A missing key or URL is thrown by the first call, so that builds without secrets pass.
 */
export class BillingOS {
  readonly #options: BillingOSOptions;
  readonly #api: Api;

  constructor(options: BillingOSOptions = {}) {
    refuseBrowser();
    if (options.secretKey !== undefined) checkSecretKey(options.secretKey);
    this.#options = options;
    this.#api = new Api({
      credentials: { get: () => Promise.resolve().then(() => this.#credentials()) },
      transport: createTransport(),
      timeoutMs: options.timeout ?? TIMEOUT_DEFAULT_MS,
      maxRetries: options.maxRetries ?? RETRIES_DEFAULT,
      clock: systemClock,
      random: Math.random,
    });
  }

  /**
   * The usage API's base URL in use.
   *
   * @throws ConfigurationError when neither `apiUrl` nor `BILLINGOS_API_URL` is set
   */
  get apiUrl(): string {
    const apiUrl = this.#options.apiUrl ?? environment('BILLINGOS_API_URL');
    if (apiUrl !== undefined) return normalizeApiUrl(apiUrl);
    throw new ConfigurationError('No usage API: give apiUrl, or set BILLINGOS_API_URL. Nothing was sent.');
  }

  /**
   * Records one usage event and enforces the limit (wire contract §3). One idempotency key serves all attempts.
   *
   * @throws QuotaExceededError when it did not fit; an error with `idempotencyKey` when the outcome is not known:
   *   repeat the call with that key, and it counts once
   */
  trackUsage(input: ServerTrackInput): Promise<TrackReply> {
    return track(this.#api, '/v1/usage/track', input);
  }

  /** Whether a customer may use a feature; with `quantity`, whether that much would fit. A "no" is a result. */
  checkEntitlement(customerId: string, featureKey: string, quantity?: number): Promise<CheckReply> {
    const query = { customer_id: customerId, feature_key: featureKey, quantity };
    return this.#api.request('GET', '/v1/usage/check', { query });
  }

  /** A customer's meters, or one of them, as on the wire (wire contract §5). */
  getUsageMetrics(customerId: string, featureKey?: string): Promise<UsageMetricsReply> {
    const query = { customer_id: customerId, feature_key: featureKey };
    return this.#api.request('GET', '/v1/usage/metrics', { query });
  }

  /** Makes a token with which a browser speaks as this customer. */
  async createSessionToken(input: SessionTokenInput): Promise<SessionToken> {
    const wire = await this.#api.request<Omit<SessionToken, 'expiresAt'> & { expiresAt: string }>(
      'POST',
      '/v1/session-tokens',
      { body: input },
    );
    return { ...wire, expiresAt: new Date(wire.expiresAt) };
  }

  /**
   * The customer with the merchant's own user id.
   *
   * @throws NotFoundError
   */
  async getCustomerByExternalId(externalUserId: string): Promise<Customer> {
    const path = `/v1/customers/external/${encodeURIComponent(externalUserId)}`;
    return toCustomer(await this.#api.request<WireCustomer>('GET', path));
  }

  /**
   * Subscribes a customer, in place of an implicit default subscription. The same price again is no second one.
   *
   * @throws ConflictError over another explicit subscription: change that one with `updateSubscription`
   */
  async createSubscription(input: SubscriptionInput): Promise<Subscription> {
    const body = { customer_id: input.customerId, price_id: input.priceId, metadata: input.metadata };
    return toSubscription(await this.#api.request<WireSubscription>('POST', '/v1/subscriptions', { body }));
  }

  /** Changes a subscription's price, status, end or metadata. */
  async updateSubscription(id: string, patch: SubscriptionPatch): Promise<Subscription> {
    const body = {
      price_id: patch.priceId,
      cancel_at_period_end: patch.cancelAtPeriodEnd,
      status: patch.status,
      metadata: patch.metadata,
    };
    const path = `/v1/subscriptions/${encodeURIComponent(id)}`;
    return toSubscription(await this.#api.request<WireSubscription>('PATCH', path, { body }));
  }

  #credentials(): Credentials {
    const secretKey = this.#options.secretKey ?? environment('BILLINGOS_SECRET_KEY');
    if (secretKey === undefined) {
      throw new ConfigurationError(
        'No secret key: give secretKey, or set BILLINGOS_SECRET_KEY. Nothing was sent.',
      );
    }
    checkSecretKey(secretKey);
    return { token: secretKey, apiUrl: this.apiUrl, customer: undefined };
  }
}

function checkSecretKey(secretKey: string): void {
  if (secretKey.startsWith('sk_')) return;
  throw new ConfigurationError('A secret key begins with sk_test_ or sk_live_; this one does not.');
}

function refuseBrowser(): void {
  if (!('window' in globalThis && 'document' in globalThis)) return;
  throw new ConfigurationError(
    '@billingos/node holds a secret key and must not run in a browser. Use @billingos/sdk.',
  );
}

/** An environment variable, where there is an environment; an empty one counts as missing. */
function environment(name: string): string | undefined {
  const { process } = globalThis as { process?: { env?: Record<string, string | undefined> } };
  const value = process?.env?.[name];
  return value === '' ? undefined : value;
}
