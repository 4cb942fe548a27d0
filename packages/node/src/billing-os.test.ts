import { inspect } from 'node:util';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { drop, json, problem, ScriptedServer } from '../../../src/client/testing/scripted-server.ts';
import { BillingOS } from './billing-os.ts';

const T0 = '2026-02-03T00:00:00.000Z';
const SUBSCRIPTION = {
  id: 'sub_1',
  customer_id: 'cus_1',
  product_id: 'starter',
  price_id: 'price_1',
  status: 'active',
  current_period_start: T0,
  current_period_end: '2026-03-03T00:00:00.000Z',
  cancel_at_period_end: false,
  trial_end: null,
  canceled_at: null,
  metadata: { a: 1 },
  created_at: T0,
  updated_at: T0,
};

let server: ScriptedServer;
let billing: BillingOS;
beforeEach(async () => {
  vi.unstubAllEnvs();
  server = await ScriptedServer.start();
  billing = new BillingOS({ secretKey: 'sk_test_x', apiUrl: server.url, maxRetries: 0 });
});
afterEach(async () => {
  vi.unstubAllEnvs();
  vi.unstubAllGlobals();
  await server.stop();
});

const sentBody = () => JSON.parse(server.requests[0]!.body) as unknown;

describe('setting up', () => {
  it('refuses a key that is no secret key', () => {
    expect(() => new BillingOS({ secretKey: 'pk_test_x' })).toThrow('sk_test_');
  });

  it.each(['sk_test_…', 'sk_test_ x', 'sk_test_x\n', 'sk_test_🔑'])(
    'refuses what no header carries: %j',
    (secretKey) => {
      const [stray] = /[^\w]/u.exec(secretKey)!;
      expect(() => new BillingOS({ secretKey })).toThrow(
        expect.objectContaining({
          name: 'ConfigurationError',
          message: `The secret key contains ${JSON.stringify(stray)}; is it a placeholder?`,
        }),
      );
    },
  );

  it("refuses a placeholder among the environment's at the first call, and sends nothing", async () => {
    vi.stubEnv('BILLINGOS_SECRET_KEY', 'sk_test_…');
    const call = new BillingOS({ apiUrl: server.url }).getUsageMetrics('user_123');
    await expect(call).rejects.toMatchObject({ name: 'ConfigurationError', retryable: false });
    expect(server.requests).toEqual([]);
  });

  it('refuses a browser', () => {
    vi.stubGlobal('window', {});
    vi.stubGlobal('document', {});
    expect(() => new BillingOS({ secretKey: 'sk_test_x' })).toThrow('browser');
  });

  it('leaves a missing key to the first call', async () => {
    vi.stubEnv('BILLINGOS_SECRET_KEY', '');
    const keyless = new BillingOS({ apiUrl: server.url });
    await expect(keyless.getUsageMetrics('user_123')).rejects.toThrow('BILLINGOS_SECRET_KEY');
    expect(server.requests).toEqual([]);
  });

  it('sends nothing when nobody named the API', async () => {
    vi.stubEnv('BILLINGOS_API_URL', '');
    const lost = new BillingOS({ secretKey: 'sk_test_x' });
    await expect(lost.getUsageMetrics('user_123')).rejects.toThrow('BILLINGOS_API_URL');
  });

  it('reads key and URL from the environment', async () => {
    vi.stubEnv('BILLINGOS_SECRET_KEY', 'sk_test_env');
    vi.stubEnv('BILLINGOS_API_URL', server.url);
    server.script(json(200, {}));
    await new BillingOS().getUsageMetrics('user_123');
    expect(server.requests[0]?.headers.authorization).toBe('Bearer sk_test_env');
  });

  it('does not show the key when it is printed', () => {
    expect(inspect(billing, { depth: 9 }) + JSON.stringify(billing)).not.toContain('sk_test_x');
  });
});

