import type { Trigger } from '../events.ts';
import { warnInDevelopment } from '../internal/warn.ts';

/** Whether a page's own trigger has what a nudge is made of. If not, none shows, and the page is told once. */
export function isShowable(trigger: unknown): trigger is Trigger {
  if (isRecord(trigger) && isText(trigger, 'type', 'feature') && Number.isFinite(trigger['threshold'])) {
    const plan = trigger['suggestedPlan'] ?? null;
    if (plan === null || isPlan(plan)) return true;
  }
  warnInDevelopment(
    '<billing-upgrade-nudge>: trigger needs type, feature, threshold, and a whole suggestedPlan or none, not',
    trigger,
  );
  return false;
}

function isPlan(plan: unknown): boolean {
  if (!isRecord(plan) || !isText(plan, 'name')) return false;
  const { price, limits } = plan;
  if (!isRecord(price) || !Number.isFinite(price['amount'])) return false;
  return isText(price, 'currency', 'interval') && Array.isArray(limits) && limits.every(isLimit);
}

function isLimit(limit: unknown): boolean {
  if (!isRecord(limit) || !isText(limit, 'feature', 'title')) return false;
  return [limit['from'], limit['to']].every((bound) => bound === null || Number.isFinite(bound));
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null;
}

function isText(record: Record<string, unknown>, ...names: string[]): boolean {
  return names.every((name) => typeof record[name] === 'string');
}
