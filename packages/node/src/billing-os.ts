import { normalizeApiUrl } from '../../../src/client/api-url.ts';
import { Api, RETRIES_DEFAULT, TIMEOUT_DEFAULT_MS } from '../../../src/client/api.ts';
import type { ClientInternals } from '../../../src/client/client.ts';
import { systemClock } from '../../../src/client/clock.ts';
import type { Credentials } from '../../../src/client/credentials.ts';
import { ConfigurationError, ValidationError } from '../../../src/client/errors.ts';
import type { ServerTrackInput } from '../../../src/client/track-input.ts';
import { track } from '../../../src/client/track.ts';
import { createOfetchTransport } from '../../../src/client/over-ofetch.ts';
import type {
  BatchReply,
  CheckReply,
  CustomerDocument,
  EventReply,
  SubscriptionDocument,
  TrackReply,
  UsageMetricsReply,
} from '../../../src/client/wire.ts';
import { trackBatch } from './batch.ts';
import {
  customerBody,
  subscriptionPatchBody,
  toCustomer,
  toSubscription,
  type Customer,
  type CustomerInput,
  type CustomerPatch,
  type Subscription,
  type SubscriptionInput,
  type SubscriptionPatch,
} from './resources.ts';
import {
  CLOSE_TIMEOUT_DEFAULT_MS,
  UsageBuffer,
  type BufferOptions,
  type QueuedUsage,
} from './usage-buffer.ts';

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
  /** Lets `bufferUsage` keep usage and send it later, many events to a request. */
  buffer?: BufferOptions | undefined;
}

export interface SessionTokenInput {
  /** The merchant's own user id. The customer is created at first sight. */
  externalUserId: string;
  externalOrganizationId?: string | undefined;
  email?: string | undefined;
  /** Seconds the token lives, 60 to 86 400. 3 600 unless given. */
  expiresIn?: number | undefined;
  /**
   * What the token allows: any of `read_entitlements`, `track_usage`, `read_usage` and `dismiss_nudges`. All of them
   * unless given.
   */
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
 * @throws ConfigurationError at construction for a key that cannot be one, and in a browser: a secret key seen by a
 *   browser is no longer one. A missing key or URL is thrown by the first call, so that builds without secrets pass.
 */
export class BillingOS {
  readonly #options: BillingOSOptions;
  readonly #api: Api;
  readonly #buffer: UsageBuffer | undefined;

