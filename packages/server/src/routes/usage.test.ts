import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { DAY_MS, NOW, PRICING } from '../metering/testing/pricing.ts';
import { startTestServer, type TestServer, type TestTenant } from '../testing/test-server.ts';

let server: TestServer;
let acme: TestTenant;

beforeAll(async () => {
  server = await startTestServer();
});
afterAll(() => server.close());
beforeEach(async () => {
  server.clock.now = NOW;
  acme = await server.newTenant();
});
afterEach(() => expect(server.errors).toEqual([]));

const use = (feature: string, quantity: number | string, customer = 'user_1') =>
  acme.ask('POST', '/v1/usage/track', { customer_id: customer, feature_key: feature, quantity });

describe('GET /v1/usage/check', () => {
  const check = (query: string) => acme.ask('GET', `/v1/usage/check?customer_id=user_1&${query}`);

  it('answers a yes', async () => {
    await use('api_calls', 40);
    const { status, json } = await check('feature_key=api_calls&quantity=60');
    expect(status).toBe(200);
    expect(json).toEqual({
      feature_key: 'api_calls',
      has_access: true,
      reason: null,
      limit: 100,
      usage: 40,
      metadata: { remaining: 60, resets_at: '2026-02-28T10:00:00.000Z', type: 'usage_quota' },
      as_of: '2026-01-31T10:00:00.000Z',
      sequence: 1,
      revision: 2,
    });
  });

  it.each([
    ['feature_key=api_calls&quantity=101', 'quota_exceeded'],
    ['feature_key=exports', 'feature_not_in_plan'],
    ['feature_key=nope', 'feature_not_found'],
    ['feature_key=__proto__', 'feature_not_found'],
  ])('answers %s with a no, which is no error', async (query, reason) => {
    expect((await check(query)).json).toMatchObject({ has_access: false, reason });
    expect((await check(query)).status).toBe(200);
  });

  it('answers for someone never seen, and makes nobody', async () => {
    expect((await check('feature_key=api_calls')).json).toMatchObject({ has_access: true, usage: 0 });
    expect((await acme.ask('GET', '/customers/external/user_1')).status).toBe(404);
  });

  it('says customer_not_found where there is no default product', async () => {
    acme = await server.newTenant({ features: PRICING.features, products: [PRICING.products[1]!] });
    expect((await check('feature_key=api_calls')).json).toMatchObject({ reason: 'customer_not_found' });
  });

  it.each([
    ['no customer', 'feature_key=api_calls'],
    ['no feature', 'customer_id=user_1'],
    ['an empty quantity', 'customer_id=user_1&feature_key=api_calls&quantity='],
    ['a quantity that is none', 'customer_id=user_1&feature_key=api_calls&quantity=NaN'],
    ['a negative quantity', 'customer_id=user_1&feature_key=api_calls&quantity=-1'],
    ['a fraction of a call', 'customer_id=user_1&feature_key=api_calls&quantity=0.5'],
  ])('refuses %s', async (_what, query) => {
    const { status, json } = await acme.ask('GET', `/v1/usage/check?${query}`);
    expect([status, json.error.code]).toEqual([422, 'validation_failed']);
  });

  it.each([
    ['1e-12', 'quantity_below_precision'],
    ['1e18', 'quantity_out_of_range'],
  ])('says of quantity %s what tracking would say', async (quantity, code) => {
    const { status, json } = await check(`feature_key=compute&quantity=${quantity}`);
    expect([status, json.error.code]).toEqual([422, code]);
  });

  it('ignores query parameters that it does not know', async () => {
    expect((await check('feature_key=api_calls&utm_source=x&__proto__=1&constructor=2')).status).toBe(200);
  });

  it('refuses our own id', async () => {
    await use('api_calls', 1);
    const customer = await acme.ask('GET', '/customers/external/user_1');
    const query = `customer_id=${customer.json.id}&feature_key=api_calls`;
    expect((await acme.ask('GET', `/v1/usage/check?${query}`)).status).toBe(422);
    expect((await acme.ask('GET', `/v1/usage/metrics?${query}`)).status).toBe(422);
  });
});

