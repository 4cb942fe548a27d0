import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { DAY_MS, NOW } from '../metering/testing/pricing.ts';
import { startTestServer, type TestServer, type TestTenant } from '../testing/test-server.ts';

let server: TestServer;
let acme: TestTenant;
let customerId: string;

beforeAll(async () => {
  server = await startTestServer();
});
afterAll(() => server.close());
beforeEach(async () => {
  server.clock.now = NOW;
  acme = await server.newTenant();
  await acme.sessionToken();
  customerId = (await acme.ask('GET', '/customers/external/user_1')).json.id;
});
afterEach(() => expect(server.errors).toEqual([]));

const subscribe = (price_id: string, changes: object = {}) =>
  acme.ask('POST', '/subscriptions', { customer_id: customerId, price_id, ...changes });
const patch = (id: string, body: object) => acme.ask('PATCH', `/subscriptions/${id}`, body);

describe('GET /customers/external/{id}', () => {
  it.each(['', '/v1'])('prints the customer, under %j', async (prefix) => {
    const { status, json } = await acme.ask('GET', `${prefix}/customers/external/user_1`);
    expect(status).toBe(200);
    expect(json).toMatchObject({
      id: expect.stringMatching(/^cus_[0-9a-f]{32}$/) as unknown,
      external_user_id: 'user_1',
      external_organization_id: null,
      email: null,
      name: null,
      metadata: {},
      subscription: { customer_id: customerId, price_id: 'price_free', status: 'active' },
      created_at: '2026-01-31T10:00:00.000Z',
    });
  });

  it.each(['a/b', 'ü?#&', 'a%2Fb', '%', '日本語', "'; drop table customer; --", 'x'.repeat(255)])(
    'finds whatever a merchant calls a customer: %s',
    async (externalUserId) => {
      await acme.sessionToken({ externalUserId });
      const { json } = await acme.ask('GET', `/customers/external/${encodeURIComponent(externalUserId)}`);
      expect(json.external_user_id).toBe(externalUserId);
    },
  );

  it.each(['%E0%A4%A', '%', '%zz', '%C0%80', '%ED%A0%80'])(
    'takes the malformed escape %s for a name that nobody has',
    async (path) => {
      expect((await acme.ask('GET', `/customers/external/${path}`)).json.error.code).toBe(
        'customer_not_found',
      );
    },
  );

  it.each(['%00', 'a%0Ab', 'x'.repeat(256)])('refuses the name %s', async (path) => {
    expect((await acme.ask('GET', `/customers/external/${path}`)).json.error.code).toBe('validation_failed');
  });

  it('does not find another tenant’s', async () => {
    const other = await server.newTenant();
    expect((await other.ask('GET', '/customers/external/user_1')).status).toBe(404);
  });
});

