import type {
  CatalogDocument,
  EntitlementDocument,
  FeatureDocument,
  PriceDocument,
  ProductDocument,
} from '../../../packages/server/src/metering/catalog.ts';

/**
 * What a ledger must answer, written a second time from the wire contract (§3, §4, §7) with maps and plain loops.
 * It shares nothing with the metering rules but the shape of a catalog, so that a mistake there is not made here too.
 *
 * Where several refusals are justified at once, the contract does not say which is told: the model allows each.
 */

/** Quantities are written in ticks of 10^-{@link TICK_PLACES}: finer than any feature but storage, so that some round. */
export const TICK_PLACES = 5;

export interface ModelEvent {
  readonly customer: string;
  readonly origin: 'secret' | 'session';
  readonly feature: string;
  readonly ticks: bigint;
  readonly action: 'add' | 'set';
  readonly key: string | null;
  readonly timestamp: number | null;
}

/** The recorded event that a reply is printed from. */
export interface Entry {
  readonly feature: string;
  readonly quantity: bigint;
  readonly delta: bigint;
  readonly consumed: bigint;
  readonly limit: bigint | null;
  readonly sequence: number;
  readonly periodStart: number;
  readonly periodEnd: number | null;
}

export type Answer =
  | { readonly outcome: 'recorded' | 'duplicate'; readonly entry: Entry }
  | { readonly outcome: 'refused'; readonly codes: readonly string[] };

export type Row = Omit<Entry, 'quantity' | 'delta'>;

export interface Plan {
  readonly priceId: string;
  readonly status: string;
  readonly trialEnd: number | null;
  /** Grows when the plan changes, by command or by itself. */
  readonly version: number;
}

export interface PlanChange {
  readonly priceId?: string;
  readonly cancelAtPeriodEnd?: boolean;
  readonly cancelImmediately?: true;
  readonly status?: 'active' | 'past_due' | 'incomplete';
}

interface Subscription {
  priceId: string;
  implicit: boolean;
  status: string;
  readonly startedAt: number;
  readonly trialEnd: number | null;
  cancels: boolean;
  endsAt: number;
}

interface Customer {
  readonly anchor: number;
  changes: number;
  subscription: Subscription;
  readonly trials: Set<string>;
  readonly counters: Map<string, { consumed: bigint; sequence: number }>;
  readonly keys: Map<string, { event: ModelEvent; entry: Entry }>;
}

interface Slot {
  readonly id: string;
  readonly reset: string;
  readonly start: number;
  readonly end: number | null;
}

const LARGEST = 9_223_372_036_854_775_807n;
const DAY_MS = 24 * 60 * 60 * 1000;
const STALE_MS = 35 * DAY_MS;
const EARLY_MS = 5 * 60 * 1000;
const LONGEST_DAYS: Readonly<Record<string, number>> = { day: 1, week: 7, month: 31, year: 366 };

export class Model {
  readonly #features: Map<string, FeatureDocument>;
  readonly #owners: Map<string, { product: ProductDocument; price: PriceDocument }>;
  readonly #defaultPrice: string;
  readonly #customers = new Map<string, Customer>();

