import { BillingOS } from '@billingos/node';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import {
  startTestServer,
  type TestServer,
  type TestTenant,
} from '../packages/server/src/testing/test-server.ts';

/** Every method of the Node SDK, as it is published, against the real API on a real store. */

let server: TestServer;
let tenant: TestTenant;
let billing: BillingOS;
beforeAll(async () => {
  server = await startTestServer();
  tenant = await server.newTenant();
  billing = new BillingOS({ secretKey: tenant.secretKey, apiUrl: server.url });
  return () => server.close();
});
// Whatever a call does, no error may be one that the contract does not know.
afterAll(() => expect(server.errors).toEqual([]));

const usage = (customerId: string, idempotencyKey?: string) => ({
  ...{ customerId, featureKey: 'api_calls', quantity: 1 },
  idempotencyKey,
});

describe('usage', () => {
  test('is tracked, checked and read', async () => {
    expect(await billing.trackUsage(usage('usage'))).toMatchObject({ usage: { consumed_units: 1 } });
    expect(await billing.checkEntitlement('usage', 'api_calls', 100)).toMatchObject({ has_access: false });
    const { metrics } = await billing.getUsageMetrics('usage', 'api_calls');
    expect(metrics).toMatchObject([{ feature_key: 'api_calls', consumed: 1, remaining: 99 }]);
  });

  test('past the limit is refused with what was used', async () => {
    const error = billing.trackUsage({ ...usage('full'), quantity: 101 });
    await expect(error).rejects.toMatchObject({ name: 'QuotaExceededError', usage: { consumed_units: 0 } });
  });

  test('is looked up by its key', async () => {
    await billing.trackUsage(usage('lookup', 'counted'));
    expect(await billing.getUsageEvent('lookup', 'counted')).toMatchObject({
      outcome: 'recorded',
      event: { customer_id: 'lookup', quantity: 1 },
    });
    expect(await billing.getUsageEvent('lookup', 'never sent')).toEqual({ outcome: 'unknown' });
  });

  test('in a batch of more than one request has a result for each event', async () => {
    const events = Array.from({ length: 2_100 }, (_, n) => ({
      ...usage('batch', `b-${n % 2_050}`),
      featureKey: 'events',
    }));
    const { results, summary } = await billing.trackUsageBatch([usage('batch'), ...events]);
    expect(summary).toEqual({ recorded: 2_051, duplicate: 50, rejected: 0, invalid: 0 });
    expect(results.map(({ index }) => index)).toEqual(Array.from({ length: 2_101 }, (_, n) => n));
  });

  test('in a batch is not spoiled by metadata that the API will not read', async () => {
    let nested: Record<string, unknown> = {};
    for (let depth = 0; depth < 40; depth += 1) nested = { nested };
    const { results } = await billing.trackUsageBatch([
      usage('nested'),
      { ...usage('nested'), metadata: nested },
      usage('nested'),
    ]);
    expect(results.map(({ outcome }) => outcome)).toEqual(['recorded', 'invalid', 'recorded']);
  });
});

describe('a session token', () => {
  test('is revoked, and revoked once more', async () => {
    const { sessionToken, tokenId } = await billing.createSessionToken({ externalUserId: 'session' });
    const read = () =>
      fetch(`${server.url}/v1/features/usage-metrics`, {
        headers: { Authorization: `Bearer ${sessionToken}` },
      });
    expect((await read()).status).toBe(200);
    await billing.revokeSessionToken(tokenId);
    await billing.revokeSessionToken(tokenId);
    server.clock.now += 5_000;
    expect((await read()).status).toBe(401);
  });
});

describe('a customer', () => {
  test('is made, found by either id, changed and deleted', async () => {
    const made = await billing.createCustomer({ externalUserId: 'a/b c', email: 'ada@example.com' });
    expect(made).toMatchObject({ externalUserId: 'a/b c', email: 'ada@example.com', name: null });
    expect(made.createdAt).toBeInstanceOf(Date);
    expect(await billing.getCustomer(made.id)).toEqual(made);
    expect(await billing.getCustomerByExternalId('a/b c')).toEqual(made);
    const changed = await billing.updateCustomer(made.id, { email: null, name: 'Ada', metadata: { crm: 1 } });
    expect(changed).toMatchObject({ email: null, name: 'Ada', metadata: { crm: 1 } });
    await billing.deleteCustomer(made.id);
    await expect(billing.getCustomer(made.id)).rejects.toMatchObject({ name: 'NotFoundError' });
  });

  test('who exists and differs is a conflict that names them', async () => {
    const { id } = await billing.createCustomer({ externalUserId: 'twice', name: 'One' });
    await expect(billing.createCustomer({ externalUserId: 'twice', name: 'Two' })).rejects.toMatchObject({
      name: 'ConflictError',
      details: { customer_id: id },
    });
  });
});

describe('a subscription', () => {
  test('is made, found, changed, canceled and reactivated', async () => {
    const customer = await billing.createCustomer({ externalUserId: 'subscriber' });
    const made = await billing.createSubscription({ customerId: customer.id, priceId: 'price_pro' });
    expect(made).toMatchObject({
      customerId: customer.id,
      productId: 'pro',
      status: 'active',
      trialEnd: null,
    });
    expect(made.currentPeriodEnd.getTime()).toBeGreaterThan(made.currentPeriodStart.getTime());
    expect(await billing.getSubscription(made.id)).toEqual(made);
    expect((await billing.listSubscriptions(customer.id))[0]).toEqual(made);
    const changed = await billing.updateSubscription(made.id, { metadata: { seat: 1 } });
    expect(changed.metadata).toEqual({ seat: 1 });
    expect((await billing.cancelSubscription(made.id)).cancelAtPeriodEnd).toBe(true);
    expect((await billing.reactivateSubscription(made.id)).cancelAtPeriodEnd).toBe(false);
  });

  test('that has ended is not reactivated', async () => {
    const customer = await billing.createCustomer({ externalUserId: 'gone' });
    const { id } = await billing.createSubscription({ customerId: customer.id, priceId: 'price_pro' });
    const ended = await billing.cancelSubscription(id, { immediately: true });
    expect(ended.status).toBe('canceled');
    expect(ended.canceledAt).toBeInstanceOf(Date);
    await expect(billing.reactivateSubscription(id)).rejects.toMatchObject({ code: 'not_reactivatable' });
  });
});
