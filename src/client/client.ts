import { normalizeApiUrl } from './api-url.ts';
import { Api, RETRIES_DEFAULT, TIMEOUT_DEFAULT_MS, type Query } from './api.ts';
import type * as Background from './background.ts';
import { systemClock, type Clock } from './clock.ts';
import type { CredentialSource } from './credentials.ts';
import { ConfigurationError } from './errors.ts';
import {
  loadFromFunction,
  loadFromRoute,
  refreshingSession,
  staticSession,
  type GetSessionToken,
} from './session.ts';
import type { TrackInput, TrackOptions } from './track-input.ts';
import { track } from './track.ts';
import { createTransport, loadBackground, type Transport } from './transport.ts';
import type {
  CheckReply,
  EntitlementsReply,
  NudgeTrigger,
  ProductsReply,
  TrackReply,
  UsageMetric,
  UsageMetricsReply,
} from './wire.ts';

/**
 * How a client is set up. Give one of `sessionToken`, `getSessionToken`, `sessionTokenUrl` (browser), or `secretKey`
 * with `customerId` (server); of several, the first in this order is used.
 */
export interface ClientOptions {
  /** The usage API's base URL. With a session it can be left out where the session says it (wire contract §10). */
  apiUrl?: string | undefined;
  /** One token that is never replaced. */
  sessionToken?: string | undefined;
  /** Called for a token whenever one is needed. */
  getSessionToken?: GetSessionToken | undefined;
  /** The host page's session route (UI contract §2). */
  sessionTokenUrl?: string | undefined;
  /** For servers only. Needs `apiUrl`: a secret key goes to no host that nobody named. */
  secretKey?: string | undefined;
  /** With `secretKey`: whose usage this client is about, by the merchant's own user id. */
  customerId?: string | undefined;
  /** Used in place of the global `fetch`. */
  fetch?: typeof fetch | undefined;
  /** How long one attempt may take, in milliseconds. 30 000 unless given. */
  timeout?: number | undefined;
  /** Attempts after the first. 3 unless given. */
  maxRetries?: number | undefined;
}

/** What tests put in place of the machine. */
export interface ClientInternals {
  clock?: Clock;
  /** Uniform in [0, 1). */
  random?: () => number;
  transport?: Transport;
}

/** What any call takes. */
export interface CallOptions {
  /** Ends the call; it then rejects with the signal's reason. */
  signal?: AbortSignal | undefined;
  /** Whose call it is, as `customer()` names them; refused as `customer_changed` once somebody else is signed in. */
  customer?: string | undefined;
}

/** What the live stream tells (wire contract §6). */
export type StreamEvent =
  | { readonly event: 'snapshot'; readonly data: UsageMetricsReply }
  | { readonly event: 'usage'; readonly data: UsageMetric }
  /** The server is about to close the line, as planned. */
  | { readonly event: 'bye' }
  /** The line is alive. */
  | { readonly event: 'heartbeat' }
  /** How long to wait before a reconnection. */
  | { readonly event: 'retry'; readonly delayMs: number };

/**
 * The headless client of the usage API, for one customer. Every method but `stream` retries what may pass, and
 * rejects with one of the classes of UI contract §7.
 */
export interface UsageClient {
  /**
   * Records usage. One idempotency key serves all attempts.
   *
   * @throws QuotaExceededError when it did not fit; an error with `idempotencyKey` when the outcome is not known
   */
  trackUsage(input: TrackInput, options?: TrackOptions): Promise<TrackReply>;
  /** Whether the customer may use a feature; with `quantity`, whether that much would fit. A "no" is a result. */
  checkFeature(featureKey: string, options?: CallOptions & { quantity?: number }): Promise<CheckReply>;
  /** The customer's meters, or one of them. */
  usageMetrics(options?: CallOptions & { featureKey?: string }): Promise<UsageMetricsReply>;
  /** Every feature the customer has, metered or not. Session tokens only. */
  entitlements(options?: CallOptions): Promise<EntitlementsReply>;
  /** The products on offer and the present subscription. Session tokens only. */
  products(options?: CallOptions & { planIds?: readonly string[] }): Promise<ProductsReply>;
  /** The nudges the customer should see, most urgent first. Session tokens only. */
  nudges(options?: CallOptions): Promise<NudgeTrigger[]>;
  /** Puts a nudge away on every device, for `snoozeSeconds` or the server's default. Session tokens only. */
  dismissNudge(
    id: string,
    options?: CallOptions & { snoozeSeconds?: number | undefined },
  ): Promise<{ dismissed_until: string }>;
  /** Whether to nudge, and with what: the most urgent nudge, or the most urgent of one feature. */
  checkUsage(
    options?: CallOptions & { featureKey?: string },
  ): Promise<{ shouldShowNudge: boolean; trigger?: NudgeTrigger }>;
  /**
   * One live connection: ends when the server closes it, rejects when it breaks. It neither reconnects nor notices
   * silence; the store does both.
   */
  stream(options?: CallOptions): AsyncGenerator<StreamEvent, void, undefined>;
  /** Whose session it is, to key anything kept by: API, tenant and customer. `undefined` when the token does not tell. */
  customer(): Promise<string | undefined>;
}

