/** What the documents of the wire contract look like, for openapi.json: one customer, in one month. */

const period = { period_start: '2026-02-01T00:00:00.000Z', period_end: '2026-03-01T00:00:00.000Z' };

const usage = {
  consumed_units: 842,
  limit_units: 1000,
  remaining_units: 158,
  ...period,
  overage_units: 0,
  percentage_used: 84,
};

const record = {
  feature_key: 'api_calls',
  quantity: 1,
  recorded_at: '2026-02-03T04:05:06.789Z',
  usage,
  event_id: 'evt_019c2194a3d5f1c3a07b9e52d84463aa9f20',
  sequence: 842,
  revision: 3,
};

export const trackRequest = {
  customer_id: 'user_123',
  feature_key: 'api_calls',
  quantity: 1,
  idempotency_key: 'request-7f3a',
};
export const sessionTrackRequest = {
  feature_key: 'storage_gb',
  quantity: 0.25,
  idempotency_key: 'upload-19',
};
export const trackReply = { success: true, ...record };
export const batchRequest = { events: [trackRequest, { ...trackRequest, idempotency_key: 'request-7f3b' }] };
export const batchReply = {
  results: [
    { index: 0, outcome: 'recorded', ...trackReply },
    {
      index: 1,
      outcome: 'rejected',
      error: {
        code: 'quota_exceeded',
        message: 'quota_exceeded',
        details: { feature_key: 'api_calls', usage },
      },
    },
  ],
  summary: { recorded: 1, duplicate: 0, rejected: 1, invalid: 0 },
};
export const eventReply = {
  outcome: 'recorded',
  event: {
    ...record,
    customer_id: 'user_123',
    action: 'add',
    idempotency_key: 'request-7f3a',
    timestamp: null,
    metadata: null,
  },
};
export const checkReply = {
  feature_key: 'api_calls',
  has_access: false,
  reason: 'quota_exceeded',
  limit: 1000,
  usage: 1000,
  metadata: { remaining: 0, resets_at: period.period_end, type: 'usage_quota' },
  as_of: '2026-02-20T10:00:00.000Z',
  sequence: 1000,
  revision: 3,
};
export const metricsReply = {
  metrics: [
    {
      feature_key: 'api_calls',
      feature_title: 'API calls',
      product_name: 'Starter',
      consumed: 842,
      limit: 1000,
      remaining: 158,
      percentage_used: 84,
      ...period,
      resets_in_days: 9,
      feature_type: 'usage_quota',
      unit: 'call',
      decimals: 0,
      overage: 0,
      overage_allowed: false,
      warn_at: 80,
      status: 'warning',
      sequence: 842,
      revision: 3,
      as_of: '2026-02-20T10:00:00.000Z',
    },
  ],
  customer_id: 'user_123',
  external_user_id: 'user_123',
};
export const nudgesReply = {
  nudges: [
    {
      id: 'ndg_api_calls~1769904000000~80~1',
      type: 'usage_threshold',
      feature: 'api_calls',
      threshold: 80,
      actual: 84.2,
      severity: 'warning',
      message: { title: 'API calls: 84% used', body: '842 of 1000 used.', cta: 'Upgrade to Pro' },
      resets_at: period.period_end,
      suggestedPlan: {
        id: 'pro',
        priceId: 'price_pro_month',
        name: 'Pro',
        price: { amount: 4900, currency: 'usd', interval: 'month' },
        highlights: ['Ten times the calls'],
        limits: [{ feature: 'api_calls', title: 'API calls', from: 1000, to: 10000 }],
      },
    },
  ],
};
export const dismissRequest = { snooze_seconds: 86_400 };
export const dismissReply = { dismissed_until: period.period_end };

