import { z } from '@hono/zod-openapi';
import { SCOPES, SESSION_SECONDS_MAX } from '../auth/session-tokens.ts';
import * as examples from './examples.ts';
import { DECIMAL_TEXT_CHARS_MAX, DECIMALS_MAX, parseDecimal } from '../metering/quantity.ts';

/** The documents of the wire contract: strict, bounded, and the source of openapi.json. */

const NAME_CHARS_MAX = 255;
const TEXT_CHARS_MAX = 2_000;
const METADATA_BYTES_MAX = 4 * 1024;
const FEATURES_MAX = 500;
const PRODUCTS_MAX = 200;
const PRICES_MAX = 50;
const HIGHLIGHTS_MAX = 20;
const SCOPES_ASKED_MAX = 32;
const SNOOZE_SECONDS_MAX = 90 * 86_400;
const AMOUNT_MAX = Number.MAX_SAFE_INTEGER;

/** Text that any store can hold and any log can print: well-formed, without control characters. */
const plainText = (charsMax: number) =>
  z
    .string()
    .min(1)
    .max(charsMax)
    // eslint-disable-next-line no-control-regex -- control characters are what this refuses
    .regex(/^[^\u0000-\u001f\u007f]*$/, 'must not contain control characters')
    .refine((text) => text.isWellFormed(), 'must be well-formed Unicode');

const name = plainText(NAME_CHARS_MAX);
const prose = plainText(TEXT_CHARS_MAX);
const identifier = z
  .string()
  .min(1)
  .max(64)
  .regex(/^[A-Za-z0-9_.-]+$/, 'letters, digits, "_", "." and "-" only');

const timestamp = z.iso.datetime({ offset: true }).openapi({ format: 'date-time' });
const instant = z.string().openapi({ format: 'date-time', example: '2026-02-03T04:05:06.789Z' });

/** Taken as it came: zod's own record would leave out a member named `__proto__`, and say nothing. */
const metadata = z
  .custom<Record<string, unknown>>(
    (value) => typeof value === 'object' && value !== null && !Array.isArray(value),
    'must be an object',
  )
  .refine(
    (value) => Object.keys(value).every((member) => member.length <= NAME_CHARS_MAX),
    `names of members have ${NAME_CHARS_MAX} characters at most`,
  )
  .refine((value) => Buffer.byteLength(JSON.stringify(value)) <= METADATA_BYTES_MAX, 'at most 4 KiB of JSON')
  .openapi({ type: 'object', additionalProperties: {} });

const decimal = z
  .union([z.number(), z.string().max(DECIMAL_TEXT_CHARS_MAX)])
  .openapi({
    description: 'A number, read by its shortest round-trip decimal, or a decimal string.',
    example: 1,
  })
  .transform((value, context) => {
    const parsed = parseDecimal(value);
    if (parsed !== null) return parsed;
    context.addIssue({ code: 'custom', message: 'must be a finite decimal number' });
    return z.NEVER;
  });

const notNegative = decimal.refine(({ digits }) => digits >= 0n, 'must not be negative');

const idempotencyKey = z
  .string()
  .min(1)
  .max(NAME_CHARS_MAX)
  .regex(/^[\x20-\x7e]*$/, 'printable ASCII only');

// ── Errors ──────────────────────────────────────────────────────────────────────────────────────────────────────

export const ProblemSchema = z
  .object({
    type: z.string(),
    title: z.string(),
    status: z.int(),
    detail: z.string(),
    instance: z.string(),
    error: z.object({
      code: z.string(),
      message: z.string(),
      details: z.record(z.string(), z.unknown()).optional(),
    }),
    statusCode: z.int(),
  })
  .openapi('Problem');

/** A named document or null: `nullable()` would make the name itself nullable in the OpenAPI document. */
const orNull = <S extends z.ZodType>(schema: S) => z.union([schema, z.null()]);

const subscriptionStatus = z
  .enum(['trialing', 'active', 'past_due', 'incomplete', 'canceled'])
  .openapi('SubscriptionStatus');

// ── Usage ───────────────────────────────────────────────────────────────────────────────────────────────────────

