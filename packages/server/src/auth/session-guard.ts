import type { Ledger } from '../ledger/ledger.ts';
import type { SessionClaims } from './session-tokens.ts';

/** How long a session is trusted without asking the store again: the bound on how late its revocation takes effect. */
export const SESSION_TRUST_MS = 2_000;
const SESSIONS_MAX = 10_000;

/** Whether a session whose token is genuine may still go on: token and key not revoked, customer not deleted. */
export function sessionGuard(
  ledger: Ledger,
  clock: () => number,
): (claims: SessionClaims) => Promise<boolean> {
  const known = new Map<string, { holds: Promise<boolean>; since: number }>();
  return (claims) => {
    const id = `${claims.tenantId}\n${claims.tokenId}`;
    const now = clock();
    const trusted = known.get(id);
    // An answer from the future is of no known age: the clock has stepped back since.
    if (trusted !== undefined && trusted.since <= now && now < trusted.since + SESSION_TRUST_MS)
      return trusted.holds;
    const holds = ledger
      .tenant(claims.tenantId)
      .grantsHold([claims])
      .then(([held]) => held === true);
    known.delete(id);
    const [oldest] = known.keys();
    if (known.size >= SESSIONS_MAX && oldest !== undefined) known.delete(oldest);
    known.set(id, { holds, since: now });
    // An answer that did not come must not stand for one.
    holds.catch(() => known.delete(id));
    return holds;
  };
}
