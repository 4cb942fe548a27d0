import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { NOW, PRICING } from '../metering/testing/pricing.ts';
import { startTestServer, type TestServer, type TestTenant } from '../testing/test-server.ts';

let server: TestServer;
let acme: TestTenant;

beforeAll(async () => {
  server = await startTestServer();
});
afterAll(() => server.close());
beforeEach(async () => {
  acme = await server.newTenant();
});
afterEach(() => {
  server.clock.now = NOW;
  expect(server.errors).toEqual([]);
});

const put = (document: unknown) => acme.ask('PUT', '/v1/catalog', document);

describe('the catalog over HTTP', () => {
  it('is empty at first', async () => {
    const fresh = await server.newTenant({ features: [], products: [] });
    expect((await fresh.ask('GET', '/v1/catalog')).json).toEqual({ features: [], products: [] });
  });

  it('comes back as it was put', async () => {
    expect((await acme.ask('GET', '/v1/catalog')).json).toEqual(PRICING);
    expect((await put(PRICING)).json).toEqual(PRICING);
  });

  it('does not move the revision when the same is put again', async () => {
    await put(PRICING);
    const { json } = await acme.ask('GET', '/v1/usage/metrics?customer_id=user_1');
    expect(json.metrics[0]?.revision).toBe(2);
  });

  it('takes effect at once', async () => {
    await put({
      ...PRICING,
      products: [{ ...PRICING.products[0]!, features: [{ feature: 'seats', limit: 7 }] }],
    });
    const { json } = await acme.ask('GET', '/v1/usage/metrics?customer_id=user_1');
    expect(json.metrics).toMatchObject([{ feature_key: 'seats', limit: 7, revision: 4 }]);
  });

  it('refuses what removes something in use, naming it, and changes nothing', async () => {
    await acme.ask('POST', '/v1/usage/track', { customer_id: 'u', feature_key: 'api_calls', quantity: 1 });
    const { status, json } = await put({ features: [], products: [] });
    expect([status, json.error.code]).toEqual([409, 'catalog_in_use']);
    expect(json.error.details.in_use).toEqual(['feature api_calls', 'price price_free']);
    expect((await acme.ask('GET', '/v1/catalog')).json).toEqual(PRICING);
  });

  it('names what is not valid, where it is', async () => {
    const { status, json } = await put({ features: [], products: PRICING.products });
    expect([status, json.error.code]).toEqual([422, 'validation_failed']);
    expect(json.error.details.issues[0]).toEqual({
      path: 'products.0.features.0.feature',
      message: 'there is no feature "api_calls"',
    });
  });

  it.each<[string, unknown]>([
    ['nothing', undefined],
    ['a list', []],
    ['null', null],
    [
      'a product without a price',
      { features: [], products: [{ id: 'a', name: 'A', prices: [], features: [] }] },
    ],
    ['a feature of an unknown type', { features: [{ key: 'a', title: 'A', type: 'magic' }], products: [] }],
    [
      '13 decimals',
      { features: [{ key: 'a', title: 'A', type: 'usage_quota', decimals: 13 }], products: [] },
    ],
    ['an unknown member', { features: [], products: [], extra: 1 }],
  ])('refuses %s', async (_what, document) => {
    expect((await put(document)).json.error.code).toBe('validation_failed');
  });

  it('takes hundreds of features, and refuses thousands with a short answer', async () => {
    const features = (count: number) =>
      Array.from({ length: count }, (_, index) => ({ key: `f${index}`, title: 'F', type: 'usage_quota' }));
    expect((await put({ ...PRICING, features: [...PRICING.features, ...features(490)] })).status).toBe(200);
    const refused = await put({ features: features(10_000), products: [] });
    expect(refused.status).toBe(422);
    const wrong = await put({ features: Array.from({ length: 100_000 }, () => 1), products: [] });
    expect(wrong.status).toBe(422);
    expect(wrong.text.length).toBeLessThan(10_000);
  });

  it('is bounded by its size', async () => {
    expect((await put(`"${'x'.repeat(1024 * 1024)}"`)).json.error.code).toBe('payload_too_large');
  });

  it('takes feature keys that are names of JavaScript’s own', async () => {
    const names = ['__proto__', 'constructor', 'toString', 'snapshot', '.', '..'];
    const features = names.map((key) => ({ key, title: key, type: 'usage_quota', decimals: 0 }));
    const product = { ...PRICING.products[0]!, features: names.map((feature) => ({ feature, limit: 5 })) };
    acme = await server.newTenant({ features: [], products: [] });
    expect((await put({ features, products: [product] })).status).toBe(200);
    for (const feature_key of names) {
      const body = { customer_id: 'u', feature_key, quantity: 5, idempotency_key: feature_key };
      expect((await acme.ask('POST', '/v1/usage/track', body)).status).toBe(201);
    }
    const { json } = await acme.ask('GET', '/v1/usage/metrics?customer_id=u');
    expect(json.metrics.map((metric) => metric.consumed)).toEqual(names.map(() => 5));
  });
});

describe('GET /v1/products', () => {
  const products = async (query = '') => (await acme.askAsUser('GET', `/v1/products${query}`)).json;

  it('prints products for those who choose, unlimited as -1', async () => {
    const { products: all } = await products();
    expect(all.map(({ id }) => id)).toEqual(['free', 'pro', 'trial']);
    expect(all[0]).toMatchObject({
      id: 'free',
      name: 'Free',
      description: null,
      prices: [{ id: 'price_free', amount: 0, currency: 'usd', interval: 'month', intervalCount: 1 }],
      isCurrentPlan: true,
      trialDays: 0,
      highlighted: false,
    });
    expect(all[0]?.features).toContainEqual({
      id: 'events',
      name: 'events',
      title: 'Events',
      type: 'usage_quota',
      properties: { limit: -1, period: 'month' },
    });
    expect(all[0]?.features).toContainEqual({
      id: 'seats',
      name: 'seats',
      title: 'Seats',
      type: 'numeric_limit',
      properties: { limit: 5, unit: 'seat' },
    });
    expect(all[1]?.features).toContainEqual({
      id: 'sso',
      name: 'sso',
      title: 'Single sign-on',
      type: 'boolean_flag',
      properties: {},
    });
  });

  it('names the present subscription', async () => {
    expect((await products()).currentSubscription).toMatchObject({
      id: expect.stringMatching(/^sub_/) as unknown,
      productId: 'free',
      priceId: 'price_free',
      status: 'active',
      currentPeriodEnd: '2026-02-28T10:00:00.000Z',
      cancelAtPeriodEnd: false,
      interval: 'month',
      amount: 0,
    });
  });

  it('can be asked for some, and ignores ids that are not there', async () => {
    const { products: some } = await products('?planIds=pro,%20nope,');
    expect(some.map(({ id }) => id)).toEqual(['pro']);
  });
});
