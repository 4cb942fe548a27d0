import { DECIMALS_DEFAULT, parseDecimal, toScaled } from './quantity.ts';
import type { Interval, Reset } from './period.ts';

/** The pricing catalog as a merchant writes it (wire contract §7). */
export interface CatalogDocument {
  features: FeatureDocument[];
  products: ProductDocument[];
}

export interface FeatureDocument {
  key: string;
  title: string;
  type: FeatureType;
  unit?: string | undefined;
  decimals?: number | undefined;
}

export interface ProductDocument {
  id: string;
  name: string;
  description?: string | undefined;
  default?: boolean | undefined;
  rank?: number | undefined;
  trial_days?: number | undefined;
  highlighted?: boolean | undefined;
  highlights?: string[] | undefined;
  prices: PriceDocument[];
  features: EntitlementDocument[];
}

export interface PriceDocument {
  id: string;
  amount: number;
  currency: string;
  interval: Interval;
  interval_count?: number | undefined;
}

export interface EntitlementDocument {
  feature: string;
  limit?: number | string | null | undefined;
  reset?: Reset | undefined;
  overage?: 'allow' | 'block' | undefined;
  warn_at?: number | undefined;
}

export type FeatureType = 'usage_quota' | 'numeric_limit' | 'boolean_flag';

/** A feature with every default filled in. */
export interface Feature {
  readonly key: string;
  readonly title: string;
  readonly type: FeatureType;
  readonly unit: string | null;
  readonly decimals: number;
}

export interface Price {
  readonly id: string;
  /** In the currency's minor unit. */
  readonly amount: number;
  readonly currency: string;
  readonly interval: Interval;
  readonly intervalCount: number;
}

/** What a product grants of one feature. */
export interface Entitlement {
  readonly feature: Feature;
  /** Scaled; `null` is unlimited. */
  readonly limit: bigint | null;
  /** `undefined`: the interval of the customer's price. */
  readonly reset: Reset | undefined;
  readonly overageAllowed: boolean;
  /** Percent of the limit from which the customer is warned. */
  readonly warnAt: number;
}

export interface Product {
  readonly id: string;
  readonly name: string;
  readonly description: string | null;
  readonly rank: number;
  readonly trialDays: number;
  readonly highlighted: boolean;
  readonly highlights: readonly string[];
  readonly prices: readonly [Price, ...Price[]];
  /** By feature key, in the order written. */
  readonly entitlements: ReadonlyMap<string, Entitlement>;
}

/** A catalog ready for metering: looked up by key, limits scaled, defaults filled in. */
export interface Catalog {
  readonly revision: number;
  readonly features: ReadonlyMap<string, Feature>;
  readonly products: ReadonlyMap<string, Product>;
  readonly priceOwners: ReadonlyMap<string, { product: Product; price: Price }>;
  readonly defaultProduct: Product | null;
}

export interface CatalogIssue {
  path: string;
  message: string;
}

export const WARN_AT_DEFAULT = 80;

export const EMPTY_CATALOG: Catalog = compileCatalog({ features: [], products: [] }, 0);

/** What is wrong with a catalog beyond its shape: names that point nowhere, twice or to the wrong kind. */
export function catalogIssues(document: CatalogDocument): CatalogIssue[] {
  const features = new Map(document.features.map((feature) => [feature.key, feature]));
  const defaults = document.products.filter((product) => product.default === true);
  return [
    ...duplicates(document.features.map((feature) => feature.key)).map(({ value, index }) => ({
      path: `features.${index}.key`,
      message: `feature "${value}" is declared twice`,
    })),
    ...duplicates(document.products.map((product) => product.id)).map(({ value, index }) => ({
      path: `products.${index}.id`,
      message: `product "${value}" is declared twice`,
    })),
    ...duplicates(document.products.flatMap((product) => product.prices.map((price) => price.id))).map(
      ({ value }) => ({
        path: 'products',
        message: `price "${value}" is declared twice`,
      }),
    ),
    ...(defaults.length > 1
      ? [
          {
            path: 'products',
            message: `at most one default product; ${defaults.map(({ id }) => id).join(', ')} are`,
          },
        ]
      : []),
    ...document.products.flatMap((product, index) => productIssues(product, `products.${index}`, features)),
  ];
}

