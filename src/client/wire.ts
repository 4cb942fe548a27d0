import type { components } from './wire.generated.ts';

/** The documents of the usage API, by the names the rest of the code uses; openapi.json says what each holds. */

type Schemas = components['schemas'];

export type FeatureType = Schemas['FeatureType'];
export type UsageStatus = Schemas['UsageStatus'];
/** One metered feature of one customer, as of one instant. */
export type UsageMetric = Schemas['UsageMetric'];
export type UsageMetricsReply = Schemas['UsageMetricsReply'];
export type UsageSummary = Schemas['UsageSummary'];
export type TrackReply = Schemas['TrackReply'];
/** A verdict for each event of a batch, in the order of the request. */
export type BatchReply = Schemas['BatchReply'];
/** Whether an idempotency key belongs to a recorded event, and to which. */
export type EventReply = Schemas['EventReply'];
export type CheckReason = Schemas['CheckReason'];
export type CheckReply = Schemas['CheckReply'];
export type SuggestedPlan = Schemas['SuggestedPlan'];
export type NudgeTrigger = Schemas['NudgeTrigger'];
export type Entitlement = Schemas['Entitlement'];
export type EntitlementsReply = Schemas['EntitlementsReply'];
export type CustomerDocument = Schemas['Customer'];
export type SubscriptionDocument = Schemas['Subscription'];
export type SubscriptionStatus = Schemas['SubscriptionStatus'];
export type ProductPrice = Schemas['ProductPrice'];
/** In `properties.limit` unlimited is -1. */
export type ProductFeature = Schemas['ProductFeature'];
export type Product = Schemas['Product'];
export type CurrentSubscription = Schemas['CurrentSubscription'];
export type ProductsReply = Schemas['ProductsReply'];
/** The error document, RFC 9457 with the members older clients read. */
export type ProblemDocument = Schemas['Problem'];