describe('GET /v1/features/check', () => {
  it('answers for the token’s customer', async () => {
    await use('api_calls', 100);
    const { json } = await acme.askAsUser('GET', '/v1/features/check?feature_key=api_calls');
    expect(json).toMatchObject({ has_access: false, reason: 'quota_exceeded', usage: 100 });
  });
});

describe('GET /v1/usage/metrics', () => {
  it('has a row for every metered feature from the first day', async () => {
    const { json } = await acme.ask('GET', '/v1/usage/metrics?customer_id=user_1');
    expect(json).toMatchObject({ customer_id: 'user_1', external_user_id: 'user_1' });
    expect(json.metrics.map((metric) => metric.feature_key)).toEqual([
      'api_calls',
      'compute',
      'emails',
      'events',
      'storage_gb',
      'seats',
    ]);
  });

  it('prints everything about a row', async () => {
    await use('api_calls', 84);
    server.clock.now = NOW + 1;
    const { json } = await acme.ask('GET', '/v1/usage/metrics?customer_id=user_1&feature_key=api_calls');
    expect(json.metrics).toEqual([
      {
        feature_key: 'api_calls',
        feature_title: 'API calls',
        product_name: 'Free',
        consumed: 84,
        limit: 100,
        remaining: 16,
        percentage_used: 84,
        period_start: '2026-01-31T10:00:00.000Z',
        period_end: '2026-02-28T10:00:00.000Z',
        resets_in_days: 28,
        feature_type: 'usage_quota',
        unit: 'call',
        decimals: 0,
        overage: 0,
        overage_allowed: false,
        warn_at: 80,
        status: 'warning',
        sequence: 1,
        revision: 2,
        as_of: '2026-01-31T10:00:00.001Z',
      },
    ]);
  });

  it('adds decimals up exactly', async () => {
    for (let turn = 0; turn < 10; turn += 1) await use('compute', 0.1);
    const { text } = await acme.ask('GET', '/v1/usage/metrics?customer_id=user_1&feature_key=compute');
    expect(text).toContain('"consumed":1,');
    expect(text).toContain('"percentage_used":100,');
  });

  it('is empty for a feature that is not there, and for nobody without a default product', async () => {
    expect((await acme.ask('GET', '/v1/usage/metrics?customer_id=u&feature_key=nope')).json.metrics).toEqual(
      [],
    );
    const bare = await server.newTenant({ features: [], products: [] });
    expect((await bare.ask('GET', '/v1/usage/metrics?customer_id=u')).json.metrics).toEqual([]);
  });

  it('has nothing of another tenant’s customer of the same name', async () => {
    await use('api_calls', 84);
    const other = await server.newTenant();
    const { json } = await other.ask('GET', '/v1/usage/metrics?customer_id=user_1&feature_key=api_calls');
    expect(json.metrics).toMatchObject([{ consumed: 0 }]);
  });

  it('is the same for the session', async () => {
    await use('api_calls', 84);
    const asServer = await acme.ask('GET', '/v1/usage/metrics?customer_id=user_1');
    const asUser = await acme.askAsUser('GET', '/v1/features/usage-metrics');
    expect(asUser.text).toBe(asServer.text);
  });
});

