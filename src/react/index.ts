'use client';

/** React components and hooks. Each module is a client module, so that server components can render them. */

export type { BillingSettings } from '../adapters/billing.ts';
export type { FeatureAccess } from '../adapters/lookup.ts';
export type { SessionToken } from '../adapters/session.ts';
export type { TrackUsageOptions } from '../adapters/tracking.ts';
export type { UpgradeNudgeOptions } from '../adapters/usage-view.ts';
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
} from '../client/errors.ts';
export type {
  Entitlement,
  EntitlementsReply,
  NudgeTrigger,
  SuggestedPlan,
  UsageMetricsReply,
} from '../client/wire.ts';
export type {
  BillingDismissEvent,
  BillingNudgeShownEvent,
  BillingUpgradeEvent,
  DismissReason,
  HostTrigger,
  Trigger,
} from '../elements/events.ts';
export type { TrackUsageInput, TrackUsageResult, UsageMetric, UsageStore } from '../store/types.ts';
export type { Appearance, AppearanceValues } from './appearance.ts';
export { CompactUsageDisplay } from './compact-usage-display.tsx';
export { FeatureGate } from './feature-gate.tsx';
export type { FeatureGateProps } from './feature-gate.tsx';
export { UsageBar } from './generated/usage-bar.ts';
export type { UsageBarProps } from './generated/usage-bar.ts';
export { UsageDisplay } from './generated/usage-display.ts';
export type { UsageDisplayProps } from './generated/usage-display.ts';
export { BillingOSProvider } from './provider.tsx';
export type { BillingOSProviderProps } from './provider.tsx';
export { UpgradeNudge } from './upgrade-nudge.tsx';
export type { UpgradeNudgeProps } from './upgrade-nudge.tsx';
export { UpgradePrompt } from './upgrade-prompt.tsx';
export type { UpgradePromptProps } from './upgrade-prompt.tsx';
export { useBillingOS, useSessionToken } from './use-billing-os.ts';
export type { SessionTokenState } from './use-billing-os.ts';
export {
  useCheckEntitlement,
  useEntitlements,
  useFeature,
  useFeatureEntitlements,
  useFeatureGate,
  useHasFeature,
} from './use-feature.ts';
export type { FeatureGateOptions, FeatureGateResult, QueryResult } from './use-feature.ts';
export { useTrackUsage } from './use-track-usage.ts';
export type { TrackUsageMutation } from './use-track-usage.ts';
export { useUpgradeNudge } from './use-upgrade-nudge.ts';
export type { UpgradeNudgeState } from './use-upgrade-nudge.ts';
export { useIsApproachingLimit, useUsageMetrics } from './use-usage.ts';
export type { UsageMetricsResult } from './use-usage.ts';
