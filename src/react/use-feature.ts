'use client';

import { useEffect, useMemo, useRef, useSyncExternalStore } from 'react';
import { entitlementsLookup, type FeatureAccess, featureLookup, type Lookup } from '../adapters/lookup.ts';
import type { Progress } from '../adapters/usage-view.ts';
import type { EntitlementsReply } from '../client/wire.ts';
import { useBilling } from './context.ts';

/** What is known of a question to the API. After a failure `data` is the last answer. */
export interface QueryResult<Data> extends Progress<Data> {
  /** Asks again now. */
  readonly refetch: () => Promise<void>;
}

export interface FeatureGateOptions {
  /** The plan does not have the feature, or the subscription gives no access. */
  onAccessDenied?: (() => void) | undefined;
  /** The feature is used up. */
  onQuotaExceeded?: ((usage: number, limit: number) => void) | undefined;
}

export interface FeatureGateResult extends QueryResult<FeatureAccess> {
  readonly hasAccess: boolean;
  readonly isQuotaExceeded: boolean;
  readonly usage: number;
  readonly limit: number;
  readonly remaining: number;
}

/** Whether the signed-in customer may use a feature: live where it is metered, else asked once per plan. */
export function useFeature(featureKey: string): QueryResult<FeatureAccess> {
  const { store } = useBilling();
  return useLookup(useMemo(() => featureLookup(store, featureKey), [store, featureKey]));
}

export { useFeature as useCheckEntitlement, useFeature as useHasFeature };

/** The same with its answer taken apart, and told once per change of it. */
export function useFeatureGate(featureKey: string, options: FeatureGateOptions = {}): FeatureGateResult {
  const result = useFeature(featureKey);
  const { data } = result;
  const reason = data?.reason ?? null;
  const told = useRef('');
  const latest = useRef({ ...options, data });
  useEffect(() => {
    latest.current = { ...options, data };
  });
  useEffect(() => {
    // StrictMode runs effects twice.
    const news = `${featureKey} ${reason}`;
    if (told.current === news) return;
    told.current = news;
    const { onAccessDenied, onQuotaExceeded, data: denied } = latest.current;
    if (reason === 'quota_exceeded') onQuotaExceeded?.(denied?.usage ?? 0, denied?.limit ?? 0);
    else if (reason !== null) onAccessDenied?.();
  }, [featureKey, reason]);
  return useMemo(
    () => ({
      ...result,
      hasAccess: data?.has_access ?? false,
      isQuotaExceeded: reason === 'quota_exceeded',
      usage: data?.usage ?? 0,
      limit: data?.limit ?? 0,
      remaining: data?.metadata.remaining ?? 0,
    }),
    [result, data, reason],
  );
}

/** Every feature the signed-in customer has, metered or not. */
export function useEntitlements(): QueryResult<EntitlementsReply> {
  const { store } = useBilling();
  return useLookup(useMemo(() => entitlementsLookup(store), [store]));
}

export { useEntitlements as useFeatureEntitlements };

function useLookup<Data>(lookup: Lookup<Data>): QueryResult<Data> {
  const { initial } = useBilling();
  const first = useMemo(() => lookup.initialState(initial), [lookup, initial]);
  const state = useSyncExternalStore(lookup.subscribe, lookup.getState, () => first);
  return useMemo(() => ({ ...state, refetch: lookup.refetch }), [state, lookup]);
}
