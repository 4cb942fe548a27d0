import type { ProblemDocument, UsageSummary } from './wire.ts';

/** What an error knows besides its message. */
export interface ErrorFacts {
  status?: number | undefined;
  code?: string | undefined;
  details?: Readonly<Record<string, unknown>> | undefined;
  requestId?: string | undefined;
  retryable?: boolean | undefined;
  retryAfter?: number | undefined;
  idempotencyKey?: string | undefined;
  cause?: unknown;
}

/**
 * What every failure of a BillingOS client is (UI contract §7). Two packages may carry their own copy of these
 * classes, so tell them apart by `name` and `code`, not by `instanceof`; `isBillingOSError` does.
 */
export class BillingOSError extends Error {
  override readonly name: string = 'BillingOSError';
  /** The HTTP status, where there was an answer. */
  readonly status: number | undefined;
  /** The wire contract's code (§9), or the client's own, such as `network_error`. */
  readonly code: string;
  readonly details: Readonly<Record<string, unknown>>;
  /** What support asks for: the `X-Request-Id` of the refused request. */
  readonly requestId: string | undefined;
  /** Whether the same call may succeed later. */
  readonly retryable: boolean;
  /** How long the server asked to wait, in seconds. */
  readonly retryAfter: number | undefined;
  /** Set when it is not known whether a usage event counts: repeat the call with this key. */
  readonly idempotencyKey: string | undefined;

  constructor(message: string, facts: ErrorFacts = {}) {
    super(message, facts.cause === undefined ? {} : { cause: facts.cause });
    this.status = facts.status;
    this.code = facts.code ?? 'error';
    this.details = facts.details ?? {};
    this.requestId = facts.requestId;
    this.retryable = facts.retryable ?? false;
    this.retryAfter = facts.retryAfter;
    this.idempotencyKey = facts.idempotencyKey;
  }
}

/** 401, or nobody is signed in. */
export class AuthenticationError extends BillingOSError {
  override readonly name: string = 'AuthenticationError';
}

/** The older name of `AuthenticationError`. */
export { AuthenticationError as UnauthorizedError };

/** 403: the credential or the plan does not allow it. */
export class AuthorizationError extends BillingOSError {
  override readonly name: string = 'AuthorizationError';
}

/** 404. */
export class NotFoundError extends BillingOSError {
  override readonly name: string = 'NotFoundError';
}

/** 409. */
export class ConflictError extends BillingOSError {
  override readonly name: string = 'ConflictError';
}

/** 400, 422, or input that was refused before it was sent. */
export class ValidationError extends BillingOSError {
  override readonly name: string = 'ValidationError';
}

/** 402: the event did not fit and was not recorded. */
export class QuotaExceededError extends BillingOSError {
  override readonly name: string = 'QuotaExceededError';

  /** The counter as it stood at the refusal. */
  get usage(): UsageSummary | undefined {
    return this.details['usage'] as UsageSummary | undefined;
  }
}

/** 429: too many requests. A used-up quota is never this. */
export class RateLimitError extends BillingOSError {
  override readonly name: string = 'RateLimitError';
}

/** 5xx. */
export class ServerError extends BillingOSError {
  override readonly name: string = 'ServerError';
}

/** No answer, or one that does not come from the usage API. */
export class NetworkError extends BillingOSError {
  override readonly name: string = 'NetworkError';

  constructor(message: string, facts: ErrorFacts = {}) {
    super(message, { code: 'network_error', retryable: true, ...facts });
  }
}

/** No answer in time. */
export class TimeoutError extends BillingOSError {
  override readonly name: string = 'TimeoutError';

  constructor(message: string, facts: ErrorFacts = {}) {
    super(message, { code: 'timeout', retryable: true, ...facts });
  }
}

/** The client was set up in a way that cannot work. Trying again does not help. */
export class ConfigurationError extends BillingOSError {
  override readonly name: string = 'ConfigurationError';

  constructor(message: string, facts: ErrorFacts = {}) {
    super(message, { code: 'configuration_error', ...facts });
  }
}

/** Whether `error` is one of these errors, from whichever package; with `name`, whether it is that one. */
export function isBillingOSError(error: unknown, name?: string): error is BillingOSError {
  if (!(error instanceof Error) || !('code' in error) || !('retryable' in error)) return false;
  return name === undefined || error.name === name;
}

/** The error for a refusal, from its status and problem document (wire contract §9). */
export function errorFromReply(
  status: number,
  body: unknown,
  facts: Pick<ErrorFacts, 'requestId' | 'retryAfter'>,
): BillingOSError {
  // Whatever stands between here and the API may have its own idea of these members, such as a number for a code.
  const { detail, instance, error } = (body ?? {}) as Unsure<Partial<ProblemDocument>>;
  const { code, message, details } = (error ?? {}) as Unsure<Partial<ProblemDocument['error']>>;
  return errorOf(textOf(detail) ?? textOf(message) ?? `The server answered ${status}.`, {
    ...facts,
    requestId: facts.requestId ?? textOf(instance),
    status,
    code: textOf(code) ?? `${FOREIGN_CODE_PREFIX}${status}`,
    details: typeof details === 'object' && details !== null ? { ...details } : undefined,
    retryable: isRetryableStatus(status),
  });
}

/** The error of the class that its status asks for, such as one that was told by another tab. */
export function errorOf(message: string, facts: ErrorFacts): BillingOSError {
  const { status = 0 } = facts;
  const ErrorClass = CLASS_OF_STATUS[status] ?? (status >= 500 ? ServerError : BillingOSError);
  return new ErrorClass(message, facts);
}

/** Whether the usage API itself said so: a proxy's refusal has no code of the wire contract's. */
export function isOwnWord({ code }: BillingOSError): boolean {
  return !code.startsWith(FOREIGN_CODE_PREFIX);
}

/** What an error knows, as data. */
export function factsOf(error: BillingOSError): ErrorFacts {
  const { status, code, details, requestId, retryable, retryAfter, idempotencyKey } = error;
  return { status, code, details, requestId, retryable, retryAfter, idempotencyKey };
}

/** A copy that carries the key. A copy, because callers that wait for one token share one error. */
export function withIdempotencyKey(error: BillingOSError, idempotencyKey: string): BillingOSError {
  const ErrorClass = error.constructor as typeof BillingOSError;
  return new ErrorClass(error.message, { ...factsOf(error), cause: error.cause, idempotencyKey });
}

/** Whether a status says that the same request may succeed later (UI contract §7). */
export function isRetryableStatus(status: number): boolean {
  return status === 408 || status === 425 || status === 429 || status >= 500;
}

const FOREIGN_CODE_PREFIX = 'http_';

/** Members that may be anything. */
type Unsure<T> = { readonly [Name in keyof T]: unknown };

function textOf(value: unknown): string | undefined {
  return typeof value === 'string' ? value : undefined;
}

const CLASS_OF_STATUS: Readonly<Record<number, typeof BillingOSError>> = {
  400: ValidationError,
  401: AuthenticationError,
  402: QuotaExceededError,
  403: AuthorizationError,
  404: NotFoundError,
  409: ConflictError,
  422: ValidationError,
  429: RateLimitError,
};
