import type { Mode, SecretKeyRecord } from '../ledger/ledger.ts';
import { Problem } from '../problems.ts';
import { isSecretKey } from './secret-keys.ts';
import { isSessionToken, type Scope, type SessionClaims, type SessionTokens } from './session-tokens.ts';

/** What a route asks for: nothing, a secret key, or a session token with one scope. Every route names one. */
export type Credential = 'anyone' | 'secret_key' | Scope;

/** Who asks. The tenant comes from here and from nowhere else. */
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
  findSecretKey: (key: string) => Promise<SecretKeyRecord | null>;
  tokens: SessionTokens;
  /** Whether a genuine session may still go on. */
  sessionHolds: (claims: SessionClaims) => Promise<boolean>;
}

/**
 * The principal of an `Authorization` header, if it may use a route with this credential.
 * @throws Problem `unauthenticated` for whatever is no valid credential; `forbidden` for one of the wrong kind.
 */
export async function authenticate(
  header: string | undefined,
  credential: Exclude<Credential, 'anyone'>,
  { findSecretKey, tokens, sessionHolds }: Authenticator,
): Promise<SecretPrincipal | SessionPrincipal> {
  const text = /^Bearer +([^\s]+)$/i.exec(header ?? '')?.[1] ?? '';
  if (isSecretKey(text)) {
    const key = await findSecretKey(text);
    if (key === null) throw unauthenticated();
    if (credential !== 'secret_key') {
      throw new Problem(
        'forbidden',
        'This route takes a session token; a secret key must never reach a browser.',
      );
    }
    return key;
  }
  const claims = isSessionToken(text) ? await tokens.verify(text) : null;
  if (claims === null || !(await sessionHolds(claims))) throw unauthenticated();
  return withScope(claims, credential);
}

function withScope(claims: SessionClaims, credential: Exclude<Credential, 'anyone'>): SessionPrincipal {
  if (credential === 'secret_key')
    throw new Problem('forbidden', 'This route takes a secret key, from a server.');
  if (!claims.scopes.includes(credential)) {
    throw new Problem(
      'forbidden',
      `This session token does not allow ${credential}; ask for it in allowedOperations.`,
    );
  }
  return claims;
}

function unauthenticated(): Problem {
  return new Problem('unauthenticated', 'Send a valid credential as "Authorization: Bearer …".');
}
