import { expect, it } from 'vitest';
import type { TestReply } from '../../packages/server/src/testing/test-server.ts';
import { PRICING } from './support/pricing.ts';
import { describeServers } from './support/stores.ts';

/** What is held and not used up outlives every plan; and a browser is not trusted with what only a server may do. */

const DAY_MS = 86_400_000;
const HOUR_MS = 3_600_000;

describeServers(PRICING, (context) => {
  it('seats beyond a smaller plan can be given back, and none be added', async () => {
    const customer = await fullSeats('shrinks');
    await changePlan(customer, 'team_quarter');
    expect(outcomeOf(await seats('shrinks', { quantity: 1 }))).toBe('402 quota_exceeded');
    expect(outcomeOf(await seats('shrinks', { quantity: -1 }))).toBe('9 of 5');
    expect(outcomeOf(await seats('shrinks', { quantity: 10, action: 'set' }))).toBe('402 quota_exceeded');
    expect(outcomeOf(await seats('shrinks', { quantity: 7, action: 'set' }))).toBe('7 of 5');
    expect(outcomeOf(await seats('shrinks', { quantity: 0, action: 'set' }))).toBe('0 of 5');
    expect(outcomeOf(await seats('shrinks', { quantity: -1 }))).toBe('422 usage_below_zero');
    expect(outcomeOf(await seats('shrinks', { quantity: 5, action: 'set' }))).toBe('5 of 5');
  });

  it('seats are still counted after the plan has ended, and on the next one', async () => {
    const customer = await fullSeats('returns');
    const { json } = await ask('POST', '/subscriptions', { customer_id: customer, price_id: 'pro_month' });
    expect((await ask('POST', `/subscriptions/${json.id}/cancel`, { immediately: true })).status).toBe(200);
    expect(outcomeOf(await seats('returns', { quantity: 1 }))).toBe('402 quota_exceeded');
    const again = await ask('POST', '/subscriptions', { customer_id: customer, price_id: 'pro_month' });
    expect(again.status).toBe(201);
    expect(outcomeOf(await seats('returns', { quantity: 1 }))).toBe('11 of 25');
  });

  it('a browser cannot charge another period than the present one', async () => {
    const token = await context.tenant.sessionToken({ externalUserId: 'browser' });
    await asBrowser(token, { quantity: 1 });
    context.server.clock.now += 32 * DAY_MS;
    const { now } = context.server.clock;
    const fresh = await context.tenant.sessionToken({ externalUserId: 'browser' });
    for (const [index, instant] of [now - 32 * DAY_MS, now - 90 * DAY_MS, now + HOUR_MS].entries()) {
      const timestamp = new Date(instant).toISOString();
      const { status, json } = await asBrowser(fresh, { quantity: 1, timestamp });
      expect(status).toBe(201);
      expect(json.usage.consumed_units).toBe(index + 1);
      expect(Date.parse(json.usage.period_start)).toBeGreaterThan(now - 32 * DAY_MS);
    }
  });

  it('a browser cannot occupy a server’s idempotency key', async () => {
    const token = await context.tenant.sessionToken({ externalUserId: 'occupied' });
    const idempotency_key = 'invoice-1';
    const first = await asBrowser(token, { quantity: 1, idempotency_key });
    const server = { customer_id: 'occupied', feature_key: 'calls', quantity: 5, idempotency_key };
    const second = await ask('POST', '/v1/usage/track', server);
    expect([first, second].map(outcomeOf)).toEqual(['1 of 30', '6 of 30']);
    const replays = [
      await asBrowser(token, { quantity: 1, idempotency_key }),
      await ask('POST', '/v1/usage/track', server),
    ];
    expect(replays.map(({ text }) => text)).toEqual([first.text, second.text]);
  });

  it.each(['set', 'negative'] as const)('a browser cannot send a %s amount', async (kind) => {
    const token = await context.tenant.sessionToken({ externalUserId: 'browser' });
    const event = kind === 'set' ? { quantity: 0, action: 'set' } : { quantity: -1 };
    expect(outcomeOf(await asBrowser(token, event))).toBe('422 validation_failed');
  });

  const ask: typeof context.tenant.ask = (...args) => context.tenant.ask(...args);

  function seats(customer_id: string, event: object): Promise<TestReply> {
    return ask('POST', '/v1/usage/track', { customer_id, feature_key: 'seats', ...event });
  }

  /** A customer of ours with 10 of 10 seats used. */
  async function fullSeats(externalId: string): Promise<string> {
    expect(outcomeOf(await seats(externalId, { quantity: 10 }))).toBe('10 of 10');
    const customer = await context.tenant.ledger.customerByExternalId(externalId);
    return customer?.id ?? '';
  }

  async function changePlan(customer_id: string, price_id: string): Promise<void> {
    const { json } = await ask('POST', '/subscriptions', { customer_id, price_id: 'pro_month' });
    expect((await ask('PATCH', `/subscriptions/${json.id}`, { price_id })).status).toBe(200);
  }

  function asBrowser(token: string, event: object): Promise<TestReply> {
    const headers = { Authorization: `Bearer ${token}` };
    return ask('POST', '/v1/features/track-usage', { feature_key: 'calls', ...event }, headers);
  }
});

/** `7 of 5` for what was recorded, else the refusal. */
function outcomeOf({ status, json, text }: TestReply): string {
  if (status !== 201) return `${status} ${json.error.code}`;
  const { usage } = JSON.parse(text) as { usage: { consumed_units: number; limit_units: number } };
  return `${usage.consumed_units} of ${usage.limit_units}`;
}
