import { computed, type MaybeRefOrGetter, toValue } from 'vue';
import { type FeatureAccess, featureLookup } from '../adapters/lookup.ts';
import type { Progress } from '../adapters/usage-view.ts';
import { useBilling } from './billing.ts';
import { useExternal } from './external.ts';
import { type Refs, refsOf } from './refs.ts';

/** What is known of a feature, a ref each. After a failure `data` is the last answer. */
export interface FeatureRefs extends Refs<Progress<FeatureAccess>> {
  /** Asks again now. */
  readonly refetch: () => Promise<void>;
}

/** Whether the signed-in customer may use a feature: live where it is metered, else asked once per plan. */
export function useFeature(featureKey: MaybeRefOrGetter<string>): FeatureRefs {
  const { store, initial } = useBilling();
  const lookup = computed(() => featureLookup(store, toValue(featureKey)));
  const state = useExternal(
    () => ({ subscribe: lookup.value.subscribe, read: lookup.value.getState }),
    lookup.value.initialState(initial),
  );
  return {
    ...refsOf(state, ['data', 'isLoading', 'isFetching', 'isError', 'error']),
    refetch: () => lookup.value.refetch(),
  };
}