const trackMembers = {
  feature_key: identifier,
  idempotency_key: idempotencyKey.optional(),
  metadata: metadata.optional(),
  timestamp: timestamp.optional(),
};

export const TrackBody = z
  .strictObject({
    customer_id: name.openapi({ description: 'Your own user id.', example: 'user_123' }),
    ...trackMembers,
    quantity: decimal,
    action: z.enum(['add', 'set']).default('add'),
  })
  .openapi('TrackRequest', { examples: [examples.trackRequest] });

export const SessionTrackBody = z
  .strictObject({ ...trackMembers, quantity: notNegative, action: z.literal('add').default('add') })
  .openapi('SessionTrackRequest', { examples: [examples.sessionTrackRequest] });

export const UsageSummarySchema = z
  .object({
    consumed_units: z.number(),
    limit_units: z.number().nullable(),
    remaining_units: z.number().nullable(),
    period_start: instant,
    period_end: instant.nullable(),
    overage_units: z.number(),
    percentage_used: z.int(),
  })
  .openapi('UsageSummary');

export const TrackReplySchema = z
  .object({
    success: z.literal(true),
    feature_key: z.string(),
    quantity: z.number(),
    recorded_at: instant,
    usage: UsageSummarySchema,
    event_id: z.string(),
    sequence: z.int(),
    revision: z.int(),
  })
  .openapi('TrackReply', { examples: [examples.trackReply] });

export const BATCH_EVENTS_MAX = 1_000;
export const BATCH_BYTES_MAX = 1024 * 1024;

/** The items are read one by one, so that a bad one does not sink the rest. */
export const BatchBody = z
  .strictObject({
    events: z
      .array(z.unknown().openapi({ allOf: [{ $ref: '#/components/schemas/TrackRequest' }] }))
      .max(BATCH_EVENTS_MAX),
  })
  .openapi('BatchRequest', { examples: [examples.batchRequest] });

const ErrorSchema = z
  .object({ code: z.string(), message: z.string(), details: z.record(z.string(), z.unknown()).optional() })
  .openapi('Error');

export const BatchReplySchema = z
  .object({
    results: z.array(
      z.union([
        TrackReplySchema.extend({ index: z.int(), outcome: z.enum(['recorded', 'duplicate']) }).openapi(
          'BatchRecorded',
        ),
        z
          .object({ index: z.int(), outcome: z.enum(['rejected', 'invalid']), error: ErrorSchema })
          .openapi('BatchRefused'),
      ]),
    ),
    summary: z.object({ recorded: z.int(), duplicate: z.int(), rejected: z.int(), invalid: z.int() }),
  })
  .openapi('BatchReply', { examples: [examples.batchReply] });

export const EventQuery = z.object({ customer_id: name, idempotency_key: idempotencyKey });

export const EventReplySchema = z
  .discriminatedUnion('outcome', [
    z
      .object({
        outcome: z.literal('recorded'),
        event: TrackReplySchema.omit({ success: true }).extend({
          customer_id: z.string(),
          action: z.enum(['add', 'set']),
          idempotency_key: z.string(),
          timestamp: instant.nullable(),
          metadata: z.record(z.string(), z.unknown()).nullable(),
        }),
      })
      .openapi('EventRecorded'),
    z.object({ outcome: z.literal('unknown') }).openapi('EventUnknown'),
  ])
  .openapi('EventReply', { examples: [examples.eventReply] });

const featureType = z.enum(['usage_quota', 'numeric_limit', 'boolean_flag']).openapi('FeatureType');

export const UsageMetricSchema = z
  .object({
    feature_key: z.string(),
    feature_title: z.string(),
    product_name: z.string(),
    consumed: z.number(),
    limit: z.number().nullable(),
    remaining: z.number().nullable(),
    percentage_used: z.int(),
    period_start: instant,
    period_end: instant.nullable(),
    resets_in_days: z.int().nullable(),
    feature_type: featureType,
    unit: z.string().nullable(),
    decimals: z.int(),
    overage: z.number(),
    overage_allowed: z.boolean(),
    warn_at: z.int(),
    status: z.enum(['ok', 'warning', 'critical', 'exceeded', 'unlimited']).openapi('UsageStatus'),
    sequence: z.int(),
    revision: z.int(),
    as_of: instant,
  })
  .openapi('UsageMetric');