  constructor(options: BillingOSOptions = {}, internals: ClientInternals = {}) {
    refuseBrowser();
    if (options.secretKey !== undefined) checkSecretKey(options.secretKey);
    const { clock = systemClock, random = Math.random, transport = createOfetchTransport() } = internals;
    this.#options = options;
    this.#api = new Api({
      credentials: { get: () => Promise.resolve().then(() => this.#credentials()) },
      transport,
      timeoutMs: options.timeout ?? TIMEOUT_DEFAULT_MS,
      maxRetries: options.maxRetries ?? RETRIES_DEFAULT,
      clock,
      random,
    });
    const { buffer } = options;
    this.#buffer = buffer && new UsageBuffer(buffer, { api: this.#api, clock, random });
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

  /**
   * Records any number of events, in order, each by its own result: as on the wire (wire contract §2), in the order of
   * `events`. `duplicate` means counted before, by an attempt of this call or by an earlier call with the same key.
   *
   * @throws UnfinishedBatchError when the outcome of some is not known: send its `events`, and each counts once
   */
  trackUsageBatch(events: readonly ServerTrackInput[]): Promise<BatchReply> {
    return trackBatch(this.#api, events);
  }

  /**
   * Keeps an event and sends it with others. Resolves when it is kept; what becomes of it, if it does not count,
   * `buffer.onError` is told. Events without a key of yours are stamped with the time of this call.
   *
   * @throws ConfigurationError without the option `buffer`; BillingOSError `buffer_full`, and others of
   *   `buffer_…`, when it could not be kept
   */
  async bufferUsage(event: ServerTrackInput): Promise<QueuedUsage> {
    if (this.#buffer !== undefined) return this.#buffer.add(event);
    throw new ConfigurationError('bufferUsage needs the option buffer: { onError }. Nothing was kept.');
  }

  /**
   * Sends what is buffered. Resolves when all that was buffered before has a known outcome, however long that takes.
   *
   * @throws when nothing can be sent, for a reason that does not pass by itself; what is buffered stays so
   */
  async flush(): Promise<void> {
    await this.#buffer?.flush();
  }

  /**
   * Buffers no more, and tries for `timeout` milliseconds, 10 000 unless given, to send what is buffered. What is left
   * then stays in `buffer.file`; without one, `buffer.onError` is told of each event. Call it before the process ends.
   */
  async close({ timeout = CLOSE_TIMEOUT_DEFAULT_MS }: { timeout?: number | undefined } = {}): Promise<void> {
    await this.#buffer?.close(timeout);
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

  /** Did it count? The recorded event of an idempotency key, or `unknown`, as on the wire (wire contract §2). */
  getUsageEvent(customerId: string, idempotencyKey: string): Promise<EventReply> {
    const query = { customer_id: customerId, idempotency_key: idempotencyKey };
    return this.#api.request('GET', '/v1/usage/events', { query });
  }

  /**
   * Makes a token with which a browser speaks as this customer.
   *
   * @throws ValidationError for an operation that the API does not know: it would grant nothing, without a word
   */
  async createSessionToken(input: SessionTokenInput): Promise<SessionToken> {
    const wire = await this.#api.request<Omit<SessionToken, 'expiresAt'> & { expiresAt: string }>(
      'POST',
      '/v1/session-tokens',
      { body: input },
    );
    const unknown = input.allowedOperations?.filter((name) => !wire.allowedOperations.includes(name)) ?? [];
    if (unknown.length > 0) {
      throw new ValidationError(
        `The API knows no operation ${JSON.stringify(unknown[0])}; see allowedOperations.`,
        {
          code: 'validation_failed',
          details: { unknown },
        },
      );
    }
    return { ...wire, expiresAt: new Date(wire.expiresAt) };
  }

  /** Ends a session: its token is refused everywhere within 5 seconds. A second time changes nothing. */
  async revokeSessionToken(tokenId: string): Promise<void> {
    await this.#api.request('DELETE', pathOf('/v1/session-tokens', tokenId));
  }

  /**
   * Creates a customer. One who is there already through usage or a session gets what is given here.
   *
   * @throws ConflictError when the customer exists and differs: use `updateCustomer`
   */
  createCustomer(input: CustomerInput): Promise<Customer> {
    const body = { external_user_id: input.externalUserId, ...customerBody(input) };
    return this.#customer('POST', '/v1/customers', body);
  }

  /**
   * The customer with our id, `cus_…`.
   *
   * @throws NotFoundError
   */
  getCustomer(id: string): Promise<Customer> {
    return this.#customer('GET', pathOf('/v1/customers', id));
  }

  /**
   * The customer with the merchant's own user id.
   *
   * @throws NotFoundError
   */
  getCustomerByExternalId(externalUserId: string): Promise<Customer> {
    return this.#customer('GET', pathOf('/v1/customers/external', externalUserId));
  }

  /** Changes what is known of a customer. What is not given stays, null clears it, `metadata` is replaced. */
  updateCustomer(id: string, patch: CustomerPatch): Promise<Customer> {
    return this.#customer('PATCH', pathOf('/v1/customers', id), customerBody(patch));
  }

  /**
   * Forgets a customer: personal data is gone, sessions and the plan end, recorded events stay and are nobody's. Only
   * `createCustomer` brings the id back.
   *
   * @throws NotFoundError
   */
  async deleteCustomer(id: string): Promise<void> {
    await this.#api.request('DELETE', pathOf('/v1/customers', id));
  }

  /**
   * Subscribes a customer, in place of an implicit default subscription. The same price again is no second one.
   *
   * @throws ConflictError over another explicit subscription: change that one with `updateSubscription`
   */
  createSubscription(input: SubscriptionInput): Promise<Subscription> {
    const body = { customer_id: input.customerId, price_id: input.priceId, metadata: input.metadata };
    return this.#subscription('POST', '/v1/subscriptions', body);
  }

  /**
   * A subscription, an ended one too.
   *
   * @throws NotFoundError
   */
  getSubscription(id: string): Promise<Subscription> {
    return this.#subscription('GET', pathOf('/v1/subscriptions', id));
  }

  /** The newest 100 subscriptions of a customer, by our id, newest first. */
  async listSubscriptions(customerId: string): Promise<Subscription[]> {
    const { subscriptions } = await this.#api.request<{ subscriptions: SubscriptionDocument[] }>(
      'GET',
      '/v1/subscriptions',
      { query: { customer_id: customerId } },
    );
    return subscriptions.map(toSubscription);
  }

  /** Changes a subscription's price, status, end or metadata. */
  updateSubscription(id: string, patch: SubscriptionPatch): Promise<Subscription> {
    return this.#subscription('PATCH', pathOf('/v1/subscriptions', id), subscriptionPatchBody(patch));
  }

  /** Cancels at the end of the period paid for, or at once. The customer is then on the default product. */
  cancelSubscription(id: string, options: { immediately?: boolean | undefined } = {}): Promise<Subscription> {
    const { immediately } = options;
    return this.#subscription('POST', `${pathOf('/v1/subscriptions', id)}/cancel`, { immediately });
  }

  /**
   * Takes a cancellation back.
   *
   * @throws ConflictError `not_reactivatable` once it has taken effect
   */
  reactivateSubscription(id: string): Promise<Subscription> {
    return this.#subscription('POST', `${pathOf('/v1/subscriptions', id)}/reactivate`);
  }

  async #customer(method: string, path: string, body?: object): Promise<Customer> {
    return toCustomer(await this.#api.request<CustomerDocument>(method, path, { body }));
  }

  async #subscription(method: string, path: string, body?: object): Promise<Subscription> {
    return toSubscription(await this.#api.request<SubscriptionDocument>(method, path, { body }));
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

function pathOf(collection: string, id: string): string {
  return `${collection}/${encodeURIComponent(id)}`;
}

function checkSecretKey(secretKey: string): void {
  if (!secretKey.startsWith('sk_')) {
    throw new ConfigurationError('A secret key begins with sk_test_ or sk_live_; this one does not.');
  }
  // No header could carry it: each attempt would fail as if the line were bad.
  const stray = /[^!-~]/u.exec(secretKey);
  if (stray === null) return;
  throw new ConfigurationError(`The secret key contains ${JSON.stringify(stray[0])}; is it a placeholder?`);
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
