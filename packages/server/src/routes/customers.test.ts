import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { NOW, PRICING } from '../metering/testing/pricing.ts';
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

describe('POST /customers', () => {
  const create = (body: object) => acme.ask('POST', '/customers', body);

  it.each(['', '/v1'])('creates a customer with what is known of them, under %j', async (prefix) => {
    const body = {
      external_user_id: 'user_2',
      external_organization_id: 'org_1',
      email: 'a@example.com',
      name: 'Ada',
      metadata: { crm: 7 },
    };
    const { status, json } = await acme.ask('POST', `${prefix}/customers`, body);
    expect(status).toBe(201);
    expect(json).toMatchObject({ ...body, subscription: { price_id: 'price_free' } });
    expect((await acme.ask('GET', `${prefix}/customers/${json.id}`)).json).toEqual(json);
  });

  it('merges with one that first sight had made', async () => {
    const { status, json } = await create({ external_user_id: 'user_1', email: 'a@example.com' });
    expect([status, json.id]).toEqual([200, customerId]);
    expect(json).toMatchObject({ email: 'a@example.com', name: null });
  });

  it('answers the same again with the same customer, and refuses what differs, naming it', async () => {
    const body = { external_user_id: 'user_2', metadata: { a: 1, b: [{ c: 2 }] } };
    const first = await create(body);
    const reordered = { metadata: { b: [{ c: 2 }], a: 1 }, external_user_id: 'user_2' };
    expect(await create(reordered)).toMatchObject({ status: 200, json: { id: first.json.id } });
    const { status, json } = await create({ external_user_id: 'user_2', name: 'Eve' });
    expect([status, json.error.code]).toEqual([409, 'already_exists']);
    expect(json.error.details).toEqual({ customer_id: first.json.id });
  });

  it('makes one customer of parallel requests', async () => {
    const replies = await Promise.all(
      Array.from({ length: 10 }, () => create({ external_user_id: 'crowd', name: 'All' })),
    );
    expect(replies.map(({ status }) => status).sort()).toEqual([...Array<number>(9).fill(200), 201]);
    expect(new Set(replies.map(({ json }) => json.id)).size).toBe(1);
  });

  it('makes one without a plan where there is no default product', async () => {
    acme = await server.newTenant({ features: PRICING.features, products: [PRICING.products[1]!] });
    expect((await create({ external_user_id: 'user_1' })).json.subscription).toBeNull();
    const track = { customer_id: 'user_1', feature_key: 'api_calls', quantity: 1 };
    const { json } = await acme.ask('POST', '/v1/usage/track', track);
    expect(json.error.code).toBe('no_active_subscription');
  });

  it.each([
    {},
    { external_user_id: '' },
    { external_user_id: 7 },
    { external_user_id: 'a\nb' },
    { external_user_id: 'user_2', email: '\ud800' },
    { external_user_id: 'user_2', metadata: 'x' },
    { external_user_id: 'user_2', metadata: { text: 'x'.repeat(5_000) } },
    { external_user_id: 'user_2', metadata: { ['x'.repeat(256)]: 1 } },
    { external_user_id: 'user\0' },
    { external_user_id: 'user_2', name: 'a\0b' },
    { external_user_id: 'user_2', id: 'cus_1' },
  ])('refuses %j', async (body) => {
    expect((await create(body)).json.error.code).toBe('validation_failed');
  });

  it('keeps every member of the metadata, whatever its name', async () => {
    const raw = '{"external_user_id":"user_2","metadata":{"__proto__":{"a":1},"constructor":2}}';
    const { status, json } = await acme.ask('POST', '/customers', raw);
    expect(status).toBe(201);
    const { text } = await acme.ask('GET', `/customers/${json.id}`);
    expect(text).toContain('"metadata":{"__proto__":{"a":1},"constructor":2}');
    expect((await acme.ask('POST', '/customers', raw)).status).toBe(200);
  });

  it('refuses a member that there is not, whatever its name', async () => {
    const { status } = await acme.ask(
      'POST',
      '/customers',
      '{"external_user_id":"user_2","__proto__":{"a":1}}',
    );
    expect(status).toBe(422);
  });

  it('refuses one of our own ids for the merchant’s', async () => {
    const { json } = await create({ external_user_id: customerId });
    expect(json.error.details.issues[0]?.path).toBe('external_user_id');
  });
});

