import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { startTestServer, type TestServer, type TestTenant } from '../testing/test-server.ts';
import { BATCH_EVENTS_MAX } from './schemas.ts';

let server: TestServer;
let acme: TestTenant;

beforeAll(async () => {
  server = await startTestServer();
});
afterAll(() => server.close());
beforeEach(async () => {
  acme = await server.newTenant();
});
afterEach(() => expect(server.errors).toEqual([]));

const event = (members: Record<string, unknown> = {}) => ({
  customer_id: 'user_1',
  feature_key: 'api_calls',
  quantity: 1,
  ...members,
});
const batch = (events: readonly unknown[], headers?: Record<string, string>) =>
  acme.ask('POST', '/v1/usage/batch', { events }, headers);
const consumed = async () => {
  const { json } = await acme.ask('GET', '/v1/usage/metrics?customer_id=user_1&feature_key=api_calls');
  return json.metrics[0]?.consumed;
};

describe('POST /v1/usage/batch', () => {
  it('gives each item of a thousand its own verdict, in order, and records the good ones', async () => {
    const kinds = [
      { item: event({ quantity: 0 }), outcome: 'recorded' },
      { item: event({ quantity: 101 }), outcome: 'rejected', code: 'quota_exceeded' },
      { item: event({ feature_key: 'no_such_feature' }), outcome: 'invalid', code: 'feature_not_found' },
      { item: event({ quantity: 'many' }), outcome: 'invalid', code: 'validation_failed' },
      { item: null, outcome: 'invalid', code: 'validation_failed' },
    ];
    const asked = Array.from({ length: BATCH_EVENTS_MAX }, (_, index) => kinds[index % kinds.length]!);
    const { status, json } = await batch(asked.map(({ item }) => item));
    expect(status).toBe(200);
    expect(json).toMatchObject({
      results: asked.map(({ outcome, code }, index) => ({
        index,
        outcome,
        ...(code && { error: { code } }),
      })),
      summary: { recorded: 200, duplicate: 0, rejected: 200, invalid: 600 },
    });
  });

  it('repeats the whole reply of the event for a recorded item', async () => {
    const { json } = await batch([event({ quantity: 84, idempotency_key: 'one' })]);
    const alone = await acme.ask('POST', '/v1/usage/track', event({ quantity: 84, idempotency_key: 'one' }));
    expect(json).toMatchObject({ results: [{ index: 0, outcome: 'recorded', ...alone.json }] });
  });

  it('knows a key seen earlier in the same batch', async () => {
    const { json } = await batch([event({ idempotency_key: 'k' }), event({ idempotency_key: 'k' })]);
    expect(json).toMatchObject({
      results: [
        { outcome: 'recorded', sequence: 1 },
        { outcome: 'duplicate', sequence: 1 },
      ],
      summary: { recorded: 1, duplicate: 1 },
    });
    expect(await consumed()).toBe(1);
  });

  it('lets an item pass that fits after a larger one did not', async () => {
    const { json } = await batch([event({ quantity: 99 }), event({ quantity: 2 }), event({ quantity: 1 })]);
    expect(json).toMatchObject({
      results: [{ outcome: 'recorded' }, { outcome: 'rejected' }, { outcome: 'recorded', sequence: 2 }],
    });
    expect(await consumed()).toBe(100);
  });

  it('says of one of our own ids that it is none of the merchant’s', async () => {
    await acme.ask('POST', '/v1/usage/track', event());
    const { json } = await acme.ask('GET', '/customers/external/user_1');
    const reply = await batch([event({ customer_id: json.id }), event()]);
    expect(reply.json).toMatchObject({
      results: [{ outcome: 'invalid', error: { code: 'validation_failed' } }, { outcome: 'recorded' }],
    });
  });

  it('takes no key of its own', async () => {
    const { status, json } = await batch([event()], { 'Idempotency-Key': 'all' });
    expect(status).toBe(422);
    expect(json.error.code).toBe('validation_failed');
    expect(await consumed()).toBe(0);
  });

  it('refuses more than a thousand events whole', async () => {
    const { status } = await batch(Array.from({ length: BATCH_EVENTS_MAX + 1 }, () => event()));
    expect(status).toBe(422);
    expect(await consumed()).toBe(0);
  });

  it('answers an empty batch with nothing', async () => {
    const { status, json } = await batch([]);
    expect(status).toBe(200);
    expect(json).toEqual({ results: [], summary: { recorded: 0, duplicate: 0, rejected: 0, invalid: 0 } });
  });

  it('takes a body of more than a single event’s size', async () => {
    const metadata = { note: 'x'.repeat(3_000) };
    const { status, json } = await batch(Array.from({ length: 50 }, () => event({ metadata })));
    expect(status).toBe(200);
    expect(json).toMatchObject({ summary: { recorded: 50 } });
  });
});
