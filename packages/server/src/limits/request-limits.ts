import type { BlockList } from 'node:net';
import type { Principal } from '../auth/authenticate.ts';
import { Problem } from '../problems.ts';
import { clientAddress } from './client-address.ts';
import { rateLimiter, rateLimitFields, type RateLimiter } from './rate-limiter.ts';

/** What one caller may ask of this process, so that enough is left for the others. */
export interface LimitSettings {
  /** Requests a second of one secret key; 0 is no limit, for sessions neither. */
  readonly requestsPerSecond: number;
  /** Whose word on where a request comes from is taken. */
  readonly trustedProxies: BlockList;
}

/** A request, as far as limits look at it. */
export interface LimitedRequest {
  readonly peer: string | undefined;
  readonly forwardedFor: string | undefined;
  /** Puts fields into the reply. */
  readonly tell: (fields: Record<string, string>) => void;
}

/** The limits as one request meets them. */
export interface RequestLimits {
  /** Whether the address that it comes from may still try credentials that nobody has seen work. */
  readonly mayTry: () => boolean;
  /** Counts a credential that was none, and says what to answer. */
  readonly failed: () => Problem;
  /** Counts a request. @throws Problem `rate_limited` */
  readonly count: (principal: Principal) => void;
}

/** Browsers that hold an expired token fail once each; a crowd of them may share an address. */
const FAILURES_PER_SECOND = 20;
const FAILURES_AT_ONCE = 200;

/** A session is one person's: a tenth of what a server may ask is plenty. */
const CUSTOMER_SHARE = 10;

export function requestLimits(
  { requestsPerSecond, trustedProxies }: LimitSettings,
  clock: () => number,
): (request: LimitedRequest) => RequestLimits {
  const failures = rateLimiter(
    { name: 'failed-authentication', perSecond: FAILURES_PER_SECOND, atOnce: FAILURES_AT_ONCE },
    clock,
  );
  const limiter = (name: string, perSecond: number): RateLimiter =>
    rateLimiter({ name, perSecond, atOnce: perSecond }, clock);
  const requests = requestsPerSecond > 0 && {
    ofKey: limiter('key', requestsPerSecond),
    ofCustomer: limiter('customer', Math.max(1, Math.floor(requestsPerSecond / CUSTOMER_SHARE))),
  };

  return ({ peer, forwardedFor, tell }) => {
    const address = (): string => clientAddress(peer, forwardedFor, trustedProxies);
    return {
      mayTry: () => failures.has(address()),
      failed() {
        const allowance = failures.take(address());
        if (allowance.granted) return unauthenticated();
        tell(rateLimitFields(failures.policy, allowance));
        return new Problem(
          'rate_limited',
          'Too many requests without a valid credential came from this address; wait, and ask again.',
        );
      },
      count(principal) {
        if (requests === false) return;
        const isSession = 'scopes' in principal;
        const limit = isSession ? requests.ofCustomer : requests.ofKey;
        const allowance = limit.take(
          isSession ? `${principal.tenantId}\n${principal.externalId}` : principal.id,
        );
        tell(rateLimitFields(limit.policy, allowance));
        if (allowance.granted) return;
        throw new Problem('rate_limited', 'This credential has asked too much at once; wait, and ask again.');
      },
    };
  };
}

function unauthenticated(): Problem {
  return new Problem('unauthenticated', 'Send a valid credential as "Authorization: Bearer …".');
}