  /** @param catalog has a default product. */
  constructor(catalog: CatalogDocument) {
    this.#features = new Map(catalog.features.map((feature) => [feature.key, feature]));
    this.#owners = new Map(
      catalog.products.flatMap((product) => product.prices.map((price) => [price.id, { product, price }])),
    );
    this.#defaultPrice = catalog.products.find((product) => product.default)?.prices[0]?.id ?? '';
  }

  track(event: ModelEvent, now: number): Answer {
    const customer = this.#see(event.customer, now);
    const feature = this.#features.get(event.feature);
    const faults = staticFaults(event, feature);
    const keyId = `${event.origin} ${event.key}`;
    const earlier = event.key === null ? undefined : customer.keys.get(keyId);
    if (earlier !== undefined) {
      return this.#isSame(earlier.event, event)
        ? { outcome: 'duplicate', entry: earlier.entry }
        : { outcome: 'refused', codes: ['idempotency_key_reused', ...faults] };
    }
    if (feature === undefined || faults.length > 0) return { outcome: 'refused', codes: faults };

    const quantity = rounded(event.ticks, feature.decimals ?? 9);
    const picked = event.origin === 'secret' ? event.timestamp : null;
    const slot = this.#slotAt(customer, feature.key, now, picked ?? now);
    const counter = customer.counters.get(slot.id) ?? { consumed: 0n, sequence: 0 };
    const delta = event.action === 'set' ? quantity - counter.consumed : quantity;
    const consumed = counter.consumed + delta;
    const codes = this.#objections(customer, feature, { delta, consumed, picked }, now);
    if (codes.length > 0) return { outcome: 'refused', codes };

    const sequence = counter.sequence + 1;
    customer.counters.set(slot.id, { consumed, sequence });
    const limit = this.#limit(customer, feature, now);
    const entry: Entry = {
      feature: feature.key,
      quantity,
      delta,
      consumed,
      limit,
      sequence,
      periodStart: slot.start,
      periodEnd: slot.end,
    };
    if (event.key !== null) customer.keys.set(keyId, { event, entry });
    return { outcome: 'recorded', entry };
  }

  subscribe(externalId: string, priceId: string, now: number): 'created' | 'existing' | 'conflict' {
    const customer = this.#see(externalId, now);
    const present = customer.subscription;
    if (!present.implicit && !hasEnded(present, now)) {
      return present.priceId === priceId ? 'existing' : 'conflict';
    }
    const { product } = this.#owner(priceId);
    const startedAt = Math.max(now, present.startedAt + (present.implicit ? 0 : 1));
    const onTrial = (product.trial_days ?? 0) > 0 && !customer.trials.has(product.id);
    if (onTrial) customer.trials.add(product.id);
    this.#changePlan(customer, now, () => {
      customer.subscription = {
        priceId,
        implicit: false,
        startedAt,
        cancels: false,
        endsAt: Infinity,
        status: onTrial ? 'trialing' : 'active',
        trialEnd: onTrial ? startedAt + (product.trial_days ?? 0) * DAY_MS : null,
      };
    });
    return 'created';
  }

  change(externalId: string, change: PlanChange, now: number): 'updated' | 'ended' {
    const customer = this.#see(externalId, now);
    const { subscription } = customer;
    if (hasEnded(subscription, now)) return 'ended';
    this.#changePlan(customer, now, () => {
      if (change.priceId !== undefined || change.status !== undefined) subscription.implicit = false;
      subscription.priceId = change.priceId ?? subscription.priceId;
      subscription.status = change.status ?? subscription.status;
      subscription.cancels = change.cancelAtPeriodEnd ?? subscription.cancels;
      const { interval, interval_count } = this.#owner(subscription.priceId).price;
      const paid = periodOf(subscription.startedAt, interval, interval_count ?? 1, now);
      subscription.endsAt = subscription.cancels ? paid.end : Infinity;
      // For good, even if the clock steps back.
      if (change.cancelImmediately === true) subscription.endsAt = -Infinity;
    });
    return 'updated';
  }

  plan(externalId: string, now: number): Plan {
    const { subscription, changes } = this.#see(externalId, now);
    const ended = hasEnded(subscription, now);
    const { priceId, trialEnd } = subscription;
    return { priceId, status: statusOf(subscription, now), trialEnd, version: 2 * changes + (ended ? 1 : 0) };
  }

  /** The rows that metrics are printed from; for a customer never seen, those of the default product. */
  rows(externalId: string, now: number): Row[] {
    const customer = this.#customers.get(externalId) ?? this.#newCustomer(now);
    return [...this.#features.values()].flatMap((feature): Row[] => {
      const granted = this.#entitlement(customer, feature.key, now) !== undefined;
      if (!granted || feature.type === 'boolean_flag' || !this.#hasAccess(customer, now)) return [];
      const { id, start, end } = this.#slotAt(customer, feature.key, now, now);
      const { consumed, sequence } = customer.counters.get(id) ?? { consumed: 0n, sequence: 0 };
      const limit = this.#limit(customer, feature, now);
      return [{ feature: feature.key, consumed, limit, sequence, periodStart: start, periodEnd: end }];
    });
  }

  /** Makes a customer on first sight. */
  #see(externalId: string, now: number): Customer {
    const customer = this.#customers.get(externalId) ?? this.#newCustomer(now);
    this.#customers.set(externalId, customer);
    return customer;
  }

  #newCustomer(now: number): Customer {
    return {
      anchor: now,
      changes: 0,
      subscription: {
        priceId: this.#defaultPrice,
        implicit: true,
        status: 'active',
        startedAt: now,
        trialEnd: null,
        cancels: false,
        endsAt: Infinity,
      },
      trials: new Set(),
      counters: new Map(),
      keys: new Map(),
    };
  }

  #owner(priceId: string): { product: ProductDocument; price: PriceDocument } {
    const owner = this.#owners.get(priceId);
    if (owner === undefined) throw new Error(`The catalog has no price ${priceId}`);
    return owner;
  }

  #ownerAt({ subscription }: Customer, now: number): { product: ProductDocument; price: PriceDocument } {
    return this.#owner(hasEnded(subscription, now) ? this.#defaultPrice : subscription.priceId);
  }

  #hasAccess({ subscription }: Customer, now: number): boolean {
    return hasEnded(subscription, now) || statusOf(subscription, now) !== 'incomplete';
  }

  #entitlement(customer: Customer, feature: string, now: number): EntitlementDocument | undefined {
    return this.#ownerAt(customer, now).product.features.find((one) => one.feature === feature);
  }

  #limit(customer: Customer, { key, decimals = 9 }: FeatureDocument, now: number): bigint | null {
    const limit = this.#entitlement(customer, key, now)?.limit ?? null;
    return limit === null ? null : BigInt(Math.round(Number(limit) * 10 ** decimals));
  }

  /** The counter that a feature is charged on under the plan of `now`, in the period of `instant`. */
  #slotAt(customer: Customer, feature: string, now: number, instant: number): Slot {
    if (this.#features.get(feature)?.type === 'numeric_limit') {
      return { id: feature, reset: 'never', start: customer.anchor, end: null };
    }
    const reset =
      this.#entitlement(customer, feature, now)?.reset ?? this.#ownerAt(customer, now).price.interval;
    const { start, end } = periodOf(customer.anchor, reset, 1, instant);
    return { id: `${feature} by ${reset} from ${start}`, reset, start, end };
  }

  #objections(
    customer: Customer,
    feature: FeatureDocument,
    change: { delta: bigint; consumed: bigint; picked: number | null },
    now: number,
  ): string[] {
    const { delta, consumed, picked } = change;
    const entitlement = this.#entitlement(customer, feature.key, now);
    const limit = this.#limit(customer, feature, now);
    const codes: string[] = [];
    if (picked !== null && (picked < now - STALE_MS || picked > now + EARLY_MS))
      codes.push('timestamp_out_of_range');
    if (consumed < 0n) codes.push('usage_below_zero');
    if (consumed > LARGEST) codes.push('quantity_out_of_range');
    if (delta <= 0n) return codes;
    if (!this.#hasAccess(customer, now)) codes.push('subscription_not_active');
    if (entitlement === undefined) codes.push('feature_not_in_plan');
    else if (limit !== null && consumed > limit && entitlement.overage !== 'allow')
      codes.push('quota_exceeded');
    return codes;
  }

  /** Where a change of plan changes how a quota resets, the new counter goes on from the old one's amount. */
  #changePlan(customer: Customer, now: number, change: () => void): void {
    const quotas = [...this.#features.values()].filter(({ type }) => type === 'usage_quota');
    const slots = (): Map<string, Slot> =>
      new Map(
        quotas
          .filter(({ key }) => this.#entitlement(customer, key, now) !== undefined)
          .map(({ key }) => [key, this.#slotAt(customer, key, now, now)]),
      );
    const before = slots();
    change();
    customer.changes += 1;
    for (const [feature, to] of slots()) {
      const from = before.get(feature);
      if (from === undefined || from.reset === to.reset) continue;
      const carried = customer.counters.get(from.id)?.consumed ?? 0n;
      const { consumed, sequence } = customer.counters.get(to.id) ?? { consumed: 0n, sequence: 0 };
      if (carried > consumed) customer.counters.set(to.id, { consumed: carried, sequence: sequence + 1 });
    }
  }

  #isSame(one: ModelEvent, other: ModelEvent): boolean {
    const decimals = this.#features.get(other.feature)?.decimals ?? 9;
    return (
      one.feature === other.feature &&
      one.action === other.action &&
      one.timestamp === other.timestamp &&
      rounded(one.ticks, decimals) === rounded(other.ticks, decimals) &&
      staticFaults(other, this.#features.get(other.feature)).length === 0
    );
  }
}

/** What is wrong with an event whatever was counted before. */
function staticFaults(event: ModelEvent, feature: FeatureDocument | undefined): string[] {
  if (feature === undefined) return ['feature_not_found'];
  if (feature.type === 'boolean_flag') return ['feature_not_metered'];
  const decimals = feature.decimals ?? 9;
  const quantity = rounded(event.ticks, decimals);
  const faults: string[] = [];
  if (event.action === 'set' && feature.type !== 'numeric_limit') faults.push('set_not_allowed');
  if (event.action === 'set' && event.timestamp !== null) faults.push('set_with_timestamp');
  if (decimals === 0 && event.ticks % 10n ** BigInt(TICK_PLACES) !== 0n) faults.push('fraction_not_allowed');
  else if (quantity === 0n && event.ticks !== 0n) faults.push('quantity_below_precision');
  if (quantity > LARGEST || quantity < -LARGEST) faults.push('quantity_out_of_range');
  return faults;
}

/** Ticks at a feature's precision: the nearest, and of two as near the even one. */
function rounded(ticks: bigint, decimals: number): bigint {
  if (decimals >= TICK_PLACES) return ticks * 10n ** BigInt(decimals - TICK_PLACES);
  const unit = 10n ** BigInt(TICK_PLACES - decimals);
  const below = (ticks - (((ticks % unit) + unit) % unit)) / unit;
  const rest = ticks - below * unit;
  const up = 2n * rest > unit || (2n * rest === unit && below % 2n !== 0n);
  return up ? below + 1n : below;
}

function hasEnded({ endsAt }: Subscription, now: number): boolean {
  return now >= endsAt;
}

function statusOf(subscription: Subscription, now: number): string {
  if (hasEnded(subscription, now)) return 'canceled';
  const onTrial = subscription.trialEnd !== null && now < subscription.trialEnd;
  return subscription.status === 'trialing' && !onTrial ? 'active' : subscription.status;
}

function periodOf(
  anchor: number,
  interval: string,
  count: number,
  instant: number,
): { start: number; end: number } {
  const nth = (n: number): number => {
    if (interval === 'day' || interval === 'week')
      return anchor + n * count * (interval === 'day' ? 1 : 7) * DAY_MS;
    return monthsAfter(anchor, n * count * (interval === 'year' ? 12 : 1));
  };
  // From a period that is surely not too late: all days, one by one, would be too many.
  let n = Math.max(0, Math.floor((instant - anchor) / ((LONGEST_DAYS[interval] ?? 0) * count * DAY_MS)));
  while (nth(n + 1) <= instant) n += 1;
  return { start: nth(n), end: nth(n + 1) };
}

/** So many months on: the anchor's day, or the last one before it that the month has. */
function monthsAfter(anchor: number, months: number): number {
  const from = new Date(anchor);
  for (let day = from.getUTCDate(); ; day -= 1) {
    const midnight = Date.UTC(from.getUTCFullYear(), from.getUTCMonth() + months, day);
    if (new Date(midnight).getUTCDate() === day) return midnight + (anchor % DAY_MS);
  }
}
