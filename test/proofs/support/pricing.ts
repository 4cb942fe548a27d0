import type { CatalogDocument } from '../../../packages/server/src/metering/catalog.ts';

/** Every kind of feature under plans that differ in limit, reset, overage and trial, so that a change of plan matters. */
export const PRICING: CatalogDocument = {
  features: [
    { key: 'calls', title: 'API calls', type: 'usage_quota', decimals: 0 },
    { key: 'compute', title: 'Compute', type: 'usage_quota', decimals: 3 },
    { key: 'mails', title: 'Emails', type: 'usage_quota', decimals: 0 },
    { key: 'seats', title: 'Seats', type: 'numeric_limit', decimals: 0 },
    { key: 'storage', title: 'Storage', type: 'numeric_limit', decimals: 9 },
    { key: 'sso', title: 'Single sign-on', type: 'boolean_flag' },
  ],
  products: [
    {
      id: 'free',
      name: 'Free',
      default: true,
      prices: [{ id: 'free_month', amount: 0, currency: 'usd', interval: 'month' }],
      features: [
        { feature: 'calls', limit: 30 },
        { feature: 'compute', limit: 12.5 },
        { feature: 'mails', limit: 10, overage: 'allow' },
        { feature: 'seats', limit: 10 },
      ],
    },
    {
      id: 'pro',
      name: 'Pro',
      prices: [
        { id: 'pro_month', amount: 4_900, currency: 'usd', interval: 'month' },
        { id: 'pro_year', amount: 49_000, currency: 'usd', interval: 'year' },
        { id: 'pro_fortnight', amount: 2_500, currency: 'usd', interval: 'week', interval_count: 2 },
      ],
      features: [
        { feature: 'calls', limit: 60 },
        { feature: 'compute', limit: 20, reset: 'day' },
        { feature: 'mails', limit: null },
        { feature: 'seats', limit: 25 },
        { feature: 'storage', limit: 40 },
        { feature: 'sso' },
      ],
    },
    {
      id: 'team',
      name: 'Team',
      trial_days: 10,
      prices: [{ id: 'team_quarter', amount: 9_900, currency: 'usd', interval: 'month', interval_count: 3 }],
      features: [
        { feature: 'calls', limit: 45, reset: 'week' },
        { feature: 'mails', limit: 0 },
        { feature: 'seats', limit: 5 },
        { feature: 'storage', limit: null },
      ],
    },
  ],
};