/** Fills in defaults and scales limits. The document must be free of {@link catalogIssues}. */
export function compileCatalog(document: CatalogDocument, revision: number): Catalog {
  const features = new Map(document.features.map((feature) => [feature.key, compileFeature(feature)]));
  const products = new Map(
    document.products.map((product) => [product.id, compileProduct(product, features)]),
  );
  const priceOwners = new Map(
    [...products.values()].flatMap((product) =>
      product.prices.map((price) => [price.id, { product, price }] as const),
    ),
  );
  const defaultId = document.products.find((product) => product.default === true)?.id;
  return { revision, features, products, priceOwners, defaultProduct: products.get(defaultId ?? '') ?? null };
}

function compileFeature(feature: FeatureDocument): Feature {
  return {
    key: feature.key,
    title: feature.title,
    type: feature.type,
    unit: feature.unit ?? null,
    decimals: feature.decimals ?? DECIMALS_DEFAULT,
  };
}

function compileProduct(product: ProductDocument, features: ReadonlyMap<string, Feature>): Product {
  const [first, ...others] = product.prices.map((price) => ({
    id: price.id,
    amount: price.amount,
    currency: price.currency,
    interval: price.interval,
    intervalCount: price.interval_count ?? 1,
  }));
  if (first === undefined) throw new Error(`Product ${product.id} has no price`);
  return {
    id: product.id,
    name: product.name,
    description: product.description ?? null,
    rank: product.rank ?? 0,
    trialDays: product.trial_days ?? 0,
    highlighted: product.highlighted ?? false,
    highlights: product.highlights ?? [],
    prices: [first, ...others],
    entitlements: new Map(
      product.features.flatMap((entitlement) => {
        const feature = features.get(entitlement.feature);
        return feature === undefined ? [] : [[feature.key, compileEntitlement(entitlement, feature)]];
      }),
    ),
  };
}

function compileEntitlement(entitlement: EntitlementDocument, feature: Feature): Entitlement {
  return {
    feature,
    limit: entitlement.limit == null ? null : scaledLimit(entitlement.limit, feature.decimals),
    reset: feature.type === 'numeric_limit' ? 'never' : entitlement.reset,
    overageAllowed: entitlement.overage === 'allow',
    warnAt: entitlement.warn_at ?? WARN_AT_DEFAULT,
  };
}

function scaledLimit(limit: number | string, decimals: number): bigint {
  const decimal = parseDecimal(limit);
  const scaled = decimal === null ? 'quantity_out_of_range' : toScaled(decimal, decimals);
  if (typeof scaled === 'string') throw new Error(`Limit ${limit} cannot be kept with ${decimals} decimals`);
  return scaled;
}

function productIssues(
  product: ProductDocument,
  path: string,
  features: ReadonlyMap<string, FeatureDocument>,
): CatalogIssue[] {
  return [
    ...duplicates(product.features.map((entitlement) => entitlement.feature)).map(({ value, index }) => ({
      path: `${path}.features.${index}.feature`,
      message: `feature "${value}" is listed twice`,
    })),
    ...product.features.flatMap((entitlement, index) => {
      const at = `${path}.features.${index}`;
      const feature = features.get(entitlement.feature);
      if (feature === undefined) {
        return [{ path: `${at}.feature`, message: `there is no feature "${entitlement.feature}"` }];
      }
      return entitlementIssues(entitlement, feature).map(({ path: member, message }) => ({
        path: `${at}.${member}`,
        message,
      }));
    }),
  ];
}

function entitlementIssues(entitlement: EntitlementDocument, feature: FeatureDocument): CatalogIssue[] {
  const issues: CatalogIssue[] = [];
  const { limit, reset } = entitlement;
  if (limit != null) {
    const decimal = parseDecimal(limit);
    const scaled = decimal === null ? null : toScaled(decimal, feature.decimals ?? DECIMALS_DEFAULT);
    if (feature.type === 'boolean_flag')
      issues.push({ path: 'limit', message: 'a boolean_flag has no limit' });
    else if (typeof scaled !== 'bigint' || scaled < 0n) {
      issues.push({
        path: 'limit',
        message: `${limit} is not an amount that this feature's decimals can hold`,
      });
    }
  }
  if (feature.type === 'numeric_limit' && reset !== undefined && reset !== 'never') {
    issues.push({ path: 'reset', message: 'a numeric_limit never resets' });
  }
  if (feature.type === 'usage_quota' && reset === 'never') {
    issues.push({ path: 'reset', message: 'a usage_quota resets by day, week, month or year' });
  }
  return issues;
}

function duplicates(values: readonly string[]): { value: string; index: number }[] {
  const seen = new Set<string>();
  return values.flatMap((value, index) => {
    if (seen.has(value)) return [{ value, index }];
    seen.add(value);
    return [];
  });
}