describe('nudges', () => {
  const nudges = async () => (await acme.askAsUser('GET', '/v1/features/nudges')).json.nudges;
  const firstNudge = async () => (await nudges())[0]!;
  const dismiss = (id: string, body?: unknown) =>
    acme.askAsUser('POST', `/v1/features/nudges/${id}/dismiss`, body);

  it('tell what runs out and which plan would help', async () => {
    await use('api_calls', 84);
    expect(await nudges()).toEqual([
      {
        id: expect.any(String) as unknown,
        type: 'usage_threshold',
        feature: 'api_calls',
        threshold: 80,
        actual: 84,
        severity: 'warning',
        message: { title: 'API calls: 84% used', body: '84 of 100 used.', cta: 'Upgrade to Pro' },
        resets_at: '2026-02-28T10:00:00.000Z',
        suggestedPlan: {
          id: 'pro',
          priceId: 'price_pro',
          name: 'Pro',
          price: { amount: 4900, currency: 'usd', interval: 'month' },
          highlights: ['A hundred times the calls'],
          limits: expect.arrayContaining([
            { feature: 'api_calls', title: 'API calls', from: 100, to: 10_000 },
          ]) as unknown,
        },
      },
    ]);
  });

  it('stay away once dismissed, until the period’s end', async () => {
    await use('api_calls', 84);
    const { id } = await firstNudge();
    const { status, json } = await dismiss(id);
    expect([status, json]).toEqual([200, { dismissed_until: '2026-02-28T10:00:00.000Z' }]);
    expect(await nudges()).toEqual([]);
  });

  it('come back after a snooze', async () => {
    await use('seats', 5);
    const { id } = await firstNudge();
    await dismiss(id, { snooze_seconds: 60 });
    server.clock.now = NOW + 59_999;
    expect(await nudges()).toEqual([]);
    server.clock.now = NOW + 60_000;
    expect(await nudges()).toMatchObject([{ id }]);
  });

  it('stay away for 30 days where nothing resets', async () => {
    await use('seats', 5);
    const { id } = await firstNudge();
    expect((await dismiss(id)).json.dismissed_until).toBe(new Date(NOW + 30 * DAY_MS).toISOString());
  });

  it('come back at a higher threshold, and at the same one crossed again', async () => {
    await use('api_calls', 84);
    const first = await firstNudge();
    await dismiss(first.id);
    await use('api_calls', 12);
    const second = await firstNudge();
    expect(second).toMatchObject({ threshold: 95, severity: 'critical' });
    await use('api_calls', -50);
    await use('api_calls', 40);
    const third = await firstNudge();
    expect(third).toMatchObject({ threshold: 80, severity: 'warning' });
    expect(new Set([first.id, second.id, third.id]).size).toBe(3);
  });

  it.each(['unknown', '%00', '..%2F..%2F', '%E0%A4%A', encodeURIComponent('ndg_api_calls~0~80~1')])(
    'that are not there cannot be dismissed: %s',
    async (id) => {
      expect((await dismiss(id)).json.error.code).toBe('not_found');
    },
  );

  it.each([0, -1, 1.5, 90 * 86_400 + 1, '60', 1e308])(
    'are not snoozed for %j seconds',
    async (snooze_seconds) => {
      expect((await dismiss('x', { snooze_seconds })).status).toBe(422);
    },
  );
});

describe('GET /v1/usage/events', () => {
  const look = (query: string) => acme.ask('GET', `/v1/usage/events?customer_id=user_1&${query}`);

  it('gives the event that holds the key', async () => {
    const tracked = await acme.ask('POST', '/v1/usage/track', {
      customer_id: 'user_1',
      feature_key: 'compute',
      quantity: '0.25',
      idempotency_key: 'job 7',
      metadata: { job: 7 },
      timestamp: '2026-01-31T09:59:00Z',
    });
    expect(await look('idempotency_key=job%207')).toMatchObject({
      status: 200,
      json: {
        outcome: 'recorded',
        event: {
          event_id: tracked.json.event_id,
          quantity: 0.25,
          usage: tracked.json.usage,
          sequence: 1,
          customer_id: 'user_1',
          action: 'add',
          idempotency_key: 'job 7',
          timestamp: '2026-01-31T09:59:00.000Z',
          metadata: { job: 7 },
        },
      },
    });
  });

  it('answers unknown for a key that was never used, was refused, or is a browser’s', async () => {
    await acme.ask('POST', '/v1/usage/track', {
      customer_id: 'user_1',
      feature_key: 'api_calls',
      quantity: 101,
      idempotency_key: 'refused',
    });
    await acme.askAsUser('POST', '/v1/features/track-usage', {
      feature_key: 'api_calls',
      quantity: 1,
      idempotency_key: 'mine',
    });
    for (const key of ['never', 'refused', 'mine']) {
      expect((await look(`idempotency_key=${key}`)).json).toEqual({ outcome: 'unknown' });
    }
  });

  it.each(['', 'idempotency_key=', 'idempotency_key=%00', `idempotency_key=${'k'.repeat(256)}`])(
    'refuses the query %j',
    async (query) => {
      expect((await look(query)).json.error.code).toBe('validation_failed');
    },
  );
});
