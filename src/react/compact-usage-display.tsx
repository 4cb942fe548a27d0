'use client';

import type { ReactNode } from 'react';
import { UsageDisplay } from './generated/usage-display.ts';

/** One feature's usage in one inline line. */
export function CompactUsageDisplay({ featureKey }: { featureKey: string }): ReactNode {
  return <UsageDisplay compact featureKey={featureKey} />;
}
