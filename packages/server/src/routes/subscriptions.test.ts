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

const iso = (instant: number) => new Date(instant).toISOString();

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

describe('GET /subscriptions', () => {
  it('lists a customer’s subscriptions, newest first, ended ones too', async () => {
    const [free] = (await acme.ask('GET', `/subscriptions?customer_id=${customerId}`)).json.subscriptions;
    server.clock.now += 1;
    const pro = await subscribe('price_pro');
    const { status, json } = await acme.ask('GET', `/v1/subscriptions?customer_id=${customerId}`);
    expect(status).toBe(200);
    expect(json.subscriptions).toEqual([
      pro.json,
      { ...free, status: 'canceled', canceled_at: iso(NOW + 1), updated_at: iso(NOW + 1) },
    ]);
  });

  it.each(['user_1', `cus_${'0'.repeat(32)}`, '%00'])('does not know the customer %s', async (id) => {
    const { json } = await acme.ask('GET', `/subscriptions?customer_id=${id}`);
    expect(['customer_not_found', 'validation_failed']).toContain(json.error.code);
  });

  it('gives one by its id, to its own tenant only', async () => {
    const { json } = await subscribe('price_pro');
    expect((await acme.ask('GET', `/subscriptions/${json.id}`)).json).toEqual(json);
    const other = await server.newTenant();
    expect((await other.ask('GET', `/subscriptions/${json.id}`)).json.error.code).toBe('not_found');
  });
});

describe('POST /subscriptions/{id}/cancel', () => {
  const cancel = (id: string, body?: object) => acme.ask('POST', `/subscriptions/${id}/cancel`, body);

  it('takes effect at the end of the period paid for', async () => {
    const { json } = await subscribe('price_pro');
    const canceled = await cancel(json.id);
    expect(canceled.json).toMatchObject({ status: 'active', cancel_at_period_end: true });
    server.clock.now = NOW + 28 * DAY_MS;
    expect((await acme.ask('GET', `/subscriptions/${json.id}`)).json).toMatchObject({ status: 'canceled' });
  });

  it('takes effect at once when told to; then the default product applies', async () => {
    const { json } = await subscribe('price_pro');
    server.clock.now = NOW + 1;
    const canceled = await cancel(json.id, { immediately: true });
    expect(canceled.json).toMatchObject({ status: 'canceled', canceled_at: iso(NOW + 1) });
    const { json: metrics } = await acme.ask('GET', '/v1/usage/metrics?customer_id=user_1');
    expect(metrics.metrics[0]).toMatchObject({ product_name: 'Free', limit: 100 });
    expect((await subscribe('price_pro')).status).toBe(201);
  });

  it('is no refill: what was consumed in the running period stays', async () => {
    const { json } = await subscribe('price_pro_year');
    const use = (quantity: number) =>
      acme.ask('POST', '/v1/usage/track', { customer_id: 'user_1', feature_key: 'api_calls', quantity });
    await use(90);
    await cancel(json.id, { immediately: true });
    expect((await use(11)).status).toBe(402);
    expect((await use(10)).status).toBe(201);
  });

  it('asked again changes nothing, also after the end', async () => {
    const { json } = await subscribe('price_pro');
    const first = await cancel(json.id, { immediately: true });
    server.clock.now = NOW + DAY_MS;
    expect(await cancel(json.id, { immediately: true })).toMatchObject({ status: 200, json: first.json });
    expect((await cancel('nope')).json.error.code).toBe('not_found');
    expect((await cancel(json.id, { now: true })).json.error.code).toBe('validation_failed');
  });
});

describe('POST /subscriptions/{id}/reactivate', () => {
  const reactivate = (id: string) => acme.ask('POST', `/subscriptions/${id}/reactivate`);

  it('takes a cancellation back', async () => {
    const { json } = await subscribe('price_pro');
    await acme.ask('POST', `/subscriptions/${json.id}/cancel`);
    const back = await reactivate(json.id);
    expect(back.json).toMatchObject({ status: 'active', cancel_at_period_end: false, canceled_at: null });
    server.clock.now = NOW + 40 * DAY_MS;
    expect((await acme.ask('GET', `/subscriptions/${json.id}`)).json).toMatchObject({ status: 'active' });
  });

  it('comes too late after the end', async () => {
    const { json } = await subscribe('price_pro');
    await acme.ask('POST', `/subscriptions/${json.id}/cancel`, { immediately: true });
    const refused = await reactivate(json.id);
    expect([refused.status, refused.json.error.code]).toEqual([409, 'not_reactivatable']);
  });
});

describe('seats', () => {
  const seats = async (quantity: number, action = 'add') => {
    const body = { customer_id: 'user_1', feature_key: 'seats', quantity, action };
    const { status, json } = await acme.ask('POST', '/v1/usage/track', body);
    return status === 201 ? json.usage.consumed_units : json.error.code;
  };

  it('stay counted through every change of plan, and can always be given back', async () => {
    const { json } = await subscribe('price_pro');
    expect(await seats(10)).toBe(10);
    await acme.ask('POST', `/subscriptions/${json.id}/cancel`, { immediately: true });
    expect(await seats(-1)).toBe(9);
    expect(await seats(1)).toBe('quota_exceeded');
    expect(await seats(7, 'set')).toBe(7);
    expect(await seats(8, 'set')).toBe('quota_exceeded');
    await subscribe('price_pro');
    expect(await seats(1)).toBe(8);
    expect(await seats(0, 'set')).toBe(0);
  });
});