export const sessionTokenRequest = { externalUserId: 'user_123', expiresIn: 3600 };
export const sessionTokenReply = {
  sessionToken: 'bos_session_test_eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJ1c2VyXzEyMyJ9.c2lnbmF0dXJl',
  expiresAt: '2026-02-20T11:00:00.000Z',
  tokenId: 'tok_p3rT9XqLw0aBcD2e',
  allowedOperations: ['read_entitlements', 'track_usage', 'read_usage', 'dismiss_nudges'],
};
export const message = { message: 'Session token tok_p3rT9XqLw0aBcD2e is revoked.' };

export const subscribeRequest = {
  customer_id: 'cus_019bd4c7a100e1f25a9c07d3b8462b10',
  price_id: 'price_pro_month',
};
export const subscriptionPatch = { price_id: 'price_pro_year' };
export const cancelRequest = { immediately: false };
export const subscription = {
  id: 'sub_019bd4c7a1009f3e17c2d85b60a4471d',
  customer_id: subscribeRequest.customer_id,
  product_id: 'pro',
  price_id: 'price_pro_month',
  status: 'active',
  current_period_start: period.period_start,
  current_period_end: period.period_end,
  cancel_at_period_end: false,
  trial_end: null,
  canceled_at: null,
  metadata: {},
  created_at: '2026-02-01T00:00:00.000Z',
  updated_at: '2026-02-01T00:00:00.000Z',
};
export const subscriptions = { subscriptions: [subscription] };

export const createCustomer = {
  external_user_id: 'user_123',
  email: 'ada@example.com',
  metadata: { crm_id: 'A-1042' },
};
export const customerPatch = { name: 'Ada', email: null };
export const customer = {
  id: subscribeRequest.customer_id,
  external_user_id: 'user_123',
  external_organization_id: null,
  email: 'ada@example.com',
  name: 'Ada',
  metadata: { crm_id: 'A-1042' },
  subscription,
  created_at: '2026-02-01T00:00:00.000Z',
  updated_at: '2026-02-03T04:05:06.789Z',
};
export const deleted = { id: subscribeRequest.customer_id, deleted: true };

export const catalog = {
  features: [{ key: 'api_calls', title: 'API calls', type: 'usage_quota', unit: 'call', decimals: 0 }],
  products: [
    {
      id: 'starter',
      name: 'Starter',
      default: true,
      rank: 1,
      prices: [{ id: 'price_starter_month', amount: 0, currency: 'usd', interval: 'month' }],
      features: [{ feature: 'api_calls', limit: 1000, reset: 'month', overage: 'block', warn_at: 80 }],
    },
  ],
};

const properties = { limit: 1000, period: 'month', unit: 'call' };

export const productsReply = {
  products: [
    {
      id: 'starter',
      name: 'Starter',
      description: null,
      prices: [
        { id: 'price_starter_month', amount: 0, currency: 'usd', interval: 'month', intervalCount: 1 },
      ],
      features: [{ id: 'api_calls', name: 'api_calls', title: 'API calls', type: 'usage_quota', properties }],
      isCurrentPlan: true,
      trialDays: 0,
      highlighted: false,
    },
  ],
  currentSubscription: null,
};
export const entitlementsReply = {
  entitlements: [
    {
      feature_key: 'api_calls',
      feature_title: 'API calls',
      feature_type: 'usage_quota',
      granted_at: period.period_start,
      product_name: 'Starter',
      subscription_status: 'active',
      properties,
    },
  ],
  customer_id: 'user_123',
  external_user_id: 'user_123',
};

/** The facts that come with an error's code, where there are any. */
export const problemDetails = {
  quota_exceeded: {
    feature_key: 'api_calls',
    usage: { ...usage, consumed_units: 1000, remaining_units: 0, percentage_used: 100 },
  },
  validation_failed: { issues: [{ path: 'quantity', message: 'must be a finite decimal number' }] },
  already_exists: { customer_id: subscribeRequest.customer_id },
  catalog_in_use: { in_use: ['feature api_calls'] },
  payload_too_large: { bytes_max: 65_536 },
} as const;