export const UsageMetricsSchema = z
  .object({ metrics: z.array(UsageMetricSchema), customer_id: z.string(), external_user_id: z.string() })
  .openapi('UsageMetricsReply', { examples: [examples.metricsReply] });

export const CheckReplySchema = z
  .object({
    feature_key: z.string(),
    has_access: z.boolean(),
    reason: orNull(
      z
        .enum([
          'quota_exceeded',
          'no_active_subscription',
          'subscription_not_active',
          'feature_not_in_plan',
          'feature_not_found',
          'customer_not_found',
        ])
        .openapi('CheckReason'),
    ),
    limit: z.number().nullable(),
    usage: z.number().nullable(),
    metadata: z.object({
      remaining: z.number().nullable(),
      resets_at: instant.nullable(),
      type: orNull(featureType),
    }),
    as_of: instant,
    sequence: z.int(),
    revision: z.int(),
  })
  .openapi('CheckReply', { examples: [examples.checkReply] });

export const CustomerQuery = z.object({ customer_id: name });
export const FeatureQuery = z.object({ feature_key: identifier.optional() });
export const SessionCheckQuery = z.object({ feature_key: identifier, quantity: notNegative.optional() });
export const CheckQuery = z.object({ ...CustomerQuery.shape, ...SessionCheckQuery.shape });
export const MetricsQuery = z.object({ ...CustomerQuery.shape, ...FeatureQuery.shape });

// ── Nudges and products ─────────────────────────────────────────────────────────────────────────────────────────

const SuggestedPlanSchema = z
  .object({
    id: z.string(),
    priceId: z.string(),
    name: z.string(),
    price: z.object({ amount: z.number(), currency: z.string(), interval: z.string() }),
    highlights: z.array(z.string()),
    limits: z.array(
      z.object({
        feature: z.string(),
        title: z.string(),
        from: z.number().nullable(),
        to: z.number().nullable(),
      }),
    ),
  })
  .openapi('SuggestedPlan');

export const NudgeTriggerSchema = z
  .object({
    id: z.string(),
    type: z.literal('usage_threshold'),
    feature: z.string(),
    threshold: z.number(),
    actual: z.number(),
    severity: z.enum(['warning', 'critical', 'exceeded']),
    message: z.object({ title: z.string(), body: z.string(), cta: z.string() }),
    resets_at: instant.nullable(),
    suggestedPlan: orNull(SuggestedPlanSchema),
  })
  .openapi('NudgeTrigger');

export const NudgesSchema = z
  .object({ nudges: z.array(NudgeTriggerSchema) })
  .openapi('NudgesReply', { examples: [examples.nudgesReply] });
export const NudgeParams = z.object({ id: z.string().max(NAME_CHARS_MAX) });
export const DismissBody = z
  .strictObject({ snooze_seconds: z.int().min(1).max(SNOOZE_SECONDS_MAX).optional() })
  .openapi('DismissNudgeRequest', { examples: [examples.dismissRequest] });
export const DismissSchema = z
  .object({ dismissed_until: instant })
  .openapi('DismissNudgeReply', { examples: [examples.dismissReply] });

export const ProductsQuery = z.object({ planIds: z.string().max(TEXT_CHARS_MAX).optional() });

/** What a product grants of a feature. Unlimited is -1, as the readers of these routes expect. */
const FeaturePropertiesSchema = z
  .object({ limit: z.number().optional(), period: z.string().optional(), unit: z.string().optional() })
  .openapi('FeatureProperties');

const ProductPriceSchema = z
  .object({
    id: z.string(),
    amount: z.number(),
    currency: z.string(),
    interval: z.string(),
    intervalCount: z.int(),
  })
  .openapi('ProductPrice');

