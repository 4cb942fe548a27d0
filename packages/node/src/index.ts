/** BillingOS for servers. */

export { BillingOS } from './billing-os.ts';
export type { BillingOSOptions, SessionToken, SessionTokenInput } from './billing-os.ts';
export { UnfinishedBatchError } from './batch.ts';
export type { BatchResult } from './batch.ts';
export type {
  Customer,
  CustomerInput,
  CustomerPatch,
  Subscription,
  SubscriptionInput,
  SubscriptionPatch,
} from './resources.ts';
export { createSessionHandler, createSessionRoute } from './session-route.ts';
export type { SessionRouteOptions, SessionUser } from './session-route.ts';
export type { BufferOptions, QueuedUsage } from './usage-buffer.ts';
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
} from '../../../src/client/errors.ts';
export type { ServerTrackInput as TrackUsageInput } from '../../../src/client/track-input.ts';
export type {
  BatchReply,
  CheckReason,
  CheckReply,
  EventReply,
  FeatureType,
  SubscriptionStatus,
  TrackReply,
  UsageMetric,
  UsageMetricsReply,
  UsageStatus,
  UsageSummary,
} from '../../../src/client/wire.ts';
