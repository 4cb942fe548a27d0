import type { Mode } from '../ledger/ledger.ts';
import type { RequestLimits } from '../limits/request-limits.ts';
import { Problem } from '../problems.ts';
import { isSecretKey, type FindSecretKey } from './secret-keys.ts';
import type { Scope, SessionClaims, SessionTokens } from './session-tokens.ts';

/** What a route asks for: nothing, a secret key, or a session token with one scope. Every route names one. */
export type Credential = 'anyone' | 'secret_key' | Scope;

/** Who asks. The tenant comes from here and from nowhere else. */
export type Principal = SecretPrincipal | SessionPrincipal;

export interface SecretPrincipal {
  /** The key's own id. */
  readonly id: string;
  readonly tenantId: string;
  readonly mode: Mode;
}

export type SessionPrincipal = SessionClaims;

export type PrincipalOf<C extends Credential> = C extends 'anyone'
  ? null
  : C extends 'secret_key'
    ? SecretPrincipal
    : SessionPrincipal;

export interface Authenticator {
  findSecretKey: FindSecretKey;
  tokens: SessionTokens;
  /** Whether a genuine session may still go on. */
  sessionHolds: (claims: SessionClaims) => Promise<boolean>;
}

/**
 * The principal of an `Authorization` header, if it may use a route with this credential now.
 * @throws Problem `unauthenticated` for whatever is no valid credential; `forbidden` for one of the wrong kind;
 *   `rate_limited` for one that asks too much, and instead of `unauthenticated` where too many have come from.
 */
export async function authenticate(
  header: string | undefined,
  credential: Exclude<Credential, 'anyone'>,
  authenticator: Authenticator,
  limits: RequestLimits,
): Promise<Principal> {
  const text = /^Bearer +([^\s]+)$/i.exec(header ?? '')?.[1] ?? '';
  const principal = isSecretKey(text)
    ? await authenticator.findSecretKey(text, limits.mayTry)
    : await sessionOf(text, authenticator);
  if (principal === null) throw limits.failed();
  limits.count(principal);
  authorize(principal, credential);
  return principal;
}

async function sessionOf(
  text: string,
  { tokens, sessionHolds }: Authenticator,
): Promise<SessionPrincipal | null> {
  const claims = await tokens.verify(text);
  return claims !== null && (await sessionHolds(claims)) ? claims : null;
}

function authorize(principal: Principal, credential: Exclude<Credential, 'anyone'>): void {
  const isSession = 'scopes' in principal;
  if (credential === 'secret_key') {
    if (isSession) throw new Problem('forbidden', 'This route takes a secret key, from a server.');
  } else if (!isSession) {
    throw new Problem(
      'forbidden',
      'This route takes a session token; a secret key must never reach a browser.',
    );
  } else if (!principal.scopes.includes(credential)) {
    throw new Problem(
      'forbidden',
      `This session token does not allow ${credential}; ask for it in allowedOperations.`,
    );
  }
}
