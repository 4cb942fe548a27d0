import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest';
import { LedgerOverloadedError, LedgerUnavailableError } from '../ledger/ledger.ts';
import { DAY_MS, NOW, PRICING } from '../metering/testing/pricing.ts';
import { startTestServer, type TestServer, type TestTenant } from '../testing/test-server.ts';

let server: TestServer;
let acme: TestTenant;

beforeAll(async () => {
  server = await startTestServer();
});
afterAll(() => server.close());
afterEach(() => {
  server.clock.now = NOW;
  expect(server.errors).toEqual([]);
});

const track = (body: Record<string, unknown>, headers?: Record<string, string>) =>
  acme.ask(
    'POST',
    '/v1/usage/track',
    { customer_id: 'user_1', feature_key: 'api_calls', quantity: 1, ...body },
    headers,
  );
const trackAsUser = (body: Record<string, unknown>, headers?: Record<string, string>) =>
  acme.askAsUser(
    'POST',
    '/v1/features/track-usage',
    { feature_key: 'api_calls', quantity: 1, ...body },
    headers,
  );

describe('POST /v1/usage/track', () => {
  beforeAll(async () => {
    acme = await server.newTenant();
  });

  it('answers 201 with the event and the usage after it', async () => {
    const { status, json } = await track({ quantity: 84 });
    expect(status).toBe(201);
    expect(json).toEqual({
      success: true,
      feature_key: 'api_calls',
      quantity: 84,
      recorded_at: '2026-01-31T10:00:00.000Z',
      usage: {
        consumed_units: 84,
        limit_units: 100,
        remaining_units: 16,
        period_start: '2026-01-31T10:00:00.000Z',
        period_end: '2026-02-28T10:00:00.000Z',
        overage_units: 0,
        percentage_used: 84,
      },
      event_id: expect.stringMatching(/^evt_[0-9a-f]{32}$/) as unknown,
      sequence: 1,
      revision: 2,
    });
  });

  it('prints nulls where there is no limit or no end', async () => {
    const unlimited = await track({ feature_key: 'events' });
    expect(unlimited.json.usage).toMatchObject({
      limit_units: null,
      remaining_units: null,
      percentage_used: 0,
    });
    const endless = await track({ feature_key: 'seats' });
    expect(endless.json.usage).toMatchObject({ period_end: null });
  });

  it('prints exact decimals, beyond what a double holds', async () => {
    const amount = '9007199.254740993123';
    const { text } = await track({
      feature_key: 'storage_gb',
      quantity: '0.000000000001',
      customer_id: 'exact',
    });
    expect(text).toContain('"quantity":0.000000000001,');
    const products = PRICING.products.map((product) => ({
      ...product,
      features: product.features.map((one) => (one.feature === 'storage_gb' ? { ...one, limit: null } : one)),
    }));
    const roomy = await server.newTenant({ ...PRICING, products });
    const large = await roomy.ask('POST', '/v1/usage/track', {
      customer_id: 'user_1',
      feature_key: 'storage_gb',
      quantity: amount,
    });
    expect(large.text).toContain(`"consumed_units":${amount},`);
  });

  it('counts a byte of storage in gigabytes', async () => {
    const { json } = await track({ feature_key: 'storage_gb', quantity: 1 / 2 ** 30, customer_id: 'byte' });
    expect(json.usage.consumed_units).toBe(9.31e-10);
  });
});