const ProductFeatureSchema = z
  .object({
    id: z.string(),
    name: z.string(),
    title: z.string(),
    type: featureType,
    properties: FeaturePropertiesSchema,
  })
  .openapi('ProductFeature');

const ProductSchema = z
  .object({
    id: z.string(),
    name: z.string(),
    description: z.string().nullable(),
    prices: z.array(ProductPriceSchema),
    features: z.array(ProductFeatureSchema),
    isCurrentPlan: z.boolean(),
    trialDays: z.int(),
    highlighted: z.boolean(),
  })
  .openapi('Product');

const CurrentSubscriptionSchema = z
  .object({
    id: z.string(),
    productId: z.string(),
    priceId: z.string(),
    status: subscriptionStatus,
    currentPeriodEnd: instant,
    cancelAtPeriodEnd: z.boolean(),
    interval: z.string(),
    amount: z.number(),
  })
  .openapi('CurrentSubscription');

export const ProductsSchema = z
  .object({ products: z.array(ProductSchema), currentSubscription: orNull(CurrentSubscriptionSchema) })
  .openapi('ProductsReply', { examples: [examples.productsReply] });

const EntitlementSchema = z
  .object({
    feature_key: z.string(),
    feature_title: z.string(),
    feature_type: featureType,
    granted_at: instant,
    product_name: z.string(),
    subscription_status: subscriptionStatus,
    properties: FeaturePropertiesSchema,
  })
  .openapi('Entitlement');

export const EntitlementsSchema = z
  .object({ entitlements: z.array(EntitlementSchema), customer_id: z.string(), external_user_id: z.string() })
  .openapi('EntitlementsReply', { examples: [examples.entitlementsReply] });

// ── Session tokens ──────────────────────────────────────────────────────────────────────────────────────────────

export const SESSION_SECONDS_DEFAULT = 3_600;

export const SessionTokenBody = z
  .strictObject({
    externalUserId: name,
    externalOrganizationId: name.optional(),
    email: name.optional(),
    expiresIn: z.int().min(60).max(SESSION_SECONDS_MAX).default(SESSION_SECONDS_DEFAULT),
    allowedOperations: z
      .array(z.string().max(64))
      .max(SCOPES_ASKED_MAX)
      .default([...SCOPES]),
    metadata: metadata.optional(),
  })
  .openapi('SessionTokenRequest', { examples: [examples.sessionTokenRequest] });

export const SessionTokenSchema = z
  .object({
    sessionToken: z.string(),
    expiresAt: instant,
    tokenId: z.string(),
    allowedOperations: z.array(z.string()),
  })
  .openapi('SessionTokenReply', { examples: [examples.sessionTokenReply] });

export const TokenIdParams = z.object({ tokenId: z.string().max(NAME_CHARS_MAX) });
export const MessageSchema = z
  .object({ message: z.string() })
  .openapi('Message', { examples: [examples.message] });

// ── Customers and subscriptions ─────────────────────────────────────────────────────────────────────────────────

export const SubscriptionSchema = z
  .object({
    id: z.string(),
    customer_id: z.string(),
    product_id: z.string(),
    price_id: z.string(),
    status: subscriptionStatus,
    current_period_start: instant,
    current_period_end: instant,
    cancel_at_period_end: z.boolean(),
    trial_end: instant.nullable(),
    canceled_at: instant.nullable(),
    metadata: z.record(z.string(), z.unknown()),
    created_at: instant,
    updated_at: instant,
  })
  .openapi('Subscription', { examples: [examples.subscription] });

export const CustomerSchema = z
  .object({
    id: z.string(),
    external_user_id: z.string(),
    external_organization_id: z.string().nullable(),
    email: z.string().nullable(),
    name: z.string().nullable(),
    metadata: z.record(z.string(), z.unknown()),
    subscription: orNull(SubscriptionSchema),
    created_at: instant,
    updated_at: instant,
  })
  .openapi('Customer', { examples: [examples.customer] });

const profile = {
  external_organization_id: name.nullable().optional(),
  email: name.nullable().optional(),
  name: name.nullable().optional(),
  metadata: metadata.optional(),
};

