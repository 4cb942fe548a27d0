/** The element classes and what belongs to them. Importing this registers nothing. */

export { configure, getDefaultStore } from './configure.ts';
export type { Live, StoreSettings } from './configure.ts';
export { storeContext } from './context.ts';
export type * from './events.ts';
export type { StateName, Theme } from './internal/billing-element.ts';
export { registerMessages } from './messages.ts';
export type { Message, MessageKey, Messages } from './messages.ts';
export { BillingProvider } from './provider/provider.ts';
export { BillingUpgradeNudge } from './upgrade-nudge/upgrade-nudge.ts';
export type { NudgeVariant } from './upgrade-nudge/upgrade-nudge.ts';
export { BillingUsageBar } from './usage-bar/usage-bar.ts';
export { BillingUsageDisplay } from './usage-display/usage-display.ts';
