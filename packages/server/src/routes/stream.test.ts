import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { NOW, PRICING } from '../metering/testing/pricing.ts';
import { readStream } from '../testing/read-stream.ts';
import { send, startTestServer, type TestServer, type TestTenant } from '../testing/test-server.ts';

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

const track = (feature_key: string, quantity: number, customer_id = 'user_1') =>
  acme.ask('POST', '/v1/usage/track', { customer_id, feature_key, quantity });

async function open(token?: string) {
  const controller = new AbortController();
  const response = await fetch(`${server.url}/v1/features/stream`, {
    headers: {
      Authorization: `Bearer ${token ?? (await acme.sessionToken())}`,
      Origin: 'https://shop.example',
    },
    signal: controller.signal,
  });
  return { response, reader: readStream(response.body), leave: () => controller.abort() };
}

describe('GET /v1/features/stream', () => {
  it('is an event stream for any origin, which nobody may cache', async () => {
    const { response, leave } = await open();
    expect(response.status).toBe(200);
    expect(response.headers.get('Content-Type')).toContain('text/event-stream');
    expect(response.headers.get('Cache-Control')).toContain('no-store');
    expect(response.headers.get('Access-Control-Allow-Origin')).toBe('*');
    expect(response.headers.get('X-Request-Id')).toMatch(/^req_/);
    leave();
  });

  it('begins with the metrics reply', async () => {
    await track('api_calls', 84);
    const { reader, leave } = await open();
    const { json } = await acme.askAsUser('GET', '/v1/features/usage-metrics');
    expect(await reader.next()).toEqual({ event: 'snapshot', data: json });
    leave();
  });

  it('tells of usage after the commit', async () => {
    const { reader, leave } = await open();
    await reader.next();
    await track('api_calls', 5);
    expect(await reader.next()).toMatchObject({
      event: 'usage',
      data: { feature_key: 'api_calls', consumed: 5, remaining: 95, sequence: 1 },
    });
    leave();
  });

  it('tells the newest state after a burst', async () => {
    const { reader, leave } = await open();
    await reader.next();
    await Promise.all(Array.from({ length: 60 }, () => track('api_calls', 1)));
    let sequence = 0;
    while (sequence < 60) {
      const event = await reader.next();
      expect(event?.data.sequence).toBeGreaterThan(sequence);
      sequence = event!.data.sequence;
    }
    leave();
  });

  it('sends a snapshot after a change of plan, of catalog, and after a nudge was put away', async () => {
    await track('api_calls', 84);
    const { reader, leave } = await open();
    await reader.next();
    const customer = await acme.ask('GET', '/customers/external/user_1');
    await acme.ask('POST', '/subscriptions', { customer_id: customer.json.id, price_id: 'price_pro' });
    const afterPlan = await reader.next();
    expect([afterPlan?.event, afterPlan?.data.metrics[0]?.limit]).toEqual(['snapshot', 10_000]);
    const features = PRICING.features.map((feature) => ({ ...feature, title: 'Renamed' }));
    await acme.ask('PUT', '/v1/catalog', { ...PRICING, features });
    const afterCatalog = await reader.next();
    expect([afterCatalog?.event, afterCatalog?.data.metrics[0]?.feature_title]).toEqual([
      'snapshot',
      'Renamed',
    ]);
    leave();
  });

  it('tells nothing of other customers or tenants', async () => {
    const { reader, leave } = await open();
    await reader.next();
    await track('api_calls', 1, 'user_2');
    const other = await server.newTenant();
    await other.ask('POST', '/v1/usage/track', {
      customer_id: 'user_1',
      feature_key: 'api_calls',
      quantity: 2,
    });
    await track('api_calls', 3);
    expect((await reader.next())?.data.consumed).toBe(3);
    leave();
  });

  it('says goodbye once the token has expired', async () => {
    const { reader } = await open(await acme.sessionToken({ expiresIn: 60 }));
    await reader.next();
    server.clock.now = NOW + 60_000;
    await acme.ask('PUT', '/v1/catalog', { ...PRICING, products: [PRICING.products[0]!] });
    const events = await reader.rest();
    expect(events.at(-1)).toEqual({ event: 'bye', data: { reason: 'expired' } });
  });

  it('forgets who disconnects', async () => {
    const { reader, leave } = await open();
    await reader.next();
    leave();
    await expectNobodyWatching();
  });

  it('answers HEAD without opening anything', async () => {
    const token = await acme.sessionToken();
    const { status, headers } = await send(`${server.url}/v1/features/stream`, {
      method: 'HEAD',
      headers: { Authorization: `Bearer ${token}` },
    });
    expect([status, headers.get('Content-Type')]).toEqual([200, 'text/event-stream; charset=utf-8']);
    await expectNobodyWatching();
  });

  it('says goodbye when the server closes', async () => {
    const closing = await startTestServer();
    const tenant = await closing.newTenant();
    const response = await fetch(`${closing.url}/v1/features/stream`, {
      headers: { Authorization: `Bearer ${await tenant.sessionToken()}` },
    });
    const reader = readStream(response.body);
    await reader.next();
    await closing.close();
    expect(await reader.rest()).toEqual([{ event: 'bye', data: { reason: 'closing' } }]);
  });
});

/** The hub reads a customer for each change while anyone watches: it must come to read nothing. */
async function expectNobodyWatching(): Promise<void> {
  const reading = vi.spyOn(server.ledger, 'tenant');
  await vi.waitFor(async () => {
    reading.mockClear();
    await acme.ledger.putCatalog({ ...PRICING, features: [...PRICING.features, newFeature()] }, NOW);
    expect(reading).not.toHaveBeenCalled();
  });
  reading.mockRestore();
}

let features = 0;

function newFeature() {
  features += 1;
  return { key: `extra_${features}`, title: 'Extra', type: 'boolean_flag' as const };
}

describe('GET /v1/usage/stream', () => {
  it('shows a server the usage of the customer that it names', async () => {
    const controller = new AbortController();
    const response = await fetch(`${server.url}/v1/usage/stream?customer_id=user_7`, {
      headers: { Authorization: `Bearer ${acme.secretKey}` },
      signal: controller.signal,
    });
    const reader = readStream(response.body);
    expect(await reader.next()).toMatchObject({ event: 'snapshot', data: { customer_id: 'user_7' } });
    await track('api_calls', 2, 'user_7');
    expect(await reader.next()).toMatchObject({ event: 'usage', data: { consumed: 2 } });
    controller.abort();
  });
});