/**
 * Creates a client. Sends nothing until the first call.
 *
 * @throws ConfigurationError when no credential is given, or a secret key without `apiUrl` and `customerId`
 */
export function createClient(options: ClientOptions, internals: ClientInternals = {}): UsageClient {
  const { clock = systemClock, random = Math.random, transport = createTransport(options.fetch) } = internals;
  const timeoutMs = options.timeout ?? TIMEOUT_DEFAULT_MS;
  const maxRetries = options.maxRetries ?? RETRIES_DEFAULT;
  const session = sessionOf(options, transport, clock, timeoutMs);
  const credentials = session ?? secretCredentials(options);
  const api = new Api({ credentials, transport, timeoutMs, maxRetries, clock, random });
  return clientOver(api, session === undefined ? options.customerId : undefined);
}

/** With a customer id the secret-key routes are used, without one those for session tokens (wire contract §2). */
function clientOver(api: Api, customerId: string | undefined): UsageClient {
  const isServer = customerId !== undefined;
  const owner = { customer_id: customerId };
  const get = <T>(path: string, { signal, customer }: CallOptions = {}, query?: Query): Promise<T> =>
    api.request('GET', path, { signal, customer, query });

  const client: UsageClient = {
    trackUsage: (input, options) =>
      isServer
        ? track(api, '/v1/usage/track', { ...input, customerId }, options)
        : track(api, '/v1/features/track-usage', input, options),
    checkFeature: (feature_key, options) =>
      get(isServer ? '/v1/usage/check' : '/v1/features/check', options, {
        ...owner,
        feature_key,
        quantity: options?.quantity,
      }),
    usageMetrics: (options) =>
      get(isServer ? '/v1/usage/metrics' : '/v1/features/usage-metrics', options, {
        ...owner,
        feature_key: options?.featureKey,
      }),
    entitlements: (options) => get('/v1/features/entitlements', options),
    products: (options) => get('/v1/products', options, { planIds: options?.planIds?.join(',') }),
    nudges: async (options) => (await get<{ nudges: NudgeTrigger[] }>('/v1/features/nudges', options)).nudges,
    dismissNudge: (id, { snoozeSeconds, ...call } = {}) =>
      api.request('POST', `/v1/features/nudges/${encodeURIComponent(id)}/dismiss`, {
        body: { snooze_seconds: snoozeSeconds },
        ...call,
      }),
    async checkUsage(options) {
      const featureKey = options?.featureKey;
      const nudges = await client.nudges(options);
      const trigger = nudges.find(({ feature }) => featureKey === undefined || feature === featureKey);
      return trigger === undefined ? { shouldShowNudge: false } : { shouldShowNudge: true, trigger };
    },
    stream: (options) =>
      streamEvents(api, isServer ? '/v1/usage/stream' : '/v1/features/stream', { query: owner, ...options }),
    customer: () => api.customer(),
  };
  return client;
}

async function* streamEvents(
  ...call: Parameters<typeof Background.streamEvents>
): AsyncGenerator<StreamEvent, void, undefined> {
  const background = await loadBackground();
  yield* background.streamEvents(...call);
}

function sessionOf(
  options: ClientOptions,
  transport: Transport,
  clock: Clock,
  timeoutMs: number,
): CredentialSource | undefined {
  const { apiUrl, sessionToken, getSessionToken, sessionTokenUrl } = options;
  if (sessionToken !== undefined) return staticSession(sessionToken, apiUrl);
  if (getSessionToken !== undefined) {
    return refreshingSession(loadFromFunction(getSessionToken), { apiUrl, clock, timeoutMs });
  }
  if (sessionTokenUrl === undefined) return undefined;
  return refreshingSession(loadFromRoute(sessionTokenUrl, transport, clock), { apiUrl, clock, timeoutMs });
}

function secretCredentials({ secretKey, apiUrl, customerId }: ClientOptions): CredentialSource {
  if (secretKey === undefined) {
    throw new ConfigurationError(
      'A client needs one of sessionToken, getSessionToken, sessionTokenUrl, or secretKey with customerId.',
    );
  }
  if (apiUrl === undefined || customerId === undefined) {
    throw new ConfigurationError('A client with a secretKey needs apiUrl and customerId.');
  }
  const credentials = { token: secretKey, apiUrl: normalizeApiUrl(apiUrl), customer: undefined };
  return { get: () => Promise.resolve(credentials) };
}
