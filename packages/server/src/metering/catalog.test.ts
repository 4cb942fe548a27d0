import { describe, expect, it } from 'vitest';
import { catalogIssues, compileCatalog, type CatalogDocument, type EntitlementDocument } from './catalog.ts';
import { PRICING } from './testing/pricing.ts';

const price = { id: 'p', amount: 0, currency: 'usd', interval: 'month' as const };
const product = (changes: Partial<CatalogDocument['products'][number]> = {}) => ({
  id: 'a',
  name: 'A',
  prices: [price],
  features: [],
  ...changes,
});
const features: CatalogDocument['features'] = [
  { key: 'calls', title: 'Calls', type: 'usage_quota', decimals: 0 },
  { key: 'seats', title: 'Seats', type: 'numeric_limit' },
  { key: 'sso', title: 'SSO', type: 'boolean_flag' },
];
const granting = (...entitlements: EntitlementDocument[]): CatalogDocument => ({
  features,
  products: [product({ features: entitlements })],
});
const paths = (document: CatalogDocument): string[] => catalogIssues(document).map(({ path }) => path);

describe('catalogIssues', () => {
  it('finds none in a good catalog, and none in an empty one', () => {
    expect(catalogIssues(PRICING)).toEqual([]);
    expect(catalogIssues({ features: [], products: [] })).toEqual([]);
  });

  it.each<[string, CatalogDocument, string]>([
    ['a feature declared twice', { features: [features[0]!, features[0]!], products: [] }, 'features.1.key'],
    [
      'a product declared twice',
      { features, products: [product(), product({ prices: [{ ...price, id: 'q' }] })] },
      'products.1.id',
    ],
    ['a price declared twice', { features, products: [product(), product({ id: 'b' })] }, 'products'],
    [
      'two default products',
      {
        features,
        products: [
          product({ default: true }),
          product({ id: 'b', default: true, prices: [{ ...price, id: 'q' }] }),
        ],
      },
      'products',
    ],
    ['a feature that is not declared', granting({ feature: 'nope' }), 'products.0.features.0.feature'],
    [
      'a feature granted twice',
      granting({ feature: 'calls' }, { feature: 'calls' }),
      'products.0.features.1.feature',
    ],
    ['a limit on a flag', granting({ feature: 'sso', limit: 1 }), 'products.0.features.0.limit'],
    ['a negative limit', granting({ feature: 'calls', limit: -1 }), 'products.0.features.0.limit'],
    [
      'a limit finer than the feature',
      granting({ feature: 'calls', limit: 0.5 }),
      'products.0.features.0.limit',
    ],
    ['a limit that vanishes', granting({ feature: 'seats', limit: 1e-20 }), 'products.0.features.0.limit'],
    ['a limit beyond 64 bits', granting({ feature: 'seats', limit: 1e10 }), 'products.0.features.0.limit'],
    [
      'a limit that is no number',
      granting({ feature: 'seats', limit: 'many' }),
      'products.0.features.0.limit',
    ],
    [
      'a seat count that resets',
      granting({ feature: 'seats', reset: 'month' }),
      'products.0.features.0.reset',
    ],
    [
      'a quota that never resets',
      granting({ feature: 'calls', reset: 'never' }),
      'products.0.features.0.reset',
    ],
  ])('finds %s', (_what, document, path) => {
    expect(paths(document)).toEqual([path]);
  });

  it('takes a flag whose limit is null', () => {
    expect(catalogIssues(granting({ feature: 'sso', limit: null }))).toEqual([]);
  });
});

describe('compileCatalog', () => {
  it('fills in every default', () => {
    const catalog = compileCatalog(granting({ feature: 'seats' }), 4);
    expect(catalog.features.get('seats')).toMatchObject({ unit: null, decimals: 9 });
    expect(catalog.products.get('a')).toMatchObject({
      rank: 0,
      trialDays: 0,
      highlighted: false,
      highlights: [],
    });
    expect(catalog.products.get('a')?.entitlements.get('seats')).toMatchObject({
      limit: null,
      reset: 'never',
      overageAllowed: false,
      warnAt: 80,
    });
    expect(catalog.defaultProduct).toBeNull();
  });

  it('scales limits exactly, from numbers and from texts', () => {
    const limits = [0.1, '9223372036.854775807'].map((limit) =>
      compileCatalog(granting({ feature: 'seats', limit }), 2)
        .products.get('a')
        ?.entitlements.get('seats'),
    );
    expect(limits.map((entitlement) => entitlement?.limit)).toEqual([
      100_000_000n,
      9_223_372_036_854_775_807n,
    ]);
  });

  it('finds every price’s product', () => {
    const { priceOwners } = compileCatalog(PRICING, 2);
    expect(priceOwners.get('price_pro_year')).toMatchObject({
      product: { id: 'pro' },
      price: { amount: 49_000 },
    });
  });
});
