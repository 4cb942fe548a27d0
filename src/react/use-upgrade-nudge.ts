'use client';

import { useCallback, useEffect, useMemo, useRef } from 'react';
import { nudgeIn, type UpgradeNudgeOptions } from '../adapters/usage-view.ts';
import type { NudgeTrigger } from '../client/wire.ts';
import { useBilling } from './context.ts';
import { useSnapshot } from './use-usage.ts';

export interface UpgradeNudgeState {
  /** The most urgent nudge the server has for the customer; `null` while there is none. */
  readonly trigger: NudgeTrigger | null;
  /** Puts it away on every device, for `snoozeSeconds` or the server's default. */
  readonly dismiss: (options?: { snoozeSeconds?: number }) => Promise<void>;
  /** Calls `onUpgrade` with the price of the suggested plan. */
  readonly upgrade: () => void;
}

/** The nudge that `UpgradeNudge` would show, for an application that draws its own. */
export function useUpgradeNudge(options: UpgradeNudgeOptions = {}): UpgradeNudgeState {
  const { store } = useBilling();
  const trigger = useSnapshot((snapshot) => nudgeIn(snapshot, options)) ?? null;
  const latest = useRef(options);
  useEffect(() => {
    latest.current = options;
  });
  const dismiss = useCallback(
    async (how?: { snoozeSeconds?: number }) => {
      if (trigger !== null) await store.dismissNudge(trigger.id, how);
    },
    [store, trigger],
  );
  const upgrade = useCallback(() => {
    if (trigger !== null) latest.current.onUpgrade?.(trigger.suggestedPlan?.priceId ?? null, trigger);
  }, [trigger]);
  return useMemo(() => ({ trigger, dismiss, upgrade }), [trigger, dismiss, upgrade]);
}
