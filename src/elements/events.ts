import type { NudgeTrigger, SuggestedPlan } from '../client/wire.ts';
import type { UsageSnapshot } from '../store/types.ts';

/** A nudge a host shows on its own account: what it leaves out is filled from the catalogue. */
export interface HostTrigger {
  id?: string;
  type: string;
  feature: string;
  threshold: number;
  actual?: number;
  severity?: NudgeTrigger['severity'];
  message?: { title: string; body?: string; cta?: string };
  resets_at?: string | null;
  suggestedPlan?: SuggestedPlan | null;
}

/** What an upgrade nudge shows. */
export type Trigger = NudgeTrigger | HostTrigger;

/** Why a nudge went away. */
export type DismissReason = 'user' | 'timeout' | 'escape';

/** The person wants the suggested plan. `preventDefault()` keeps the browser from following `upgrade-url`. */
export type BillingUpgradeEvent = CustomEvent<{
  priceId: string | null;
  plan: SuggestedPlan | null;
  trigger: Trigger;
}>;

/** A nudge was put away. */
export type BillingDismissEvent = CustomEvent<{ trigger: Trigger; reason: DismissReason }>;

/** A nudge appeared. */
export type BillingNudgeShownEvent = CustomEvent<{ trigger: Trigger }>;

/** The store failed to read; on the provider, or on `document` where there is none. */
export type BillingErrorEvent = CustomEvent<{ error: NonNullable<UsageSnapshot['error']> }>;

declare global {
  interface HTMLElementEventMap {
    'billing-upgrade': BillingUpgradeEvent;
    'billing-dismiss': BillingDismissEvent;
    'billing-nudge-shown': BillingNudgeShownEvent;
    'billing-error': BillingErrorEvent;
  }
  interface DocumentEventMap {
    'billing-upgrade': BillingUpgradeEvent;
    'billing-error': BillingErrorEvent;
  }
}
