import { html } from 'lit';
import type { SuggestedPlan, UsageStatus } from '../../client/wire.ts';
import type { UsageMetric } from '../../store/types.ts';
import type { Trigger } from '../events.ts';
import { formatAmount } from '../internal/format.ts';
import { type Localizer, rich, text } from '../internal/localizer.ts';
import { percentOf, quotaOf, remainingOf } from '../internal/metric-quota.ts';
import { clamp } from '../internal/number.ts';
import { CRITICAL_AT_DEFAULT, type Quota } from '../internal/quota.ts';
import { formatPercent } from '../internal/summary.ts';
import { amountsOf } from '../internal/wording.ts';
import type { MessageKey } from '../locales/en.ts';
import { formatDay, formatPrice } from './nudge-format.ts';

export type NudgeVariant = 'banner' | 'toast' | 'modal' | 'inline';

/** Rows of a plan comparison; a nudge is no pricing page. */
const LIMITS_MAX = 6;
const EXCEEDED_AT = 100;
/** Not an object: a page's own plan may call its interval anything. */
const INTERVAL_KEYS = new Map<string, MessageKey>([
  ['day', 'priceDay'],
  ['week', 'priceWeek'],
  ['month', 'priceMonth'],
  ['year', 'priceYear'],
]);

/** Everything a nudge shows, in words. Pieces may be templates: foreign names stand in a `<bdi>`. */
export interface NudgeView {
  readonly severity: Extract<UsageStatus, 'warning' | 'critical' | 'exceeded'>;
  readonly title: unknown;
  readonly body: unknown;
  readonly quota: Quota | undefined;
  /** What the button says; `undefined` for no button. */
  readonly cta: unknown;
  readonly plan: PlanView | undefined;
}

/** The suggested plan beside the present one. */
export interface PlanView {
  readonly name: string;
  readonly price: unknown;
  readonly limits: readonly { title: string; from: string; to: string }[];
}

/** A trigger with the feature it is about, as far as it is known. */
interface Subject {
  readonly trigger: Trigger;
  readonly name: unknown;
  readonly quota: Quota | undefined;
  readonly plan: SuggestedPlan | null;
  readonly exceeded: boolean;
}

/** Words for a trigger: the catalogue's, or a host's own where its message says something. */
export function viewOf(
  l: Localizer,
  trigger: Trigger,
  { variant, metrics, own }: { variant: NudgeVariant; metrics: readonly UsageMetric[]; own: boolean },
): NudgeView {
  const metric = metrics.find((candidate) => candidate.feature_key === trigger.feature);
  const plan = trigger.suggestedPlan ?? null;
  const severity = severityOf(trigger);
  const subject: Subject = {
    trigger,
    plan,
    quota: limitedQuotaOf(metric),
    exceeded: severity === 'exceeded',
    name: html`<bdi>${metric?.feature_title ?? titleIn(plan, trigger.feature) ?? trigger.feature}</bdi>`,
  };
  const message = own ? trigger.message : undefined;
  return {
    severity,
    quota: subject.quota,
    title: message?.title ?? titleOf(l, subject, variant),
    body: message ? (message.body ?? '') : bodyOf(l, subject, variant),
    cta: message?.cta ?? (plan === null ? undefined : ctaOf(l, plan, variant)),
    plan: plan === null ? undefined : planViewOf(l, plan, metrics),
  };
}

/** How urgent a trigger is; a host's own may leave it to the threshold. */
export function severityOf({ severity, threshold }: Trigger): NudgeView['severity'] {
  if (severity === 'warning' || severity === 'critical' || severity === 'exceeded') return severity;
  if (threshold >= EXCEEDED_AT) return 'exceeded';
  return threshold >= CRITICAL_AT_DEFAULT ? 'critical' : 'warning';
}

/** The numbers behind a nudge. A plan that has become unlimited since has none. */
function limitedQuotaOf(metric: UsageMetric | undefined): Quota | undefined {
  const quota = metric && quotaOf(metric);
  return quota?.limit === Infinity ? undefined : quota;
}

function titleOf(l: Localizer, { trigger, name, quota, exceeded }: Subject, variant: NudgeVariant): unknown {
  if (exceeded) return rich(l, quota?.overageAllowed === true ? 'nudgeIncluded' : 'nudgeReached', { name });
  if (variant === 'toast') return rich(l, 'nudgeLow', { name });
  const percent = quota === undefined ? Math.floor(shareOf(trigger)) : percentOf(quota);
  return rich(l, 'nudgeUsed', { name, percent: formatPercent(l.locale, clamp(percent, 0, EXCEEDED_AT)) });
}