describe('the limit over HTTP', () => {
  beforeAll(async () => {
    acme = await server.newTenant();
  });

  it('lets exactly 100 of 150 parallel requests through', async () => {
    const replies = await Promise.all(Array.from({ length: 150 }, () => track({})));
    expect(replies.filter(({ status }) => status === 201)).toHaveLength(100);
    expect(replies.filter(({ status }) => status === 402)).toHaveLength(50);
    const sequences = replies.flatMap(({ json }) => (json.success ? [json.sequence] : []));
    expect(sequences.toSorted((a, b) => a - b)).toEqual(Array.from({ length: 100 }, (_, index) => index + 1));
  });

  it('is told as quota_exceeded, in the words that clients test', async () => {
    await track({ quantity: 100, customer_id: 'full' });
    const { status, json } = await track({ customer_id: 'full' });
    expect(status).toBe(402);
    expect(json).toMatchObject({
      type: expect.stringMatching(/\/problems\/quota_exceeded$/) as unknown,
      title: 'Usage limit reached',
      status: 402,
      detail: 'api_calls: 100 of 100 used; resets 2026-02-28T10:00:00.000Z',
      instance: expect.stringMatching(/^req_/) as unknown,
      error: {
        code: 'quota_exceeded',
        message: 'quota_exceeded',
        details: {
          feature_key: 'api_calls',
          usage: { consumed_units: 100, limit_units: 100, remaining_units: 0 },
        },
      },
      statusCode: 402,
    });
  });

  it('opens again in the next period', async () => {
    await track({ quantity: 100, customer_id: 'monthly' });
    server.clock.now = NOW + 28 * DAY_MS;
    expect((await track({ customer_id: 'monthly' })).json).toMatchObject({ sequence: 1 });
  });

  it('is passed where overage is allowed', async () => {
    const { json } = await track({ feature_key: 'emails', quantity: 57 });
    expect(json.usage).toMatchObject({ remaining_units: 0, overage_units: 7, percentage_used: 114 });
  });
});

describe('an idempotency key over HTTP', () => {
  beforeAll(async () => {
    acme = await server.newTenant();
  });

  it('is counted once in 50 parallel requests, and answered alike in all', async () => {
    const replies = await Promise.all(Array.from({ length: 50 }, () => track({ idempotency_key: 'same' })));
    expect(new Set(replies.map(({ text }) => text)).size).toBe(1);
    expect(replies.every(({ status }) => status === 201)).toBe(true);
    expect(replies.filter(({ headers }) => headers.get('Idempotent-Replayed') === 'true')).toHaveLength(49);
  });

  it.each([
    ['quoted', '"head"'],
    ['bare', 'head'],
  ])('may come in the header, %s', async (_how, header) => {
    await track({ idempotency_key: 'head' });
    const again = await track({}, { 'Idempotency-Key': header });
    expect(again.headers.get('Idempotent-Replayed')).toBe('true');
  });

  it('may be given in both places if it is the same', async () => {
    expect((await track({ idempotency_key: 'both' }, { 'Idempotency-Key': '"both"' })).status).toBe(201);
    const differ = await track({ idempotency_key: 'both' }, { 'Idempotency-Key': 'other' });
    expect(differ.status).toBe(422);
    expect(differ.json.error.details.issues).toMatchObject([{ path: 'Idempotency-Key' }]);
  });

  it.each([
    ['empty', ''],
    ['empty in quotes', '""'],
    ['not ASCII', 'caf\u00e9'],
    ['too long', 'k'.repeat(256)],
  ])('in a header must not be %s', async (_what, header) => {
    expect((await track({}, { 'Idempotency-Key': header })).json.error.code).toBe('validation_failed');
  });

  it.each([
    ['empty', ''],
    ['not ASCII', 'café'],
    ['with control characters', 'a\nb'],
    ['too long', 'k'.repeat(256)],
  ])('in a body must not be %s', async (_what, key) => {
    expect((await track({ idempotency_key: key })).json.error.code).toBe('validation_failed');
  });

  it('of another event is refused', async () => {
    await track({ idempotency_key: 'taken' });
    const { status, json } = await track({ idempotency_key: 'taken', quantity: 2 });
    expect([status, json.error.code]).toEqual([422, 'idempotency_key_reused']);
  });

  it('takes the same instant in another spelling for the same timestamp', async () => {
    await track({ idempotency_key: 'when', timestamp: '2026-01-31T09:00:00Z' });
    const again = await track({ idempotency_key: 'when', timestamp: '2026-01-31T10:00:00.000+01:00' });
    expect(again.headers.get('Idempotent-Replayed')).toBe('true');
  });

  it('of a browser never occupies a server’s', async () => {
    await trackAsUser({ idempotency_key: 'shared', quantity: 1 });
    const { status, headers } = await track({ idempotency_key: 'shared', quantity: 2 });
    expect([status, headers.get('Idempotent-Replayed')]).toEqual([201, null]);
  });
});

