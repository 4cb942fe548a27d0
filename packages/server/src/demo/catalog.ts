import type { CatalogDocument } from '../metering/catalog.ts';

/** The demo tenant's pricing: the features that the guide names, with a limit that a person can reach. */
export const DEMO_CATALOG: CatalogDocument = {
  features: [
    { key: 'api_calls', title: 'API calls', type: 'usage_quota', unit: 'call', decimals: 0 },
    { key: 'storage_gb', title: 'Storage', type: 'numeric_limit', unit: 'gb', decimals: 12 },
    { key: 'team_members', title: 'Team members', type: 'numeric_limit', unit: 'seat', decimals: 0 },
    { key: 'files_processed', title: 'Files processed', type: 'usage_quota', unit: 'file', decimals: 0 },
    { key: 'emails_sent', title: 'Emails sent', type: 'usage_quota', unit: 'email', decimals: 0 },
  ],
  products: [
    {
      id: 'starter',
      name: 'Starter',
      description: 'For trying things out.',
      default: true,
      rank: 1,
      prices: [{ id: 'price_starter_month', amount: 0, currency: 'usd', interval: 'month' }],
      features: [
        { feature: 'api_calls', limit: 100, reset: 'month' },
        { feature: 'storage_gb', limit: 10 },
        { feature: 'team_members', limit: 5 },
        { feature: 'files_processed', limit: 50, reset: 'month', overage: 'allow' },
        { feature: 'emails_sent', limit: null, reset: 'month' },
      ],
    },
    {
      id: 'pro',
      name: 'Pro',
      description: 'For products with customers.',
      rank: 2,
      highlighted: true,
      highlights: ['100 times the API calls', 'A team of 25', 'No surprises'],
      prices: [{ id: 'price_pro_month', amount: 4900, currency: 'usd', interval: 'month' }],
      features: [
        { feature: 'api_calls', limit: 10_000, reset: 'month' },
        { feature: 'storage_gb', limit: 100 },
        { feature: 'team_members', limit: 25 },
        { feature: 'files_processed', limit: 1_000, reset: 'month', overage: 'allow' },
        { feature: 'emails_sent', limit: null, reset: 'month' },
      ],
    },
  ],
};

export const STARTER_PRICE = 'price_starter_month';
export const PRO_PRICE = 'price_pro_month';

/** What the demo customer has used before anyone clicks, so that every kind of row has something to show. */
export const DEMO_USAGE = [
  { featureKey: 'team_members', quantity: 3 },
  { featureKey: 'files_processed', quantity: 56 },
  { featureKey: 'emails_sent', quantity: 18_204 },
] as const;
