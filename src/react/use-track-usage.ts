'use client';

import { useEffect, useMemo, useRef, useState } from 'react';
import {
  NOT_TRACKING,
  type Tracking,
  trackingCalls,
  type TrackingCalls,
  type TrackUsageOptions,
} from '../adapters/tracking.ts';
import { useBilling } from './context.ts';

/** What `useTrackUsage` gives; the state is that of its last call. */
export interface TrackUsageMutation extends Tracking, TrackingCalls {}

/** Tracks usage of the signed-in customer. One call counts once, whatever happens on the way. */
export function useTrackUsage(options: TrackUsageOptions = {}): TrackUsageMutation {
  const { store } = useBilling();
  const [state, setState] = useState(NOT_TRACKING);
  const latest = useRef(options);
  useEffect(() => {
    latest.current = options;
  });
  const calls = useMemo(
    () =>
      trackingCalls(
        (input) => store.trackUsage(input),
        setState,
        () => latest.current,
      ),
    [store],
  );
  return useMemo(() => ({ ...state, ...calls }), [state, calls]);
}
