/** Vue 3 plugin, components and composables. */

export type { BillingSettings } from '../adapters/billing.ts';
export type { FeatureAccess } from '../adapters/lookup.ts';
export type { TrackUsageOptions } from '../adapters/tracking.ts';
export type { UpgradeNudgeOptions } from '../adapters/usage-view.ts';
export type { NudgeTrigger, SuggestedPlan } from '../client/wire.ts';
export type {
  BillingDismissEvent,
  BillingNudgeShownEvent,
  BillingUpgradeEvent,
  DismissReason,
  HostTrigger,
  Trigger,
} from '../elements/events.ts';
export type { TrackUsageInput, TrackUsageResult, UsageMetric, UsageStore } from '../store/types.ts';
export { BillingOS } from './billing.ts';
export { UpgradeNudge } from './generated/upgrade-nudge.ts';
export type { UpgradeNudgeProps } from './generated/upgrade-nudge.ts';
export { UsageBar } from './generated/usage-bar.ts';
export type { UsageBarProps } from './generated/usage-bar.ts';
export { UsageDisplay } from './generated/usage-display.ts';
export type { UsageDisplayProps } from './generated/usage-display.ts';
export { useFeature } from './use-feature.ts';
export type { FeatureRefs } from './use-feature.ts';
export { useTrackUsage } from './use-track-usage.ts';
export type { TrackUsageRefs } from './use-track-usage.ts';
export { useIsApproachingLimit, useUpgradeNudge, useUsageMetrics } from './use-usage.ts';
export type { UpgradeNudgeRefs, UsageMetricsRefs } from './use-usage.ts';