describe('what tracking refuses', () => {
  beforeAll(async () => {
    acme = await server.newTenant();
    await track({ feature_key: 'events', quantity: '9223372036854775807' });
  });

  it.each<[string, number, Record<string, unknown>]>([
    ['feature_not_found', 404, { feature_key: 'nope' }],
    ['feature_not_found', 404, { feature_key: '__proto__' }],
    ['feature_not_in_plan', 403, { feature_key: 'exports' }],
    ['feature_not_metered', 422, { feature_key: 'sso' }],
    ['quantity_below_precision', 422, { feature_key: 'compute', quantity: 1e-320 }],
    ['quantity_out_of_range', 422, { feature_key: 'events', quantity: 1 }],
    ['quantity_out_of_range', 422, { feature_key: 'events', quantity: 1e308 }],
    ['quantity_out_of_range', 422, { feature_key: 'events', quantity: '9223372036854775808' }],
    ['quantity_out_of_range', 422, { feature_key: 'events', quantity: '1e400' }],
    ['usage_below_zero', 422, { quantity: -1 }],
    ['usage_below_zero', 422, { feature_key: 'seats', quantity: -1, action: 'set' }],
    ['timestamp_out_of_range', 422, { timestamp: '0001-01-01T00:00:00Z' }],
    ['timestamp_out_of_range', 422, { timestamp: '9999-12-31T23:59:59.999Z' }],
    ['validation_failed', 422, { quantity: 0.5 }],
    ['validation_failed', 422, { action: 'set' }],
    ['validation_failed', 422, { feature_key: 'seats', action: 'set', timestamp: '2026-01-31T10:00:00Z' }],
    ['validation_failed', 422, { quantity: 'many' }],
    ['validation_failed', 422, { quantity: null }],
    ['validation_failed', 422, { quantity: true }],
    ['validation_failed', 422, { quantity: [1] }],
    ['validation_failed', 422, { quantity: '9'.repeat(100) }],
    ['validation_failed', 422, { quantity: '1e1000' }],
    ['validation_failed', 422, { timestamp: 'yesterday' }],
    ['validation_failed', 422, { timestamp: '2026-02-30T00:00:00Z' }],
    ['validation_failed', 422, { timestamp: '+275760-09-13T00:00:00Z' }],
    ['validation_failed', 422, { timestamp: 1_770_000_000 }],
    ['validation_failed', 422, { customer_id: '' }],
    ['validation_failed', 422, { customer_id: 'a\u0000b' }],
    ['validation_failed', 422, { customer_id: 'a\ud800b' }],
    ['validation_failed', 422, { customer_id: 'x'.repeat(256) }],
    ['validation_failed', 422, { customer_id: { $ne: null } }],
    ['validation_failed', 422, { metadata: { note: 'x'.repeat(5_000) } }],
    ['validation_failed', 422, { metadata: [] }],
    ['validation_failed', 422, { unknown: 1 }],
    ['validation_failed', 422, { action: 'multiply' }],
  ])('%s (%i) for %j', async (code, expected, body) => {
    const { status, json } = await track(body);
    expect([status, json.error.code]).toEqual([expected, code]);
    if (code === 'validation_failed') expect(json.error.details.issues[0]).toHaveProperty('message');
  });

  it('names the member that is unknown, and records nothing', async () => {
    const { json } = await track({ customer_id: 'nobody', quantityy: 1 });
    expect(json.detail).toContain('quantityy');
    expect((await acme.ask('GET', '/customers/external/nobody')).status).toBe(404);
  });

  it('subscription_not_active while a subscription is incomplete, but takes a decrease', async () => {
    await track({ customer_id: 'unpaid', feature_key: 'seats', quantity: 2 });
    const customer = await acme.ask('GET', '/customers/external/unpaid');
    await acme.ask('PATCH', `/subscriptions/${customer.json.subscription.id}`, { status: 'incomplete' });
    const refused = await track({ customer_id: 'unpaid', feature_key: 'seats' });
    expect([refused.status, refused.json.error.code]).toEqual([403, 'subscription_not_active']);
    expect((await track({ customer_id: 'unpaid', feature_key: 'seats', quantity: -1 })).status).toBe(201);
  });

  it('customer_not_found without a default product', async () => {
    const bare = await server.newTenant({ features: PRICING.features, products: [PRICING.products[1]!] });
    const body = { customer_id: 'user_1', feature_key: 'api_calls', quantity: 1 };
    const { status, json } = await bare.ask('POST', '/v1/usage/track', body);
    expect([status, json.error.code]).toEqual([404, 'customer_not_found']);
  });

  it('our own id where the merchant’s belongs, naming the right one', async () => {
    const customer = await acme.ask('GET', '/customers/external/user_1');
    const { status, json } = await track({ customer_id: customer.json.id });
    expect(status).toBe(422);
    expect(json.detail).toContain('user_1');
  });

  it('takes an id that only looks like ours for the merchant’s', async () => {
    expect((await track({ customer_id: `cus_${'0'.repeat(32)}` })).status).toBe(201);
  });
});

