/** The headless client of the usage API: no DOM, no framework. */

export { createClient } from './client.ts';
export type { CallOptions, ClientInternals, ClientOptions, StreamEvent, UsageClient } from './client.ts';
export type { Clock } from './clock.ts';
export {
  AuthenticationError,
  AuthorizationError,
  BillingOSError,
  ConfigurationError,
  ConflictError,
  isBillingOSError,
  NetworkError,
  NotFoundError,
  QuotaExceededError,
  RateLimitError,
  ServerError,
  TimeoutError,
  UnauthorizedError,
  ValidationError,
} from './errors.ts';
export type { ErrorFacts } from './errors.ts';
export type { GetSessionToken, SessionGrant } from './session.ts';
export type { TrackInput, TrackOptions } from './track-input.ts';
export type { Transport, TransportReply, TransportRequest } from './transport.ts';
export type * from './wire.ts';
