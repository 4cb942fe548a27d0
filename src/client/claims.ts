/** What a session token says about itself (wire contract §1). Read, not verified: only the API can do that. */
export interface SessionClaims {
  /** The API's public URL. */
  readonly iss?: string;
  /** The tenant. */
  readonly ten?: string;
  /** The merchant's own user id. */
  readonly sub?: string;
  /** Issued at, in seconds since the epoch. */
  readonly iat?: number;
  /** Expires at, in seconds since the epoch. */
  readonly exp?: number;
}

const PREFIX = /^bos_session_(?:test|live)_/;

/** The claims of a session token; empty when it has none that can be read. */
export function readClaims(sessionToken: string): SessionClaims {
  const payload = sessionToken.replace(PREFIX, '').split('.')[1];
  if (payload === undefined || !PREFIX.test(sessionToken)) return {};
  try {
    const binary = atob(payload.replaceAll('-', '+').replaceAll('_', '/'));
    const bytes = Uint8Array.from(binary, (character) => character.charCodeAt(0));
    const claims: unknown = JSON.parse(new TextDecoder().decode(bytes));
    return typeof claims === 'object' && claims !== null ? claims : {};
  } catch {
    return {};
  }
}