export const CustomerBody = z
  .strictObject({
    external_user_id: name.openapi({ description: 'Your own user id.', example: 'user_123' }),
    ...profile,
  })
  .openapi('CreateCustomerRequest', { examples: [examples.createCustomer] });

/** A member that is absent stays, `null` clears it. */
export const CustomerPatchBody = z
  .strictObject(profile)
  .openapi('CustomerPatch', { examples: [examples.customerPatch] });

export const DeletedSchema = z
  .object({ id: z.string(), deleted: z.literal(true) })
  .openapi('Deleted', { examples: [examples.deleted] });

export const SubscriptionsSchema = z
  .object({ subscriptions: z.array(SubscriptionSchema) })
  .openapi('SubscriptionsReply', { examples: [examples.subscriptions] });

export const CancelBody = z
  .strictObject({
    immediately: z
      .boolean()
      .default(false)
      .openapi({ description: 'Now, instead of at the end of the period paid for.' }),
  })
  .openapi('CancelRequest', { examples: [examples.cancelRequest] });

export const EmptyBody = z.strictObject({}).openapi('EmptyRequest', { examples: [{}] });

export const ExternalIdParams = z.object({ externalUserId: name });
export const IdParams = z.object({ id: z.string().max(NAME_CHARS_MAX) });

export const SubscribeBody = z
  .strictObject({ customer_id: name, price_id: identifier, metadata: metadata.optional() })
  .openapi('SubscribeRequest', { examples: [examples.subscribeRequest] });

export const SubscriptionPatchBody = z
  .strictObject({
    price_id: identifier.optional(),
    cancel_at_period_end: z.boolean().optional(),
    status: z.enum(['active', 'past_due', 'incomplete']).optional(),
    metadata: metadata.optional(),
  })
  .openapi('SubscriptionPatch', { examples: [examples.subscriptionPatch] });

// ── Catalog ─────────────────────────────────────────────────────────────────────────────────────────────────────

export const CATALOG_BYTES_MAX = 1024 * 1024;

const interval = z.enum(['day', 'week', 'month', 'year']);

const FeatureDocumentSchema = z.strictObject({
  key: identifier,
  title: name,
  type: featureType,
  unit: identifier.optional(),
  decimals: z.int().min(0).max(DECIMALS_MAX).optional(),
});

const PriceDocumentSchema = z.strictObject({
  id: identifier,
  amount: z.int().min(0).max(AMOUNT_MAX).openapi({ description: 'In the currency’s minor unit.' }),
  currency: z.string().regex(/^[a-z]{3}$/, 'a lower-case ISO 4217 code'),
  interval,
  interval_count: z.int().min(1).max(36).optional(),
});

const EntitlementDocumentSchema = z.strictObject({
  feature: identifier,
  limit: z
    .union([z.number(), z.string().max(DECIMAL_TEXT_CHARS_MAX)])
    .nullable()
    .optional()
    .openapi({ description: '`null` is unlimited.' }),
  reset: z.enum(['day', 'week', 'month', 'year', 'never']).optional(),
  overage: z.enum(['allow', 'block']).optional(),
  warn_at: z.int().min(1).max(94).optional(),
});

export const CatalogBody = z
  .strictObject({
    features: z.array(FeatureDocumentSchema).max(FEATURES_MAX),
    products: z
      .array(
        z.strictObject({
          id: identifier,
          name,
          description: prose.optional(),
          default: z.boolean().optional(),
          rank: z.int().min(0).max(10_000).optional(),
          trial_days: z.int().min(0).max(730).optional(),
          highlighted: z.boolean().optional(),
          highlights: z.array(name).max(HIGHLIGHTS_MAX).optional(),
          prices: z.array(PriceDocumentSchema).min(1).max(PRICES_MAX),
          features: z.array(EntitlementDocumentSchema).max(FEATURES_MAX),
        }),
      )
      .max(PRODUCTS_MAX),
  })
  .openapi('Catalog', { examples: [examples.catalog] });

export const HealthSchema = z
  .object({ status: z.literal('ok') })
  .openapi('Health', { examples: [{ status: 'ok' }] });
