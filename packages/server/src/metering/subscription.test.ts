import { describe, expect, it } from 'vitest';
import { compileCatalog } from './catalog.ts';
import {
  billingPeriodAt,
  firstSight,
  patchSubscription,
  standingAt,
  statusAt,
  subscribe,
} from './subscription.ts';
import { CATALOG, customerOn, DAY_MS, NOW, PRICING, subscriptionOn } from './testing/pricing.ts';

const newId = (prefix: string): string => `${prefix}_new`;
const owner = (priceId: string) => CATALOG.priceOwners.get(priceId)!;
const monthEnd = NOW + 28 * DAY_MS;

describe('a trial', () => {
  const start = (trialUsed: boolean) =>
    subscribe(customerOn(null), owner('price_trial'), NOW, { newId, metadata: {}, trialUsed }).subscription;

  it('becomes active by itself', () => {
    const subscription = start(false);
    expect(subscription.trialEnd).toBe(NOW + 14 * DAY_MS);
    expect(statusAt(subscription, NOW + 14 * DAY_MS - 1)).toBe('trialing');
    expect(statusAt(subscription, NOW + 14 * DAY_MS)).toBe('active');
  });

  it('is given once', () => {
    expect(start(true)).toMatchObject({ status: 'active', trialEnd: null });
  });
});

describe('subscribe', () => {
  const onto = (customer: ReturnType<typeof customerOn>, priceId: string) =>
    subscribe(customer, owner(priceId), NOW, { newId, metadata: {}, trialUsed: false });

  it('replaces an implicit subscription, even on the same price', () => {
    const implicit = customerOn(null, { subscription: subscriptionOn('price_free', { implicit: true }) });
    expect(onto(implicit, 'price_pro').kind).toBe('created');
    expect(onto(implicit, 'price_free').kind).toBe('created');
  });

  it('answers the same price again with the same subscription, and another with a conflict', () => {
    expect(onto(customerOn('price_pro'), 'price_pro')).toMatchObject({
      kind: 'existing',
      subscription: { id: 'sub_1' },
    });
    expect(onto(customerOn('price_pro'), 'price_free')).toMatchObject({ kind: 'conflict' });
  });

  it('begins anew after the end', () => {
    const ended = customerOn(null, { subscription: subscriptionOn('price_pro', { endsAt: NOW }) });
    expect(onto(ended, 'price_pro').kind).toBe('created');
  });

  it('begins no earlier than the one it follows, wherever the clock has stepped to', () => {
    const later = { startedAt: NOW + 5_000, endsAt: NOW };
    const ended = customerOn(null, { subscription: subscriptionOn('price_pro', later) });
    expect(onto(ended, 'price_pro').subscription.startedAt).toBe(NOW + 5_001);
    const implicit = customerOn(null, {
      subscription: subscriptionOn('price_free', { ...later, implicit: true }),
    });
    expect(onto(implicit, 'price_pro').subscription.startedAt).toBe(NOW + 5_000);
  });
});

describe('patchSubscription', () => {
  const patch = (
    changes: Parameters<typeof patchSubscription>[1],
    subscription = subscriptionOn('price_pro'),
  ) => patchSubscription(subscription, changes, owner('price_pro').price, NOW + DAY_MS);

  it('ends at the end of the period paid for, and not if taken back', () => {
    const canceled = patch({ cancelAtPeriodEnd: true });
    expect(canceled).toMatchObject({ endsAt: monthEnd, canceledAt: NOW + DAY_MS });
    expect(statusAt(canceled, monthEnd - 1)).toBe('active');
    expect(statusAt(canceled, monthEnd)).toBe('canceled');
    expect(patch({ cancelAtPeriodEnd: false }, canceled)).toMatchObject({ endsAt: null, canceledAt: null });
  });

  it('moves the end with the price', () => {
    const yearly = patch({ owner: owner('price_pro_year') }, patch({ cancelAtPeriodEnd: true }));
    expect(yearly.endsAt).toBe(Date.parse('2027-01-31T10:00:00Z'));
  });

  it('makes an implicit subscription explicit when the merchant chooses', () => {
    const implicit = subscriptionOn('price_free', { implicit: true });
    expect(patch({ owner: owner('price_pro') }, implicit).implicit).toBe(false);
    expect(patch({ metadata: { a: 1 } }, implicit).implicit).toBe(true);
  });
});

describe('standingAt', () => {
  it('is on the default product once a subscription has ended', () => {
    const customer = customerOn(null, { subscription: subscriptionOn('price_pro', { endsAt: monthEnd }) });
    expect(standingAt(customer, CATALOG, monthEnd - 1)).toMatchObject({
      product: { id: 'pro' },
      status: 'active',
    });
    expect(standingAt(customer, CATALOG, monthEnd)).toMatchObject({
      product: { id: 'free' },
      hasAccess: true,
    });
  });

  it('is nowhere without a default product', () => {
    const products = PRICING.products.map((product) => ({ ...product, default: false }));
    expect(standingAt(customerOn(null), compileCatalog({ ...PRICING, products }, 2), NOW)).toMatchObject({
      product: null,
      status: null,
      hasAccess: false,
    });
  });

  it.each([
    ['trialing', true],
    ['active', true],
    ['past_due', true],
    ['incomplete', false],
  ] as const)('with status %s has access: %s', (status, hasAccess) => {
    const subscription = subscriptionOn('price_pro', { status, trialEnd: NOW + DAY_MS });
    expect(standingAt(customerOn(null, { subscription }), CATALOG, NOW).hasAccess).toBe(hasAccess);
  });

  it('grows its revision at an end by itself, and again at the next plan', () => {
    const customer = customerOn(null, {
      revision: 2,
      subscription: subscriptionOn('price_pro', { endsAt: monthEnd }),
    });
    const next = customerOn('price_pro', { revision: 4 });
    const revisions = [
      standingAt(customer, CATALOG, monthEnd - 1).revision,
      standingAt(customer, CATALOG, monthEnd).revision,
      standingAt(next, CATALOG, monthEnd).revision,
    ];
    expect(revisions).toEqual([4, 5, 6]);
  });
});

describe('firstSight', () => {
  it('starts on the default product’s first price, anchored now', () => {
    expect(firstSight('user_9', CATALOG, NOW, newId)).toMatchObject({
      externalId: 'user_9',
      anchor: NOW,
      subscription: { priceId: 'price_free', implicit: true, status: 'active' },
    });
  });
});

describe('billingPeriodAt', () => {
  it('follows the price’s interval from the subscription’s start', () => {
    const { end } = billingPeriodAt(subscriptionOn('price_pro_year'), owner('price_pro_year').price, NOW);
    expect(end).toBe(Date.parse('2027-01-31T10:00:00Z'));
  });
});