describe('usage', () => {
  it('is tracked as the wire contract says', async () => {
    server.script(json(201, { success: true }));
    const reply = await billing.trackUsage({
      customerId: 'user_123',
      featureKey: 'seats',
      quantity: 3,
      idempotencyKey: 'request-1',
      action: 'set',
      timestamp: new Date(T0),
    });
    expect(reply).toEqual({ success: true });
    expect(server.requests[0]).toMatchObject({ method: 'POST', url: '/v1/usage/track' });
    expect(sentBody()).toEqual({
      customer_id: 'user_123',
      feature_key: 'seats',
      quantity: 3,
      idempotency_key: 'request-1',
      action: 'set',
      timestamp: T0,
    });
  });

  it('may be taken back', async () => {
    server.script(json(201, { success: true }));
    await billing.trackUsage({ customerId: 'user_123', featureKey: 'seats', quantity: -1 });
    expect(sentBody()).toMatchObject({ quantity: -1 });
  });

  it('of unknown outcome rejects with the key that was made for it', async () => {
    server.script(drop);
    const result = billing.trackUsage({ customerId: 'user_123', featureKey: 'api_calls', quantity: 1 });
    const error = await result.catch((reason: unknown) => reason);
    expect(error).toMatchObject({ name: 'NetworkError' });
    expect((error as { idempotencyKey: string }).idempotencyKey).toBe(
      (sentBody() as { idempotency_key: string }).idempotency_key,
    );
  });

  it('is checked for a quantity', async () => {
    server.script(json(200, { has_access: false }));
    expect(await billing.checkEntitlement('user_123', 'api_calls', 5)).toEqual({ has_access: false });
    expect(server.requests[0]?.url).toBe(
      '/v1/usage/check?customer_id=user_123&feature_key=api_calls&quantity=5',
    );
  });

  it('is read for one feature', async () => {
    server.script(json(200, { metrics: [] }));
    await billing.getUsageMetrics('user_123', 'api_calls');
    expect(server.requests[0]?.url).toBe('/v1/usage/metrics?customer_id=user_123&feature_key=api_calls');
  });
});

describe('a session token', () => {
  it('comes with a date', async () => {
    server.script(
      json(201, { sessionToken: 's', expiresAt: T0, tokenId: 't', allowedOperations: ['read_usage'] }),
    );
    expect(await billing.createSessionToken({ externalUserId: 'user_123', expiresIn: 60 })).toEqual({
      sessionToken: 's',
      expiresAt: new Date(T0),
      tokenId: 't',
      allowedOperations: ['read_usage'],
    });
    expect(sentBody()).toEqual({ externalUserId: 'user_123', expiresIn: 60 });
  });

  it('is refused where the API does not know what it should allow', async () => {
    server.script(
      json(201, { sessionToken: 's', expiresAt: T0, tokenId: 't', allowedOperations: ['read_usage'] }),
    );
    const allowedOperations = ['read_usage', 'read_usages'];
    await expect(
      billing.createSessionToken({ externalUserId: 'user_123', allowedOperations }),
    ).rejects.toMatchObject({
      name: 'ValidationError',
      code: 'validation_failed',
      message: expect.stringContaining('"read_usages"') as string,
      details: { unknown: ['read_usages'] },
    });
  });
});

describe('customers and subscriptions', () => {
  it('are found by the id of the merchant, in camelCase with dates', async () => {
    const customer = {
      id: 'cus_1',
      external_user_id: 'a/b',
      external_organization_id: null,
      email: null,
      name: null,
    };
    server.script(
      json(200, { ...customer, metadata: {}, subscription: SUBSCRIPTION, created_at: T0, updated_at: T0 }),
    );
    expect(await billing.getCustomerByExternalId('a/b')).toMatchObject({
      id: 'cus_1',
      externalUserId: 'a/b',
      createdAt: new Date(T0),
      subscription: { priceId: 'price_1', currentPeriodStart: new Date(T0), trialEnd: null },
    });
    expect(server.requests[0]?.url).toBe('/v1/customers/external/a%2Fb');
  });

  it('say that there is none', async () => {
    server.script(problem(404, 'not_found'));
    await expect(billing.getCustomerByExternalId('x')).rejects.toMatchObject({ name: 'NotFoundError' });
  });

  it('are made', async () => {
    server.script(json(201, SUBSCRIPTION));
    const made = await billing.createSubscription({ customerId: 'cus_1', priceId: 'price_1' });
    expect(made).toMatchObject({ id: 'sub_1', cancelAtPeriodEnd: false, metadata: { a: 1 } });
    expect(server.requests[0]).toMatchObject({ method: 'POST', url: '/v1/subscriptions' });
    expect(sentBody()).toEqual({ customer_id: 'cus_1', price_id: 'price_1' });
  });

  it('are changed', async () => {
    server.script(json(200, SUBSCRIPTION));
    await billing.updateSubscription('sub_1', { priceId: 'price_2', cancelAtPeriodEnd: true });
    expect(server.requests[0]).toMatchObject({ method: 'PATCH', url: '/v1/subscriptions/sub_1' });
    expect(sentBody()).toEqual({ price_id: 'price_2', cancel_at_period_end: true });
  });
});