describe('metadata', () => {
  beforeAll(async () => {
    acme = await server.newTenant();
  });

  it('may hold whatever JSON can say', async () => {
    const metadata = { 'lone \ud800': '\u0000', nested: { list: [null, 1e-7, true] }, '': '' };
    expect((await track({ metadata })).status).toBe(201);
    const raw = '{"customer_id":"p","feature_key":"api_calls","quantity":1,"metadata":{"__proto__":{"a":1}}}';
    const { status } = await acme.ask('POST', '/v1/usage/track', raw, { 'Idempotency-Key': 'proto' });
    expect(status).toBe(201);
    expect({}).not.toHaveProperty('a');
    const { text } = await acme.ask('GET', '/v1/usage/events?customer_id=p&idempotency_key=proto');
    expect(text).toContain('"metadata":{"__proto__":{"a":1}}');
  });
});

describe('POST /v1/features/track-usage', () => {
  beforeAll(async () => {
    acme = await server.newTenant();
  });

  it('tracks for the token’s customer', async () => {
    expect((await trackAsUser({ quantity: 3 })).json).toMatchObject({
      quantity: 3,
      usage: { consumed_units: 3 },
    });
  });

  it.each<[string, Record<string, unknown>]>([
    ['a decrease', { quantity: -1 }],
    ['a set', { feature_key: 'seats', action: 'set' }],
  ])('does not take %s', async (_what, body) => {
    expect((await trackAsUser(body)).json.error.code).toBe('validation_failed');
  });

  it('is forbidden to name a customer, in the body or in the query', async () => {
    const inBody = await trackAsUser({ customer_id: 'user_2' });
    const inQuery = await acme.askAsUser('GET', '/v1/features/usage-metrics?customer_id=user_2');
    expect([inBody, inQuery].map(({ status, json }) => [status, json.error.code])).toEqual([
      [403, 'forbidden'],
      [403, 'forbidden'],
    ]);
  });

  it('never lets a timestamp pick the period, however absurd', async () => {
    for (const timestamp of ['0001-01-01T00:00:00Z', '9999-12-31T23:59:59Z', '2025-12-01T00:00:00Z']) {
      const { status, json } = await trackAsUser({ timestamp });
      expect([status, json.usage.period_start]).toEqual([201, '2026-01-31T10:00:00.000Z']);
    }
  });
});

describe('a ledger in trouble', () => {
  beforeAll(async () => {
    acme = await server.newTenant();
  });

  it.each([
    ['overloaded', new LedgerOverloadedError('full')],
    ['store_unavailable', new LedgerUnavailableError('gone')],
  ])('is told as %s, with Retry-After', async (code, error) => {
    const troubled = vi
      .spyOn(server.ledger, 'tenant')
      .mockReturnValue({ ...acme.ledger, track: () => Promise.reject(error) });
    const { status, json, headers } = await track({});
    troubled.mockRestore();
    expect([status, json.error.code, headers.get('Retry-After')]).toEqual([503, code, '1']);
    // Being overloaded is an answer; a store that is away is news.
    expect(server.errors.splice(0)).toEqual(code === 'overloaded' ? [] : [error]);
  });
});
