/** Every error the API answers with, by code (wire contract §9). */
export const PROBLEMS = {
  malformed_request: { status: 400, title: 'The request is not valid HTTP' },
  invalid_json: { status: 400, title: 'The body is not JSON' },
  unauthenticated: { status: 401, title: 'No valid credential' },
  quota_exceeded: { status: 402, title: 'Usage limit reached' },
  forbidden: { status: 403, title: 'Not allowed with this credential' },
  feature_not_in_plan: { status: 403, title: 'Not part of the plan' },
  subscription_not_active: { status: 403, title: 'The subscription gives no access' },
  no_active_subscription: { status: 403, title: 'No subscription' },
  not_found: { status: 404, title: 'Not found' },
  customer_not_found: { status: 404, title: 'Customer not found' },
  feature_not_found: { status: 404, title: 'Feature not found' },
  catalog_in_use: { status: 409, title: 'The catalog is in use' },
  already_exists: { status: 409, title: 'Already exists' },
  not_reactivatable: { status: 409, title: 'The subscription has ended' },
  request_timeout: { status: 408, title: 'The request took too long to arrive' },
  payload_too_large: { status: 413, title: 'The body is too large' },
  unsupported_media_type: { status: 415, title: 'The body must be JSON' },
  validation_failed: { status: 422, title: 'The request is not valid' },
  idempotency_key_reused: { status: 422, title: 'Idempotency key used before' },
  quantity_out_of_range: { status: 422, title: 'The quantity is out of range' },
  quantity_below_precision: { status: 422, title: 'The quantity is below the feature’s precision' },
  usage_below_zero: { status: 422, title: 'Usage cannot fall below zero' },
  feature_not_metered: { status: 422, title: 'The feature is not metered' },
  timestamp_out_of_range: { status: 422, title: 'The timestamp is out of range' },
  rate_limited: { status: 429, title: 'Too many requests' },
  headers_too_large: { status: 431, title: 'The headers are too large' },
  internal_error: { status: 500, title: 'Internal error' },
  overloaded: { status: 503, title: 'Overloaded' },
  store_unavailable: { status: 503, title: 'The store is unavailable' },
} as const;

export type ProblemCode = keyof typeof PROBLEMS;

/** Seconds after which a 503 is worth another try. */
const RETRY_AFTER_S = 1;

/** An error reply: thrown anywhere in a request, answered as one document. */
export class Problem extends Error {
  override readonly name = 'Problem';
  readonly code: ProblemCode;
  readonly details: Readonly<Record<string, unknown>> | undefined;

  /** @param detail what happened, with its facts, and what to do next. */
  constructor(code: ProblemCode, detail: string, details?: Readonly<Record<string, unknown>>) {
    super(detail);
    this.code = code;
    this.details = details;
  }

  get status(): number {
    return PROBLEMS[this.code].status;
  }

  get headers(): Record<string, string> {
    return this.status === 503 || this.status === 429 ? { 'Retry-After': String(RETRY_AFTER_S) } : {};
  }
}

export interface Issue {
  readonly path: string;
  readonly message: string;
}

/** Issues told in one reply: enough to act on, whatever was sent. */
export const ISSUES_MAX = 50;

/** What is wrong with a request, member by member. */
export function validationProblem(detail: string, issues: readonly Issue[]): Problem {
  return new Problem('validation_failed', detail, { issues: issues.slice(0, ISSUES_MAX) });
}

/** The RFC 9457 document of a problem, with the members that older clients read. */
export function problemDocument(problem: Problem, requestId: string): Record<string, unknown> {
  const { status, title } = PROBLEMS[problem.code];
  return {
    type: `/problems/${problem.code}`,
    title,
    status,
    detail: problem.message,
    instance: requestId,
    error: problemError(problem),
    statusCode: status,
  };
}

/** The `error` member of a problem's document, which stands alone in the items of a batch. */
export function problemError({ code, message, details }: Problem): Record<string, unknown> {
  // Clients in the field test the message of this one code.
  return { code, message: code === 'quota_exceeded' ? code : message, details };
}
