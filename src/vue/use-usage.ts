import { computed, type ComputedRef, type MaybeRefOrGetter, type ShallowRef, toValue } from 'vue';
import {
  isApproaching,
  nudgeIn,
  type UpgradeNudgeOptions,
  usageSelector,
  type UsageView,
} from '../adapters/usage-view.ts';
import type { NudgeTrigger } from '../client/wire.ts';
import type { UsageSnapshot } from '../store/types.ts';
import { useBilling } from './billing.ts';
import { useExternal } from './external.ts';
import { type Refs, refsOf } from './refs.ts';

/** What `useUsageMetrics` knows, a ref each. */
export interface UsageMetricsRefs extends Refs<UsageView> {
  /** Reads everything again now. */
  readonly refetch: () => Promise<void>;
}

/** The signed-in customer's meters, or one of them, live. */
export function useUsageMetrics(featureKey?: MaybeRefOrGetter<string | undefined>): UsageMetricsRefs {
  const { store } = useBilling();
  const snapshot = useSnapshot();
  const select = computed(() => usageSelector(toValue(featureKey)));
  const view = computed(() => select.value(snapshot.value));
  const names = ['data', 'isLoading', 'isFetching', 'isError', 'error', 'isStale'] as const;
  return { ...refsOf(view, names), refetch: () => store.refetch() };
}

/** Whether a meter has reached `threshold` percent of its limit. False while that is unknown, and without a limit. */
export function useIsApproachingLimit(
  featureKey: MaybeRefOrGetter<string>,
  threshold: MaybeRefOrGetter<number> = THRESHOLD_DEFAULT,
): ComputedRef<boolean> {
  const snapshot = useSnapshot();
  return computed(() => isApproaching(snapshot.value, toValue(featureKey), toValue(threshold)));
}

export interface UpgradeNudgeRefs {
  /** The most urgent nudge the server has for the customer; `null` while there is none. */
  readonly trigger: ComputedRef<NudgeTrigger | null>;
  /** Puts it away on every device, for `snoozeSeconds` or the server's default. */
  readonly dismiss: (options?: { snoozeSeconds?: number }) => Promise<void>;
  /** Calls `onUpgrade` with the price of the suggested plan. */
  readonly upgrade: () => void;
}

/** The nudge that `UpgradeNudge` would show, for an application that draws its own. */
export function useUpgradeNudge(options: MaybeRefOrGetter<UpgradeNudgeOptions> = {}): UpgradeNudgeRefs {
  const { store } = useBilling();
  const snapshot = useSnapshot();
  const trigger = computed(() => nudgeIn(snapshot.value, toValue(options)) ?? null);
  return {
    trigger,
    async dismiss(how) {
      if (trigger.value !== null) await store.dismissNudge(trigger.value.id, how);
    },
    upgrade() {
      const nudge = trigger.value;
      if (nudge !== null) toValue(options).onUpgrade?.(nudge.suggestedPlan?.priceId ?? null, nudge);
    },
  };
}

function useSnapshot(): ShallowRef<UsageSnapshot> {
  const { store, initial } = useBilling();
  const source = {
    subscribe: (listener: () => void) => store.subscribe(listener),
    read: () => store.getSnapshot(),
  };
  return useExternal(() => source, initial);
}

const THRESHOLD_DEFAULT = 80;
