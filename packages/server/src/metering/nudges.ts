import type { Catalog, Price, Product } from './catalog.ts';
import { formatScaled } from './quantity.ts';
import type { Standing } from './subscription.ts';
import { CRITICAL_AT, FULL_AT, reaches, type Crossings, type UsageRow } from './usage.ts';

/**
 * Nudges: what to tell a customer who runs out, and the cheapest plan that would help (wire contract §8).
 *
 * Each threshold of a counter is crossed a number of times: crossing re-arms when usage falls `REARM_POINTS` below.
 *   0 ──reaches──▶ 1 ──falls 5 points──▶ -1 ──reaches──▶ 2 ──falls──▶ -2 …
 */

export type NudgeSeverity = 'warning' | 'critical' | 'exceeded';

export interface Nudge {
  readonly id: string;
  readonly row: UsageRow;
  readonly threshold: number;
  /** Percent of the limit, to a tenth, rounded down. */
  readonly actual: number;
  readonly severity: NudgeSeverity;
  readonly suggestion: Suggestion | null;
}

export interface Suggestion {
  readonly product: Product;
  readonly price: Price;
  /** What the present plan limits and the suggested one raises, in catalog order. */
  readonly limits: readonly {
    feature: string;
    title: string;
    decimals: number;
    from: bigint | null;
    to: bigint | null;
  }[];
}

export const REARM_POINTS = 5;

/** How long a dismissed nudge stays away when its limit never resets. */
export const DISMISSAL_DEFAULT_MS = 30 * 86_400_000;

const SEVERITIES = ['warning', 'critical', 'exceeded'] as const;

/** The crossings of a counter after its consumption changed. */
export function crossed(
  before: Crossings,
  consumed: bigint,
  limit: bigint | null,
  warnAt: number | undefined,
): Crossings {
  if (limit === null || warnAt === undefined) return before;
  const [warn, critical, full] = before;
  const step = (crossing: number, threshold: number): number => {
    if (crossing <= 0 && reaches(consumed, limit, threshold)) return 1 - crossing;
    if (crossing > 0 && !reaches(consumed, limit, Math.max(0, threshold - REARM_POINTS))) return -crossing;
    return crossing;
  };
  return [step(warn, warnAt), step(critical, CRITICAL_AT), step(full, FULL_AT)];
}

/** The nudges that apply now, most urgent first: at most one per feature, for the highest threshold reached. */
export function nudgesOf(rows: readonly UsageRow[], catalog: Catalog): Nudge[] {
  return rows.flatMap((row) => nudgeOf(row, catalog) ?? []).sort((a, b) => b.actual - a.actual);
}

function nudgeOf(row: UsageRow, catalog: Catalog): Nudge | null {
  const { counter, entitlement } = row;
  const { limit, warnAt, feature } = entitlement;
  if (limit === null) return null;
  const level = [warnAt, CRITICAL_AT, FULL_AT].findLastIndex((threshold) =>
    reaches(counter.consumed, limit, threshold),
  );
  const severity = SEVERITIES[level];
  if (severity === undefined) return null;
  const threshold = [warnAt, CRITICAL_AT, FULL_AT][level] ?? FULL_AT;
  // A plan change can raise the ratio without an event: the crossing it makes is counted here as it will be stored.
  const crossing = crossed(counter.crossings, counter.consumed, limit, warnAt)[level] ?? 0;
  return {
    id: `ndg_${feature.key}~${counter.periodStart}~${threshold}~${crossing}`,
    row,
    threshold,
    actual: limit === 0n ? FULL_AT : Number((counter.consumed * 1000n) / limit) / 10,
    severity,
    suggestion: suggest(row, catalog),
  };
}

/** The cheapest higher plan, in the same currency and interval, that brings the feature below its warning. */
function suggest(row: UsageRow, catalog: Catalog): Suggestion | null {
  const { standing, counter, entitlement } = row;
  const { product: present, price: paid } = standing;
  if (present === null || paid === null) return null;
  const sufficient = [...catalog.products.values()]
    .filter((product) => product.rank > present.rank)
    .filter((product) => {
      const offered = product.entitlements.get(entitlement.feature.key);
      return offered !== undefined && !reaches(counter.consumed, offered.limit, offered.warnAt);
    })
    .flatMap((product) => product.prices.map((price) => ({ product, price })))
    .filter(
      ({ price }) =>
        price.currency === paid.currency &&
        price.interval === paid.interval &&
        price.intervalCount === paid.intervalCount,
    )
    .sort((a, b) => a.price.amount - b.price.amount || a.product.rank - b.product.rank);
  const [cheapest] = sufficient;
  return cheapest === undefined
    ? null
    : { ...cheapest, limits: raisedLimits(standing, cheapest.product, catalog) };
}

function raisedLimits(standing: Standing, suggested: Product, catalog: Catalog): Suggestion['limits'] {
  return [...catalog.features.values()].flatMap(({ key, title, decimals }) => {
    const from = standing.product?.entitlements.get(key)?.limit;
    const offered = suggested.entitlements.get(key);
    if (from == null || offered === undefined) return [];
    const raised = offered.limit === null || offered.limit > from;
    return raised ? [{ feature: key, title, decimals, from, to: offered.limit }] : [];
  });
}

/** The words of a nudge for clients that have none of their own. */
export function nudgeMessage(nudge: Nudge): { title: string; body: string; cta: string } {
  const { row, severity, suggestion } = nudge;
  const { feature, limit } = row.entitlement;
  const used = formatScaled(row.counter.consumed, feature.decimals);
  const of = limit === null ? '' : ` of ${formatScaled(limit, feature.decimals)}`;
  const title =
    severity === 'exceeded'
      ? `${feature.title}: limit reached`
      : `${feature.title}: ${Math.floor(nudge.actual)}% used`;
  const body = `${used}${of} used.`;
  return { title, body, cta: suggestion === null ? '' : `Upgrade to ${suggestion.product.name}` };
}
