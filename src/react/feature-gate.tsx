'use client';

import type { ReactNode } from 'react';
import { CompactUsageDisplay } from './compact-usage-display.tsx';
import { UpgradePrompt } from './upgrade-prompt.tsx';
import { type FeatureGateOptions, useFeatureGate } from './use-feature.ts';

export interface FeatureGateProps extends FeatureGateOptions {
  feature: string;
  children?: ReactNode;
  /** Shown without access. An `UpgradePrompt` unless given. */
  fallback?: ReactNode;
  /** Shown until the answer is there. */
  loading?: ReactNode;
  /** Shows the feature's meter beside the children. */
  showUsageBadge?: boolean | undefined;
}

/** Shows its children to customers who may use a feature. After a failed check the last known answer holds. */
export function FeatureGate(props: FeatureGateProps): ReactNode {
  const { feature, children, fallback, loading = null, showUsageBadge = false } = props;
  const gate = useFeatureGate(feature, props);
  if (gate.isLoading) return loading;
  if (gate.hasAccess) {
    return (
      <>
        {showUsageBadge ? <CompactUsageDisplay featureKey={feature} /> : null}
        {children}
      </>
    );
  }
  if (fallback !== undefined) return fallback;
  // Nobody knows whether there is anything to upgrade for.
  if (gate.data === undefined) return null;
  const { isQuotaExceeded, usage, limit } = gate;
  return <UpgradePrompt {...{ feature, isQuotaExceeded, usage, limit }} />;
}
