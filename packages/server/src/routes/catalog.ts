import { catalogIssues, type Catalog, type Entitlement, type Product } from '../metering/catalog.ts';
import { formatScaled } from '../metering/quantity.ts';
import {
  billingPeriodAt,
  resetOf,
  standingAt,
  statusAt,
  type Customer,
  type Standing,
} from '../metering/subscription.ts';
import { RawJson } from '../json.ts';
import { Problem, validationProblem } from '../problems.ts';
import { iso } from './documents.ts';
import type { DefineRoute } from './route.ts';
import {
  CATALOG_BYTES_MAX,
  CatalogBody,
  EntitlementsSchema,
  ProductsQuery,
  ProductsSchema,
} from './schemas.ts';

/** The pricing catalog, for merchants to write and for customers to choose from (wire contract §2, §7). */
export function catalogRoutes(route: DefineRoute, clock: () => number): void {
  const replies = { 200: { description: 'The whole catalog.', schema: CatalogBody } };

  route(
    {
      method: 'get',
      path: '/v1/catalog',
      tag: 'Catalog',
      summary: 'The whole pricing catalog',
      credential: 'secret_key',
      replies,
    },
    async ({ ledger }) => {
      const { document } = await ledger.catalog();
      return { status: 200, body: document };
    },
  );

  route(
    {
      method: 'put',
      path: '/v1/catalog',
      tag: 'Catalog',
      summary: 'Replace the pricing catalog: all or nothing, idempotent',
      description: 'Limits, overage, warn_at and titles take effect at once for everybody.',
      credential: 'secret_key',
      body: CatalogBody,
      bodyBytesMax: CATALOG_BYTES_MAX,
      replies,
      problems: ['catalog_in_use'],
    },
    async ({ ledger, body }) => {
      const issues = catalogIssues(body);
      if (issues.length > 0) {
        const [first] = issues;
        throw validationProblem(`The catalog is not valid. ${first?.path}: ${first?.message}`, issues);
      }
      const outcome = await ledger.putCatalog(body, clock());
      if (outcome.kind === 'in_use') {
        throw new Problem(
          'catalog_in_use',
          `In use, so it can be neither removed nor changed in what it counts or costs: ${outcome.names.join(', ')}.`,
          { in_use: outcome.names },
        );
      }
      return { status: 200, body };
    },
  );

  route(
    {
      method: 'get',
      path: '/v1/features/entitlements',
      tag: 'Features',
      summary: 'Every feature that the session’s customer has, metered or not',
      credential: 'read_entitlements',
      replies: {
        200: { description: 'The features of the plan; none without access.', schema: EntitlementsSchema },
      },
    },
    async ({ principal, ledger }) => {
      const now = clock();
      const { externalId } = principal;
      const { customer, catalog } = await ledger.account(externalId, now);
      const standing = standingAt(customer, catalog, now);
      return {
        status: 200,
        body: {
          entitlements: entitlementDocuments(standing, now),
          customer_id: externalId,
          external_user_id: externalId,
        },
      };
    },
  );

  route(
    {
      method: 'get',
      path: '/v1/products',
      tag: 'Features',
      summary: 'The products, as the session’s customer may choose them',
      credential: 'read_entitlements',
      query: ProductsQuery,
      replies: {
        200: { description: 'Products in order, and the present subscription.', schema: ProductsSchema },
      },
    },
    async ({ principal, ledger, query }) => {
      const now = clock();
      const { customer, catalog } = await ledger.account(principal.externalId, now);
      const asked = query.planIds?.split(',').map((id) => id.trim());
      const current = standingAt(customer, catalog, now).product?.id;
      const products = [...catalog.products.values()].filter(({ id }) => asked?.includes(id) ?? true);
      return {
        status: 200,
        body: {
          products: products.map((product) => productDocument(product, product.id === current)),
          currentSubscription: currentSubscription(customer, catalog, now),
        },
      };
    },
  );
}

function productDocument(product: Product, isCurrentPlan: boolean): Record<string, unknown> {
  return {
    id: product.id,
    name: product.name,
    description: product.description,
    prices: product.prices,
    features: [...product.entitlements.values()].map((entitlement) => ({
      id: entitlement.feature.key,
      name: entitlement.feature.key,
      title: entitlement.feature.title,
      type: entitlement.feature.type,
      properties: entitlementProperties(entitlement, product),
    })),
    isCurrentPlan,
    trialDays: product.trialDays,
    highlighted: product.highlighted,
  };
}

function entitlementDocuments(standing: Standing, now: number): Record<string, unknown>[] {
  const { product, hasAccess, subscription, status } = standing;
  if (product === null || !hasAccess) return [];
  return [...product.entitlements.values()].map((entitlement) => ({
    feature_key: entitlement.feature.key,
    feature_title: entitlement.feature.title,
    feature_type: entitlement.feature.type,
    granted_at: iso(subscription?.startedAt ?? now),
    product_name: product.name,
    subscription_status: status,
    properties: entitlementProperties(entitlement, product),
  }));
}

function entitlementProperties(entitlement: Entitlement, product: Product): Record<string, unknown> {
  const { feature, limit } = entitlement;
  if (feature.type === 'boolean_flag') return {};
  const reset = resetOf(entitlement, product.prices[0]);
  return {
    // The readers of this route expect -1 for unlimited.
    limit: limit === null ? -1 : new RawJson(formatScaled(limit, feature.decimals)),
    period: reset === 'never' ? undefined : reset,
    unit: feature.unit ?? undefined,
  };
}

function currentSubscription(
  customer: Customer | null,
  catalog: Catalog,
  now: number,
): Record<string, unknown> | null {
  const subscription = customer?.subscription ?? null;
  if (subscription === null || statusAt(subscription, now) === 'canceled') return null;
  const price = catalog.priceOwners.get(subscription.priceId)?.price ?? null;
  const period = billingPeriodAt(subscription, price, now);
  return {
    id: subscription.id,
    productId: subscription.productId,
    priceId: subscription.priceId,
    status: statusAt(subscription, now),
    currentPeriodEnd: iso(period.end ?? period.start),
    cancelAtPeriodEnd: subscription.cancelAtPeriodEnd,
    interval: price?.interval ?? 'month',
    amount: price?.amount ?? 0,
  };
}
