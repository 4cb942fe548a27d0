import { normalizeApiUrl } from './api-url.ts';
import { readClaims, type SessionClaims } from './claims.ts';
import { abortable, type Clock } from './clock.ts';
import type { Credentials, CredentialSource } from './credentials.ts';
import { startDeadline } from './deadline.ts';
import {
  AuthenticationError,
  ConfigurationError,
  errorFromReply,
  isBillingOSError,
  isRetryableStatus,
  NetworkError,
} from './errors.ts';
import { parseRetryAfter } from './retry.ts';
import type { Transport } from './transport.ts';

/** A session token with what its giver says about it: the session route's reply (UI contract §2). */
export interface SessionGrant {
  sessionToken: string;
  /** RFC 3339. */
  expiresAt?: string | undefined;
  /** The usage API's base URL. */
  apiUrl?: string | undefined;
}

/** Gets a session token from the host: the token, the token with facts, or null when nobody is signed in. */
export type GetSessionToken = () => Promise<string | SessionGrant | null>;

/** How a session finds the API and tells the time. */
export interface SessionOptions {
  /** The API's base URL, when the host named it; it wins over what the grant says. */
  apiUrl: string | undefined;
  clock: Clock;
  /** How long one look-up of a token may take, in milliseconds. */
  timeoutMs: number;
}

/** A token is replaced after this share of its life, while it is still good. */
export const REFRESH_AT_LIFE_SHARE = 0.8;

/** The session of a token that cannot be replaced. */
export function staticSession(sessionToken: string, apiUrl: string | undefined): CredentialSource {
  return {
    // Not refused at construction: elements are configured by attributes and must not throw there.
    get: () => Promise.resolve().then(() => credentialsOf({ sessionToken }, apiUrl)),
  };
}

/**
 * A session that gets its token from `load`: at the first call, in the background at 80 % of the token's life, at
 * its end, and when the API refuses it. At any time one look-up is under way at most, shared by all callers.
 */
export function refreshingSession(
  load: (signal: AbortSignal) => Promise<SessionGrant>,
  options: SessionOptions,
): CredentialSource {
  const { clock } = options;
  let held: HeldToken | undefined;
  let loading: Promise<Credentials> | undefined;

  async function replace(): Promise<Credentials> {
    const deadline = startDeadline(options.timeoutMs, 'Getting a session token', clock, undefined);
    try {
      const grant = await abortable(load(deadline.signal), deadline.signal);
      held = holdToken(grant, options.apiUrl, clock.now());
      return held.credentials;
    } catch (error) {
      if (isBillingOSError(error, 'AuthenticationError')) held = undefined;
      throw error;
    } finally {
      deadline.release();
      loading = undefined;
    }
  }

  const refresh = () => (loading ??= replace());

  async function get(): Promise<Credentials> {
    const nowMs = clock.now();
    if (held === undefined || nowMs >= held.expiresAtMs) return refresh();
    // A failure here costs nothing yet: the token at hand is good, and the next call tries again.
    if (nowMs >= held.refreshAtMs) refresh().catch(() => undefined);
    return held.credentials;
  }

  return {
    get,
    // An expired token still says whose page this is: offline nothing else does.
    customer: async () => (held?.credentials ?? (await get())).customer,
    renew(rejected) {
      const current = held?.credentials;
      return current !== undefined && current !== rejected ? Promise.resolve(current) : refresh();
    },
  };
}

/** Gets tokens from the host's function. Its own errors count as a bad line: they may pass. */
export function loadFromFunction(getSessionToken: GetSessionToken): () => Promise<SessionGrant> {
  return async () => {
    // Pages without types hand over functions that are not async, throw, or forget to return.
    const given: unknown = await Promise.resolve()
      .then(getSessionToken)
      .catch((error: unknown) => {
        if (isBillingOSError(error)) throw error;
        throw new NetworkError('getSessionToken failed.', { cause: error });
      });
    if (given === null || given === undefined || given === '') {
      throw signedOut('getSessionToken gave no token.');
    }
    const grant = typeof given === 'string' ? { sessionToken: given } : given;
    if (isGrant(grant)) return grant;
    throw new ConfigurationError(
      'getSessionToken must give a session token, {sessionToken, expiresAt, apiUrl?}, or null.',
    );
  };
}

/** Gets tokens from the host page's session route (UI contract §2). */
export function loadFromRoute(
  url: string,
  transport: Transport,
  clock: Clock,
): (signal: AbortSignal) => Promise<SessionGrant> {
  return async (signal) => {
    const reply = await transport({
      url,
      method: 'GET',
      headers: { Accept: 'application/json' },
      credentials: 'include',
      redirect: 'follow',
      signal,
    });
    if (reply.status === 401 || reply.status === 403) {
      throw signedOut(`The session route ${url} answered ${reply.status}.`, reply.status);
    }
    if (isRetryableStatus(reply.status)) {
      const retryAfter = parseRetryAfter(reply.headers.get('Retry-After'), clock.now());
      throw errorFromReply(reply.status, reply.json, { requestId: undefined, retryAfter });
    }
    if (reply.status === 200 && isGrant(reply.json)) return reply.json;
    throw new ConfigurationError(
      `The session route ${url} answered ${reply.status} without a JSON {sessionToken, expiresAt}.`,
    );
  };
}

function isGrant(value: unknown): value is SessionGrant {
  return typeof (value as Partial<SessionGrant> | null | undefined)?.sessionToken === 'string';
}

interface HeldToken {
  readonly credentials: Credentials;
  readonly refreshAtMs: number;
  readonly expiresAtMs: number;
}

function holdToken(grant: SessionGrant, apiUrl: string | undefined, nowMs: number): HeldToken {
  const lifeMs = remainingLifeMs(grant, readClaims(grant.sessionToken), nowMs);
  return {
    credentials: credentialsOf(grant, apiUrl),
    refreshAtMs: nowMs + lifeMs * REFRESH_AT_LIFE_SHARE,
    expiresAtMs: nowMs + lifeMs,
  };
}

/**
 * How long the token is good for. The page's clock may be wrong, so it never makes a token look dead on arrival or
 * longer-lived than it was made; where it errs, the API's 401 has the last word.
 */
function remainingLifeMs(grant: SessionGrant, claims: SessionClaims, nowMs: number): number {
  const { iat, exp } = claims;
  const wholeMs = iat !== undefined && exp !== undefined ? (exp - iat) * 1_000 : Infinity;
  const endMs = grant.expiresAt !== undefined ? Date.parse(grant.expiresAt) : (exp ?? NaN) * 1_000;
  const leftMs = endMs - nowMs;
  return leftMs > 0 ? Math.min(leftMs, wholeMs) : wholeMs;
}

function credentialsOf(grant: SessionGrant, explicitApiUrl: string | undefined): Credentials {
  const { sessionToken } = grant;
  if (sessionToken.startsWith('sk_')) {
    throw new ConfigurationError('A secret key was given as a session token. Keep it on the server.');
  }
  const { iss, ten, sub } = readClaims(sessionToken);
  const found = explicitApiUrl ?? grant.apiUrl ?? iss;
  if (found === undefined) {
    throw new ConfigurationError(
      'The usage API is not known: set apiUrl, or let the session route answer with it. Nothing was sent.',
    );
  }
  const apiUrl = normalizeApiUrl(found);
  return {
    token: sessionToken,
    apiUrl,
    customer: sub === undefined ? undefined : JSON.stringify([apiUrl, ten, sub]),
  };
}

function signedOut(message: string, status?: number): AuthenticationError {
  return new AuthenticationError(message, { status, code: 'signed_out' });
}
