'use client';

import { useCallback, useMemo, useSyncExternalStore } from 'react';
import { isApproaching, usageSelector, type UsageView } from '../adapters/usage-view.ts';
import type { UsageSnapshot } from '../store/types.ts';
import { useBilling } from './context.ts';

/** What `useUsageMetrics` knows. */
export interface UsageMetricsResult extends UsageView {
  /** Reads everything again now. */
  readonly refetch: () => Promise<void>;
}

/**
 * The signed-in customer's meters, or one of them, live. `data` keeps its identity until a number in it changes.
 */
export function useUsageMetrics(featureKey?: string): UsageMetricsResult {
  const select = useMemo(() => usageSelector(featureKey), [featureKey]);
  const view = useSnapshot(select);
  const { store } = useBilling();
  return useMemo(() => ({ ...view, refetch: () => store.refetch() }), [view, store]);
}

/**
 * Whether a meter has reached `threshold` percent of its limit. `false` while that is unknown, and without a limit.
 * The session decides the customer; an id is accepted and ignored.
 */
export function useIsApproachingLimit(customerId: string, featureKey: string, threshold?: number): boolean;
export function useIsApproachingLimit(featureKey: string, threshold?: number): boolean;
export function useIsApproachingLimit(first: string, second?: string | number, third?: number): boolean {
  const [featureKey, threshold] = typeof second === 'string' ? [second, third] : [first, second];
  return useSnapshot((snapshot) => isApproaching(snapshot, featureKey, threshold ?? THRESHOLD_DEFAULT));
}

/** What `select` picks of the present snapshot. It must pick the same object as long as nothing changes. */
export function useSnapshot<Selected>(select: (snapshot: UsageSnapshot) => Selected): Selected {
  const { store, initial } = useBilling();
  const subscribe = useCallback((listener: () => void) => store.subscribe(listener), [store]);
  return useSyncExternalStore(
    subscribe,
    () => select(store.getSnapshot()),
    () => select(initial),
  );
}

const THRESHOLD_DEFAULT = 80;
