import { abortable, type Clock } from './clock.ts';
import type { Credentials, CredentialSource } from './credentials.ts';
import { startDeadline } from './deadline.ts';
import { AuthenticationError, errorFromReply, isBillingOSError, NetworkError } from './errors.ts';
import { parseRetryAfter, withRetries } from './retry.ts';
import type { readSse, SseItem } from './sse.ts';
import type { Transport, TransportReply } from './transport.ts';

/** The version of the wire contract that every request asks for (wire contract §1). */
export const API_VERSION = '2026-01-01';
/** How long one attempt may take, unless the caller says otherwise. */
export const TIMEOUT_DEFAULT_MS = 30_000;
/** Attempts after the first, unless the caller says otherwise. */
export const RETRIES_DEFAULT = 3;

export type Query = Readonly<Record<string, string | number | undefined>>;

/** One call, which may take several requests. */
export interface ApiCall {
  query?: Query | undefined;
  body?: object | undefined;
  signal?: AbortSignal | undefined;
  /** Whose call it is, as `customer()` names them: no attempt of it goes out as anybody else. */
  customer?: string | undefined;
  /** The call changes counters: where `customer` is not given, it is whoever the first attempt goes out as. */
  pinCustomer?: boolean | undefined;
  /** Whether a successful answer can be the API's. Any JSON can unless given. */
  accepts?: ((json: unknown) => boolean) | undefined;
  /** The request outlives the page. */
  keepalive?: boolean | undefined;
}

export interface ApiOptions {
  credentials: CredentialSource;
  transport: Transport;
  timeoutMs: number;
  maxRetries: number;
  clock: Clock;
  /** Uniform in [0, 1). */
  random: () => number;
}

/**
 * The usage API over HTTP: credentials, deadline and retries on top of a transport. The browser client and the Node
 * SDK both stand on it.
 */
export class Api {
  readonly #options: ApiOptions;

  constructor(options: ApiOptions) {
    this.#options = options;
  }

  /** One call, with as many requests as it takes. Resolves with the decoded answer. */
  async request<T>(method: string, path: string, call: ApiCall = {}): Promise<T> {
    const { timeoutMs, clock } = this.#options;
    const { query, signal, keepalive } = call;
    const body = call.body === undefined ? undefined : JSON.stringify(call.body);
    const renewal = { done: false };
    const check = customerCheck(call);

    const exchange = async (credentials: Credentials): Promise<T> => {
      const deadline = startDeadline(timeoutMs, `${method} ${path}`, clock, signal);
      try {
        const reply = await this.#send(
          credentials,
          { method, path, query, body, keepalive },
          deadline.signal,
        );
        if (reply.json === undefined || call.accepts?.(reply.json) === false) throw strangeAnswer(reply);
        return reply.json as T;
      } finally {
        deadline.release();
      }
    };

    const attempt = () => this.#withCredentials(exchange, check, renewal, signal);
    return withRetries(attempt, { ...this.#options, signal });
  }

  /** Opens one stream of server-sent events. Not retried: that is for whoever knows what was missed. */
  async *stream(
    path: string,
    { query, signal, customer }: Pick<ApiCall, 'query' | 'signal' | 'customer'>,
    read: typeof readSse,
  ): AsyncGenerator<SseItem, void, undefined> {
    const deadline = startDeadline(this.#options.timeoutMs, `GET ${path}`, this.#options.clock, signal);

    const exchange = async (credentials: Credentials) => {
      const reply = await this.#send(
        credentials,
        { method: 'GET', path, query, stream: true },
        deadline.signal,
      );
      if (reply.stream == null) throw strangeAnswer(reply);
      return reply.stream;
    };

    try {
      const check = customerCheck({ customer });
      const body = await this.#withCredentials(exchange, check, { done: false }, deadline.signal);
      deadline.disarm();
      yield* read(body);
    } catch (error) {
      if (deadline.signal.aborted) throw deadline.signal.reason as Error;
      throw isBillingOSError(error) ? error : new NetworkError('The stream broke off.', { cause: error });
    } finally {
      deadline.release();
    }
  }

  /** Whose credentials are in use; `undefined` when they do not tell. */
  async customer(): Promise<string | undefined> {
    const source = this.#options.credentials;
    return source.customer === undefined ? (await source.get()).customer : source.customer();
  }

  /** One exchange, and a second one when the first met 401 and there are other credentials to be had. */
  async #withCredentials<T>(
    exchange: (credentials: Credentials) => Promise<T>,
    check: (credentials: Credentials) => void,
    renewal: { done: boolean },
    signal: AbortSignal | undefined,
  ): Promise<T> {
    const source = this.#options.credentials;
    const credentials = await abortable(source.get(), signal);
    check(credentials);
    try {
      return await exchange(credentials);
    } catch (error) {
      const refused = isBillingOSError(error, 'AuthenticationError');
      if (!refused || source.renew === undefined || renewal.done) throw error;
      renewal.done = true;
      const renewed = await abortable(source.renew(credentials), signal);
      check(renewed);
      return exchange(renewed);
    }
  }

  /** One request. Throws the refusal. */
  async #send(
    { token, apiUrl }: Credentials,
    request: {
      method: string;
      path: string;
      query: Query | undefined;
      body?: string | undefined;
      stream?: true;
      keepalive?: boolean | undefined;
    },
    signal: AbortSignal,
  ): Promise<TransportReply> {
    const { method, path, query, body, stream, keepalive } = request;
    const headers: Record<string, string> = {
      Accept: stream === true ? 'text/event-stream' : 'application/json',
      Authorization: `Bearer ${token}`,
      'X-BillingOS-Version': API_VERSION,
    };
    if (body !== undefined) headers['Content-Type'] = 'application/json';
    const { transport, clock } = this.#options;
    const url = urlOf(apiUrl, path, query);
    const common = { credentials: 'omit', redirect: 'error', signal } as const;
    const reply = await transport({ url, method, headers, body, stream, keepalive, ...common });
    if (reply.status >= 200 && reply.status < 300) return reply;
    throw errorFromReply(reply.status, reply.json, {
      requestId: reply.headers.get('X-Request-Id') ?? undefined,
      retryAfter: parseRetryAfter(reply.headers.get('Retry-After'), clock.now()),
    });
  }
}

/** A check that lets one customer through, where a call is about one. */
function customerCheck(call: Pick<ApiCall, 'customer' | 'pinCustomer'>): (credentials: Credentials) => void {
  let { customer } = call;
  if (customer === undefined && call.pinCustomer !== true) return () => undefined;
  return (credentials) => {
    customer ??= credentials.customer;
    if (customer === credentials.customer) return;
    throw new AuthenticationError('Another customer has signed in since; nothing was sent as theirs.', {
      code: 'customer_changed',
    });
  };
}

function urlOf(apiUrl: string, path: string, query: Query = {}): string {
  const url = new URL(apiUrl + path);
  for (const [name, value] of Object.entries(query)) {
    if (value !== undefined) url.searchParams.set(name, String(value));
  }
  return url.href;
}

function strangeAnswer({ status }: TransportReply): NetworkError {
  return new NetworkError('Something other than the usage API answered.', {
    status,
    code: 'invalid_response',
  });
}