describe('POST /subscriptions', () => {
  it.each(['', '/v1'])('replaces the default one, under %j', async (prefix) => {
    const { status, json } = await acme.ask('POST', `${prefix}/subscriptions`, {
      customer_id: customerId,
      price_id: 'price_pro',
      metadata: { order: 7 },
    });
    expect(status).toBe(201);
    expect(json).toEqual({
      id: expect.stringMatching(/^sub_/) as unknown,
      customer_id: customerId,
      product_id: 'pro',
      price_id: 'price_pro',
      status: 'active',
      current_period_start: '2026-01-31T10:00:00.000Z',
      current_period_end: '2026-02-28T10:00:00.000Z',
      cancel_at_period_end: false,
      trial_end: null,
      canceled_at: null,
      metadata: { order: 7 },
      created_at: '2026-01-31T10:00:00.000Z',
      updated_at: '2026-01-31T10:00:00.000Z',
    });
    const customer = await acme.ask('GET', '/customers/external/user_1');
    expect(customer.json.subscription.id).toBe(json.id);
  });

  it('answers the same price again with the same subscription', async () => {
    const first = await subscribe('price_pro');
    const again = await subscribe('price_pro');
    expect([first.status, again.status, again.json.id]).toEqual([201, 200, first.json.id]);
  });

  it('makes one subscription of parallel requests', async () => {
    const replies = await Promise.all(Array.from({ length: 10 }, () => subscribe('price_pro')));
    expect(new Set(replies.map(({ json }) => json.id)).size).toBe(1);
    expect(replies.filter(({ status }) => status === 201)).toHaveLength(1);
  });

  it('refuses another price over an explicit one, naming it', async () => {
    const first = await subscribe('price_pro');
    const { status, json } = await subscribe('price_trial');
    expect([status, json.error.code]).toEqual([409, 'already_exists']);
    expect(json.error.details).toEqual({ subscription_id: first.json.id });
  });

  it.each([
    ['customer_not_found', { customer_id: 'user_1' }],
    ['customer_not_found', { customer_id: `cus_${'0'.repeat(32)}` }],
    ['not_found', { price_id: 'price_nope' }],
  ])('answers %s for %j', async (code, changes) => {
    const { status, json } = await subscribe('price_pro', changes);
    expect([status, json.error.code]).toEqual([404, code]);
  });

  it('does not know another tenant’s customer', async () => {
    const other = await server.newTenant();
    const body = { customer_id: customerId, price_id: 'price_pro' };
    expect((await other.ask('POST', '/subscriptions', body)).json.error.code).toBe('customer_not_found');
  });

  it('raises the limit at once, keeping what was consumed', async () => {
    const track = () =>
      acme.ask('POST', '/v1/usage/track', { customer_id: 'user_1', feature_key: 'api_calls', quantity: 100 });
    await track();
    expect((await track()).status).toBe(402);
    await subscribe('price_pro');
    expect((await track()).json.usage).toMatchObject({ consumed_units: 200, limit_units: 10_000 });
  });

  it('begins a trial, which becomes active by itself', async () => {
    const { json } = await subscribe('price_trial');
    expect(json).toMatchObject({ status: 'trialing', trial_end: new Date(NOW + 14 * DAY_MS).toISOString() });
    server.clock.now = NOW + 14 * DAY_MS;
    expect((await acme.ask('GET', '/customers/external/user_1')).json.subscription.status).toBe('active');
  });
});

describe('PATCH /subscriptions/{id}', () => {
  it('changes price, status and metadata', async () => {
    const { json } = await subscribe('price_pro');
    const patched = await patch(json.id, {
      price_id: 'price_pro_year',
      status: 'past_due',
      metadata: { a: 1 },
    });
    expect(patched.status).toBe(200);
    expect(patched.json).toMatchObject({
      price_id: 'price_pro_year',
      status: 'past_due',
      metadata: { a: 1 },
      current_period_end: '2027-01-31T10:00:00.000Z',
    });
  });

  it('cancels at the end of the period paid for; then the default product applies', async () => {
    const { json } = await subscribe('price_pro');
    expect((await patch(json.id, { cancel_at_period_end: true })).json).toMatchObject({
      status: 'active',
      cancel_at_period_end: true,
      canceled_at: '2026-01-31T10:00:00.000Z',
    });
    server.clock.now = NOW + 28 * DAY_MS;
    const customer = await acme.ask('GET', '/customers/external/user_1');
    expect(customer.json.subscription).toMatchObject({
      status: 'canceled',
      current_period_end: '2026-02-28T10:00:00.000Z',
    });
    const { json: metrics } = await acme.ask('GET', '/v1/usage/metrics?customer_id=user_1');
    expect(metrics.metrics[0]).toMatchObject({ product_name: 'Free', limit: 100 });
  });

  it('cannot bring back what has ended', async () => {
    const { json } = await subscribe('price_pro');
    await patch(json.id, { cancel_at_period_end: true });
    server.clock.now = NOW + 28 * DAY_MS;
    const refused = await patch(json.id, { cancel_at_period_end: false });
    expect([refused.status, refused.json.error.code]).toEqual([409, 'not_reactivatable']);
  });

  it.each(['nope', '%00', 'a%2Fb', '%E0%A4%A', '__proto__', 'x'.repeat(255)])(
    'does not find %s',
    async (id) => {
      expect((await patch(id, {})).json.error.code).toBe('not_found');
    },
  );

  it('does not find another tenant’s, or a price that is not there', async () => {
    const { json } = await subscribe('price_pro');
    const other = await server.newTenant();
    expect((await other.ask('PATCH', `/subscriptions/${json.id}`, {})).json.error.code).toBe('not_found');
    expect((await patch(json.id, { price_id: 'nope' })).json.error.code).toBe('not_found');
  });

  it.each([
    { status: 'canceled' },
    { status: 'trialing' },
    { trial_end: null },
    { cancel_at_period_end: 'yes' },
  ])('refuses %j', async (body) => {
    expect((await patch('any', body)).json.error.code).toBe('validation_failed');
  });
});