function shareOf({ actual, threshold }: Trigger): number {
  return Number.isFinite(actual) ? Number(actual) : threshold;
}

function bodyOf(l: Localizer, subject: Subject, variant: NudgeVariant): unknown {
  // The space belongs to a text: alone between two it is not read out.
  if (variant === 'modal') return [`${usedOf(l, subject)} `, untilOf(l, subject)];
  if (variant === 'toast') return subject.exceeded ? untilOf(l, subject) : leftOf(l, subject);
  return offerOf(l, subject) ?? untilOf(l, subject);
}

/** "158 of 1,000 left until December 1." */
function leftOf(l: Localizer, { trigger, quota }: Subject): unknown {
  const date = formatDay(l.locale, trigger.resets_at ?? '');
  if (quota === undefined) return date === '' ? '' : text(l, 'nudgeResets', { date });
  const left = formatAmount(l.locale, remainingOf(quota), quota.unit);
  const { limit } = amountsOf(l, quota);
  return text(l, date === '' ? 'nudgeLeft' : 'nudgeLeftUntil', { left, limit, date });
}

/** "842 of 1,000 used." */
function usedOf(l: Localizer, { quota }: Subject): string {
  return quota === undefined ? '' : text(l, 'nudgeUsedOf', amountsOf(l, quota));
}

/** "Resets on December 1." */
function untilOf(l: Localizer, { trigger, plan, quota, exceeded }: Subject): unknown {
  const date = formatDay(l.locale, trigger.resets_at ?? '');
  const blocked = exceeded && quota?.overageAllowed !== true;
  if (blocked && plan !== null) {
    const name = html`<bdi>${plan.name}</bdi>`;
    return rich(l, date === '' ? 'nudgeContinue' : 'nudgeResumes', { date, plan: name });
  }
  return date === '' ? '' : text(l, 'nudgeResets', { date });
}

/** "Pro raises the limit to 10,000.", where the plan says so. */
function offerOf(l: Localizer, { trigger, plan, quota }: Subject): unknown {
  const change = plan?.limits.find(({ feature }) => feature === trigger.feature);
  if (plan === null || change === undefined) return undefined;
  const name = html`<bdi>${plan.name}</bdi>`;
  if (change.to === null) return rich(l, 'offerUnlimited', { plan: name });
  return rich(l, 'offer', { plan: name, limit: formatAmount(l.locale, change.to, quota?.unit ?? null) });
}

/** The plan and its price: what one agrees to. */
function ctaOf(l: Localizer, plan: SuggestedPlan, variant: NudgeVariant): unknown {
  const name = html`<bdi>${plan.name}</bdi>`;
  return rich(l, variant === 'modal' ? 'upgradeTo' : 'seePlan', { plan: name, price: priceText(l, plan) });
}

function planViewOf(l: Localizer, plan: SuggestedPlan, metrics: readonly UsageMetric[]): PlanView {
  const price = richPrice(l, plan, (amount) => html`<b>${amount}</b>`);
  const limits = plan.limits.slice(0, LIMITS_MAX).map(({ feature, title, from, to }) => {
    const unit = metrics.find((metric) => metric.feature_key === feature)?.unit ?? null;
    return { title, from: limitText(l, from, unit), to: limitText(l, to, unit) };
  });
  return { name: plan.name, price, limits };
}

function priceText(l: Localizer, plan: SuggestedPlan): string {
  return richPrice(l, plan, String).join('');
}

/** "$49 a month", the amount dressed as the place needs it. */
function richPrice<Dressed>(
  l: Localizer,
  { price: { amount, currency, interval } }: SuggestedPlan,
  dress: (amount: string) => Dressed,
): (string | Dressed)[] {
  const price = dress(formatPrice(l.locale, amount, currency));
  const key = INTERVAL_KEYS.get(interval);
  return key === undefined ? [price] : rich(l, key, { price });
}

function limitText(l: Localizer, limit: number | null, unit: string | null): string {
  return limit === null ? text(l, 'unlimited') : formatAmount(l.locale, limit, unit);
}

function titleIn(plan: SuggestedPlan | null, feature: string): string | undefined {
  return plan?.limits.find((limit) => limit.feature === feature)?.title;
}
