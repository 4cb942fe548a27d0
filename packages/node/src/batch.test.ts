import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { SkippingClock } from '../../../src/client/testing/clocks.ts';
import {
  drop,
  json,
  problem,
  ScriptedServer,
  type Handler,
} from '../../../src/client/testing/scripted-server.ts';
import type { ServerTrackInput } from '../../../src/client/track-input.ts';
import { BATCH_BYTES_MAX, type BatchResult, type UnfinishedBatchError } from './batch.ts';
import { BillingOS } from './billing-os.ts';

interface SentEvent {
  customer_id: string;
  feature_key: string;
  quantity: number;
  idempotency_key: string;
}

let server: ScriptedServer;
let billing: BillingOS;
beforeEach(async () => {
  server = await ScriptedServer.start();
  const options = { secretKey: 'sk_test_x', apiUrl: server.url, timeout: 1_000_000 };
  billing = new BillingOS(options, { clock: new SkippingClock() });
});
afterEach(() => server.stop());

const event = (n: number, facts: object = {}): ServerTrackInput => ({
  ...{ customerId: `user_${n}`, featureKey: 'api_calls', quantity: n },
  ...facts,
});
const events = (count: number, facts: object = {}) =>
  Array.from({ length: count }, (_, n) => event(n, facts));
const sent = () => server.requests.map(({ body }) => (JSON.parse(body) as { events: SentEvent[] }).events);
const keys = (n: number) => sent()[n]!.map((one) => one.idempotency_key);

/** Records every event, and says so with a number that tells them apart. */
const recordAll: Handler = (response, request) => {
  const { events: items } = JSON.parse(request.body) as { events: SentEvent[] };
  const results = items.map(({ quantity }, index) => ({ index, outcome: 'recorded', sequence: quantity }));
  json(200, { results })(response, request);
};

