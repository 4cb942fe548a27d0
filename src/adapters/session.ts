import { readClaims } from '../client/claims.ts';
import { TIMEOUT_DEFAULT_MS } from '../client/api.ts';
import type { SessionGrant } from '../client/session.ts';

/** A session token, as applications see it. */
export interface SessionToken {
  readonly token: string;
  /** RFC 3339; `null` when the token does not tell. */
  readonly expiresAt: string | null;
}

/** Where the client's tokens come from, and the last one of them, for an application that calls the API itself. */
export class Session {
  readonly load: (signal: AbortSignal) => Promise<SessionGrant>;
  #token: SessionToken | undefined;
  #loading: Promise<SessionGrant> | undefined;
  /** What was loaded for the application, and is as good for the client. */
  #unclaimed: SessionGrant | undefined;
  readonly #listeners = new Set<() => void>();

  constructor(load: Session['load']) {
    this.load = load;
  }

  // Fields, not methods: they are handed over alone.

  readonly getToken = (): SessionToken | undefined => this.#token;

  readonly subscribe = (listener: () => void): (() => void) => {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  };

  /** For the client, which asks when it needs another one. */
  readonly getSessionToken = async (): Promise<SessionGrant> => {
    const unclaimed = this.#unclaimed;
    this.#unclaimed = undefined;
    return unclaimed ?? this.#loadOnce();
  };

  /** Gets another token now. */
  readonly refresh = async (): Promise<SessionToken> => {
    const grant = await this.#loadOnce();
    this.#unclaimed = grant;
    return toToken(grant);
  };

  #loadOnce(): Promise<SessionGrant> {
    this.#loading ??= this.load(AbortSignal.timeout(TIMEOUT_DEFAULT_MS))
      .then((grant) => {
        this.#token = toToken(grant);
        for (const listener of this.#listeners) listener();
        return grant;
      })
      .finally(() => (this.#loading = undefined));
    return this.#loading;
  }
}

function toToken({ sessionToken, expiresAt }: SessionGrant): SessionToken {
  const { exp } = readClaims(sessionToken);
  return {
    token: sessionToken,
    expiresAt: expiresAt ?? (exp === undefined ? null : new Date(exp * 1_000).toISOString()),
  };
}
