import { afterGrace } from '../internal/grace.ts';
import { toNumber } from '../internal/number.ts';
import { warnOnce } from '../internal/warn-once.ts';
import type { BillingUsageBar } from './usage-bar.ts';

/** Tells developers what is wrong with a bar. On other pages it is not even loaded. */
export function checkBar(bar: BillingUsageBar): void {
  const consumed = toNumber(bar.consumed);
  const limit = toNumber(bar.limit) ?? Infinity;
  if (consumed !== undefined && !(consumed >= 0 && consumed < Infinity)) {
    warnOnce('<billing-usage-bar>: consumed must be a number from 0, not', bar.consumed);
  }
  if (consumed !== undefined && !(limit >= 0)) {
    warnOnce('<billing-usage-bar>: no bar, for limit must be a number from 0, not', bar.limit);
  }
  checkThreshold('warn-at', bar.warnAt);
  checkThreshold('critical-at', bar.criticalAt);
  if (isUnconfigured(bar)) afterGrace(bar, () => checkConfigured(bar));
}

function checkThreshold(name: string, value: unknown): void {
  if (Number.isFinite(toNumber(value) ?? 0)) return;
  warnOnce(`<billing-usage-bar>: ${name} must be a number, not`, value);
}

function checkConfigured(bar: BillingUsageBar): void {
  if (!bar.isConnected || !isUnconfigured(bar)) return;
  // HTML knows no capitals in attributes: this is what becomes of `featureKey`.
  const hint = bar.hasAttribute('featurekey') ? ': write feature-key' : '';
  warnOnce(`<billing-usage-bar> has neither feature-key nor consumed${hint}`);
}

function isUnconfigured(bar: BillingUsageBar): boolean {
  return !bar.needsStore && toNumber(bar.consumed) === undefined;
}