describe('a batch', () => {
  it('of nothing sends nothing', async () => {
    expect(await billing.trackUsageBatch([])).toEqual({
      results: [],
      summary: { recorded: 0, duplicate: 0, rejected: 0, invalid: 0 },
    });
    expect(server.requests).toEqual([]);
  });

  it('goes out in requests of 1 000 events, one after the other', async () => {
    server.script(recordAll);
    await billing.trackUsageBatch(events(2_500));
    expect(sent().map(({ length }) => length)).toEqual([1_000, 1_000, 500]);
  });

  it("has its results in the caller's order, with the caller's indexes", async () => {
    server.script(recordAll);
    const { results, summary } = await billing.trackUsageBatch(events(2_500));
    expect(results).toEqual(
      Array.from({ length: 2_500 }, (_, n) => ({ index: n, outcome: 'recorded', sequence: n })),
    );
    expect(summary).toEqual({ recorded: 2_500, duplicate: 0, rejected: 0, invalid: 0 });
  });

  it('goes out in requests that the API will read, however long the events', async () => {
    server.script(recordAll);
    await billing.trackUsageBatch(events(900, { metadata: { note: 'ä'.repeat(2_000) } }));
    const sizes = server.requests.map(({ body }) => Buffer.byteLength(body));
    expect(Math.max(...sizes)).toBeLessThanOrEqual(BATCH_BYTES_MAX);
    expect(sizes.length).toBe(Math.ceil(sizes.reduce((sum, size) => sum + size) / BATCH_BYTES_MAX));
    expect(
      sent()
        .flat()
        .map(({ quantity }) => quantity),
    ).toEqual(Array.from({ length: 900 }, (_, n) => n));
  });

  it('gives each event a key of its own, and keeps those that were brought', async () => {
    server.script(recordAll);
    await billing.trackUsageBatch([event(0), event(1, { idempotencyKey: 'mine' }), event(2)]);
    expect(keys(0)[1]).toBe('mine');
    expect(new Set(keys(0)).size).toBe(3);
  });

  it('is repeated with the same keys after a reply that tells nothing', async () => {
    server.script(problem(503, 'store_unavailable', { headers: { 'Retry-After': '1' } }), recordAll);
    const { results } = await billing.trackUsageBatch(events(3));
    expect(results).toHaveLength(3);
    expect(keys(0)).toEqual(keys(1));
  });

  it('sends an event that is none of its kind to nobody, and all others', async () => {
    server.script(recordAll);
    const bad = [event(1, { quantity: NaN }), event(3, { metadata: { count: 1n } })];
    const { results, summary } = await billing.trackUsageBatch([event(0), bad[0]!, event(2), bad[1]!]);
    expect(results.map(({ index, outcome }) => [index, outcome])).toEqual([
      [0, 'recorded'],
      [1, 'invalid'],
      [2, 'recorded'],
      [3, 'invalid'],
    ]);
    expect(results[1]).toMatchObject({ error: { code: 'validation_failed' } });
    expect(summary).toEqual({ recorded: 2, duplicate: 0, rejected: 0, invalid: 2 });
    expect(sent()[0]).toHaveLength(2);
  });

  it('is not spoiled by an event for which the API will not read it', async () => {
    server.script((response, request) => {
      const isSpoiled = request.body.includes('user_5"');
      (isSpoiled ? problem(422, 'validation_failed') : recordAll)(response, request);
    });
    const { results } = await billing.trackUsageBatch(events(9));
    expect(results.map(({ outcome }) => outcome)).toEqual(
      Array.from({ length: 9 }, (_, n) => (n === 5 ? 'invalid' : 'recorded')),
    );
    expect(results.map(({ index }) => index)).toEqual(Array.from({ length: 9 }, (_, n) => n));
  });

  it('reports what the API says of each event as it is on the wire', async () => {
    const results: BatchResult[] = [
      { index: 0, outcome: 'rejected', error: { code: 'quota_exceeded', message: 'quota_exceeded' } },
      { index: 1, outcome: 'invalid', error: { code: 'feature_not_found', message: 'no' } },
    ];
    server.script(json(200, { results }));
    expect(await billing.trackUsageBatch(events(2))).toEqual({
      results,
      summary: { recorded: 0, duplicate: 0, rejected: 1, invalid: 1 },
    });
  });
});

describe('a batch that breaks off', () => {
  const failure = async (inputs: ServerTrackInput[]) =>
    (await billing.trackUsageBatch(inputs).catch((error: unknown) => error)) as UnfinishedBatchError;

  it('rejects with its events and the keys they went by, to be sent again', async () => {
    server.script(drop);
    const error = await failure(events(2));
    expect(error).toMatchObject({
      name: 'UnfinishedBatchError',
      code: 'network_error',
      retryable: true,
      cause: { name: 'NetworkError' },
    });
    server.script(recordAll);
    await billing.trackUsageBatch(error.events);
    expect(keys(0)).toEqual(
      sent()
        .at(-1)!
        .map((one) => one.idempotency_key),
    );
  });

  it('says so when only the first requests came through', async () => {
    server.script(recordAll, problem(403, 'forbidden'));
    const error = await failure(events(1_001));
    expect(error).toMatchObject({ name: 'UnfinishedBatchError', status: 403, code: 'forbidden' });
    expect(error.events).toHaveLength(1_001);
  });

  it('is simply refused when nothing was sent before', async () => {
    server.script(problem(403, 'forbidden'));
    expect(await failure(events(2))).toMatchObject({ name: 'AuthorizationError' });
  });

  it.each([
    ['none', {}],
    ['too few', { results: [] }],
    ['too many', { results: Array.from({ length: 3 }, () => ({ outcome: 'recorded' })) }],
  ])('does so when the answer has %s results', async (_what, answer) => {
    server.script(json(200, answer));
    expect(await failure(events(2))).toMatchObject({ code: 'invalid_response', retryable: true });
  });
});
