import { shallowRef } from 'vue';
import {
  NOT_TRACKING,
  type Tracking,
  trackingCalls,
  type TrackingCalls,
  type TrackUsageOptions,
} from '../adapters/tracking.ts';
import { useBilling } from './billing.ts';
import { type Refs, refsOf } from './refs.ts';

/** What `useTrackUsage` gives; the refs are of its last call. */
export interface TrackUsageRefs extends Refs<Tracking>, TrackingCalls {}

/** Tracks usage of the signed-in customer. One call counts once, whatever happens on the way. */
export function useTrackUsage(options: TrackUsageOptions = {}): TrackUsageRefs {
  const { store } = useBilling();
  const state = shallowRef(NOT_TRACKING);
  const calls = trackingCalls(
    (input) => store.trackUsage(input),
    (next) => (state.value = next),
    () => options,
  );
  return { ...refsOf(state, ['isPending', 'isSuccess', 'isError', 'error', 'data']), ...calls };
}
