import { randomBytes } from 'node:crypto';
import { jwtVerify, SignJWT } from 'jose';
import type { Mode, SigningKey } from '../ledger/ledger.ts';

/**
 * Session tokens: one customer of one tenant, short-lived, scoped. After the prefix a compact JWS, HS256 and
 * nothing else; its claims are readable so that a client finds the API without another call (wire contract §1).
 *
 * A token's header is not read: it must be, letter by letter, one that this server writes, and so says nothing about
 * how to verify it. The signature must be the one way to write its bytes.
 */

export const SCOPES = ['read_entitlements', 'track_usage', 'read_usage', 'dismiss_nudges'] as const;
export type Scope = (typeof SCOPES)[number];

export interface SessionClaims {
  tenantId: string;
  externalId: string;
  /** Ours; with it a token ends when its customer is deleted, whoever has the external id later. */
  customerId: string;
  /** The secret key that asked for it; a token dies with it. */
  keyId: string;
  scopes: readonly Scope[];
  tokenId: string;
  /** Milliseconds since the epoch. */
  expiresAt: number;
}

export interface SessionTokens {
  issue(claims: Omit<SessionClaims, 'tokenId'>, mode: Mode): Promise<{ token: string; tokenId: string }>;
  /** The claims of a token that is ours and not expired; otherwise `null`, whatever is wrong with it. */
  verify(token: string): Promise<SessionClaims | null>;
}

export const SIGNING_KEY_BYTES = 32;

const TOKEN_ID_BYTES = 12;
/** What a token's id looks like. */
export const TOKEN_ID = /^tok_[A-Za-z0-9_-]{16}$/;
/** The longest that a token may live, in seconds. */
export const SESSION_SECONDS_MAX = 86_400;

const TOKEN = /^bos_session_(test|live)_(([\w-]+)\.[\w-]+\.[\w-]{42}[AEIMQUYcgkosw048])$/;
const TOKEN_CHARS_MAX = 2_048;

/** A fresh signing key of 256 random bits. */
export function generateSigningKey(): SigningKey {
  return { kid: randomBytes(6).toString('base64url'), secret: randomBytes(SIGNING_KEY_BYTES) };
}

/** @param ring the keys that verify; the first one signs. */
export function sessionTokens(
  ring: readonly SigningKey[],
  options: { issuer: () => string; clock: () => number },
): SessionTokens {
  const [signing] = ring;
  if (signing === undefined) throw new Error('Session tokens need at least one signing key');
  const secrets = new Map(ring.map(({ kid, secret }) => [encodedHeader(kid), secret]));
  return {
    async issue({ tenantId, externalId, customerId, keyId, scopes, expiresAt }, mode) {
      const tokenId = `tok_${randomBytes(TOKEN_ID_BYTES).toString('base64url')}`;
      const jws = await new SignJWT({ ten: tenantId, cus: customerId, key: keyId, scp: [...scopes] })
        .setProtectedHeader(headerOf(signing.kid))
        .setIssuer(options.issuer())
        .setAudience(audienceOf(mode))
        .setSubject(externalId)
        .setJti(tokenId)
        .setIssuedAt(Math.floor(options.clock() / 1000))
        .setExpirationTime(Math.floor(expiresAt / 1000))
        .sign(signing.secret);
      return { token: `bos_session_${mode}_${jws}`, tokenId };
    },
    async verify(token) {
      if (token.length > TOKEN_CHARS_MAX) return null;
      const [, mode = '', jws = '', header = ''] = TOKEN.exec(token) ?? [];
      const secret = secrets.get(header);
      if (secret === undefined) return null;
      try {
        const { payload } = await jwtVerify(jws, secret, {
          algorithms: ['HS256'],
          audience: audienceOf(mode),
          currentDate: new Date(options.clock()),
          requiredClaims: ['exp', 'sub', 'jti', 'ten', 'cus', 'key'],
        });
        return toClaims(payload);
      } catch {
        // Missing, malformed, forged, expired: the reply must not tell them apart.
        return null;
      }
    },
  };
}

function headerOf(kid: string): { alg: 'HS256'; kid: string } {
  return { alg: 'HS256', kid };
}

function encodedHeader(kid: string): string {
  return Buffer.from(JSON.stringify(headerOf(kid))).toString('base64url');
}

/** Ties a token to its prefix, and tells it from whatever else a merchant may sign with the same key. */
function audienceOf(mode: string): string {
  return `billingos_${mode}`;
}

function toClaims(payload: Record<string, unknown>): SessionClaims | null {
  const { ten, sub, cus, key, jti, exp, scp } = payload;
  if (typeof ten !== 'string' || typeof sub !== 'string' || typeof cus !== 'string') return null;
  if (typeof key !== 'string' || typeof jti !== 'string' || typeof exp !== 'number') return null;
  const granted = new Set(Array.isArray(scp) ? scp : []);
  return {
    tenantId: ten,
    externalId: sub,
    customerId: cus,
    keyId: key,
    tokenId: jti,
    expiresAt: exp * 1000,
    scopes: SCOPES.filter((scope) => granted.has(scope)),
  };
}