describe('PATCH /customers/{id}', () => {
  const patch = (id: string, body: object) => acme.ask('PATCH', `/customers/${id}`, body);

  it('changes what is given, clears what is null and leaves the rest', async () => {
    await patch(customerId, { email: 'a@example.com', name: 'Ada', metadata: { a: 1 } });
    server.clock.now = NOW + 1;
    const { status, json } = await patch(customerId, { name: null, external_organization_id: 'org_1' });
    expect(status).toBe(200);
    expect(json).toMatchObject({
      email: 'a@example.com',
      name: null,
      external_organization_id: 'org_1',
      metadata: { a: 1 },
      updated_at: '2026-01-31T10:00:00.001Z',
    });
    expect((await acme.ask('GET', `/customers/${customerId}`)).json).toEqual(json);
  });

  it('does not find another tenant’s, or nobody’s', async () => {
    const other = await server.newTenant();
    const replies = await Promise.all([
      other.ask('PATCH', `/customers/${customerId}`, {}),
      other.ask('GET', `/customers/${customerId}`),
      other.ask('DELETE', `/customers/${customerId}`),
      patch('nope', {}),
      patch('%00', {}),
    ]);
    expect(replies.map(({ status, json }) => [status, json.error.code])).toEqual(
      replies.map(() => [404, 'not_found']),
    );
  });

  it('does not change the external id', async () => {
    expect((await patch(customerId, { external_user_id: 'x' })).json.error.code).toBe('validation_failed');
  });
});

describe('DELETE /customers/{id}', () => {
  const remove = () => acme.ask('DELETE', `/customers/${customerId}`);
  const track = (changes: object = {}) =>
    acme.ask('POST', '/v1/usage/track', {
      customer_id: 'user_1',
      feature_key: 'seats',
      quantity: 1,
      ...changes,
    });

  it('forgets the customer', async () => {
    expect((await remove()).json).toEqual({ id: customerId, deleted: true });
    const replies = await Promise.all([
      acme.ask('GET', `/customers/${customerId}`),
      acme.ask('GET', '/customers/external/user_1'),
      acme.ask('GET', `/subscriptions?customer_id=${customerId}`),
      acme.ask('POST', '/subscriptions', { customer_id: customerId, price_id: 'price_pro' }),
      remove(),
    ]);
    expect(replies.map(({ status }) => status)).toEqual(replies.map(() => 404));
  });

  it('lets neither usage nor a read bring them back', async () => {
    await remove();
    const replies = await Promise.all([
      track(),
      track({ customer_id: customerId }),
      acme.ask('GET', '/v1/usage/metrics?customer_id=user_1'),
      acme.ask('GET', '/v1/usage/stream?customer_id=user_1'),
      acme.ask('GET', '/v1/usage/events?customer_id=user_1&idempotency_key=k'),
      acme.ask('POST', '/v1/session-tokens', { externalUserId: 'user_1' }),
    ]);
    expect(replies.map(({ status, json }) => [status, json.error.code])).toEqual(
      replies.map(() => [404, 'customer_not_found']),
    );
    const check = await acme.ask('GET', '/v1/usage/check?customer_id=user_1&feature_key=seats');
    expect(check.json).toMatchObject({ has_access: false, reason: 'customer_not_found' });
    const batch = await acme.ask('POST', '/v1/usage/batch', {
      events: [
        { customer_id: 'user_1', feature_key: 'seats', quantity: 1 },
        { customer_id: 'user_9', feature_key: 'seats', quantity: 1 },
      ],
    });
    expect(batch.json).toMatchObject({ summary: { recorded: 1, invalid: 1 } });
  });

  it('ends the plan, so that its price is in use no more', async () => {
    await acme.ask('POST', '/subscriptions', { customer_id: customerId, price_id: 'price_pro' });
    await remove();
    const products = PRICING.products.filter(({ id }) => id !== 'pro');
    expect((await acme.ask('PUT', '/v1/catalog', { ...PRICING, products })).status).toBe(200);
  });

  it('gives the id to a new customer when one is created', async () => {
    await track({ quantity: 5, idempotency_key: 'k' });
    await remove();
    const { status, json } = await acme.ask('POST', '/customers', { external_user_id: 'user_1' });
    expect(status).toBe(201);
    expect(json.id).not.toBe(customerId);
    expect((await track({ quantity: 5, idempotency_key: 'k' })).json.usage.consumed_units).toBe(5);
    await acme.ask('DELETE', `/customers/${json.id}`);
    expect((await acme.ask('POST', '/customers', { external_user_id: 'user_1' })).status).toBe(201);
  });
});
