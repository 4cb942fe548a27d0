import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { ManualClock, until } from '../../../src/client/testing/clocks.ts';
import {
  drop,
  json,
  problem,
  ScriptedServer,
  type Handler,
} from '../../../src/client/testing/scripted-server.ts';
import type { ServerTrackInput } from '../../../src/client/track-input.ts';
import { BillingOS } from './billing-os.ts';
import type { BufferOptions } from './usage-buffer.ts';

interface SentEvent {
  quantity: number;
  idempotency_key: string;
  timestamp?: string;
  metadata?: object;
}

const DAY_MS = 86_400_000;
const EVENT: ServerTrackInput = { customerId: 'user_1', featureKey: 'api_calls', quantity: 1 };

let server: ScriptedServer;
let clock: ManualClock;
const onError = vi.fn<BufferOptions['onError']>();
beforeEach(async () => {
  onError.mockReset();
  clock = new ManualClock();
  server = await ScriptedServer.start();
});
afterEach(() => server.stop());

function setUp(buffer: Partial<BufferOptions> = {}): BillingOS {
  const options = { secretKey: 'sk_test_x', apiUrl: server.url, maxRetries: 0, timeout: 1e12 };
  return new BillingOS({ ...options, buffer: { onError, ...buffer } }, { clock, random: () => 0.5 });
}

/** Answers each event with what `resultOf` says. */
const answer =
  (resultOf: (event: SentEvent) => object): Handler =>
  (response, request) => {
    const { events } = JSON.parse(request.body) as { events: SentEvent[] };
    json(200, { results: events.map((event, index) => ({ index, ...resultOf(event) })) })(response, request);
  };
const recordAll = answer(() => ({ outcome: 'recorded' }));

/** Lets time pass until something has happened that takes real requests as well. */
async function passUntil(condition: () => boolean, stepMs = 1_000): Promise<void> {
  while (!condition()) await clock.advance(stepMs);
}

const sent = () => server.requests.map(({ body }) => (JSON.parse(body) as { events: SentEvent[] }).events);
const sentQuantities = () => sent().map((events) => events.map(({ quantity }) => quantity));
const bufferAll = (billing: BillingOS, quantities: number[]) =>
  Promise.all(quantities.map((quantity) => billing.bufferUsage({ ...EVENT, quantity })));
const errors = () => onError.mock.calls.map(([error, event]) => [error.code, event?.quantity]);

describe('buffered usage', () => {
  it('is queued at once, and answered with its key', async () => {
    const billing = setUp();
    const { status, idempotencyKey } = await billing.bufferUsage(EVENT);
    expect(status).toBe('queued');
    server.script(recordAll);
    await billing.flush();
    expect(sent()[0]![0]!.idempotency_key).toBe(idempotencyKey);
  });

  it('waits a second for others to be sent with', async () => {
    server.script(recordAll);
    const billing = setUp();
    await bufferAll(billing, [1]);
    await clock.advance(500);
    await bufferAll(billing, [2]);
    await clock.advance(499);
    expect(server.requests).toEqual([]);
    await clock.advance(1);
    await until(() => server.requests.length > 0);
    expect(sentQuantities()).toEqual([[1, 2]]);
  });

  it('waits as long as it is told to', async () => {
    server.script(recordAll);
    await bufferAll(setUp({ maxWaitMs: 10 }), [1]);
    await clock.advance(10);
    await until(() => server.requests.length > 0);
  });

  it('does not wait when there is a batch full', async () => {
    server.script(recordAll);
    const numbers = Array.from({ length: 1_000 }, (_, n) => n);
    await bufferAll(setUp(), numbers);
    await until(() => server.requests.length > 0);
    expect(sentQuantities()[0]).toEqual(numbers);
  });

  it('keeps its order over repetitions', async () => {
    server.script(problem(503, 'overloaded'), recordAll);
    const billing = setUp();
    await bufferAll(billing, [1, 2]);
    const flushed = billing.flush();
    await until(() => server.requests.length === 1);
    await bufferAll(billing, [3]);
    await passUntil(() => server.requests.length === 2);
    await flushed;
    expect(sentQuantities()).toEqual([
      [1, 2],
      [1, 2, 3],
    ]);
  });

  it('is sent as it was when it was buffered', async () => {
    server.script(recordAll);
    const billing = setUp();
    const metadata = { step: 'before' };
    await billing.bufferUsage({ ...EVENT, metadata });
    metadata.step = 'after';
    await billing.flush();
    expect(sent()[0]![0]!.metadata).toEqual({ step: 'before' });
  });

  it.each([
    ['with the time of the call', {}, '2026-02-03T00:00:00.000Z'],
    ['with the time it brought', { timestamp: '2026-02-01T00:00:00.000Z' }, '2026-02-01T00:00:00.000Z'],
    ['without a time when the key may come again', { idempotencyKey: 'mine' }, undefined],
    ['without a time when it sets the counter', { action: 'set' as const }, undefined],
  ])('is sent %s', async (_what, facts, timestamp) => {
    server.script(recordAll);
    const billing = setUp();
    await billing.bufferUsage({ ...EVENT, ...facts });
    await clock.advance(60_000);
    await billing.flush();
    expect(sent()[0]![0]!.timestamp).toBe(timestamp);
  });

  it('is refused at once when it is no event', async () => {
    await expect(setUp().bufferUsage({ ...EVENT, quantity: NaN })).rejects.toMatchObject({
      name: 'ValidationError',
    });
  });

  it('is refused without the option', async () => {
    const billing = new BillingOS({ secretKey: 'sk_test_x', apiUrl: server.url });
    await expect(billing.bufferUsage(EVENT)).rejects.toThrow('buffer: { onError }');
  });

  it('is refused when the buffer is full, and kept again when there is room', async () => {
    server.script(recordAll);
    const billing = setUp({ maxEvents: 2 });
    const attempts = await Promise.allSettled([1, 2, 3].map(() => billing.bufferUsage(EVENT)));
    expect(attempts.map(({ status }) => status)).toEqual(['fulfilled', 'fulfilled', 'rejected']);
    expect(attempts[2]).toMatchObject({ reason: { code: 'buffer_full', retryable: true } });
    await billing.flush();
    await billing.bufferUsage(EVENT);
  });
});

describe('an event that does not count', () => {
  it.each([
    ['rejected', 'quota_exceeded', 'QuotaExceededError', 402],
    ['rejected', 'feature_not_in_plan', 'AuthorizationError', 403],
    ['invalid', 'feature_not_found', 'NotFoundError', 404],
    ['invalid', 'idempotency_key_reused', 'ValidationError', 422],
  ])('is reported with the error of trackUsage: %s %s', async (outcome, code, name, status) => {
    const refuse = { outcome, error: { code, message: 'why', details: { usage: { consumed_units: 7 } } } };
    server.script(answer(({ quantity }) => (quantity === 2 ? refuse : { outcome: 'recorded' })));
    const billing = setUp();
    await bufferAll(billing, [1, 2, 3]);
    await billing.flush();
    expect(onError).toHaveBeenCalledTimes(1);
    const [error, event] = onError.mock.calls[0]!;
    expect(error).toMatchObject({
      name,
      status,
      code,
      message: 'why',
      details: { usage: { consumed_units: 7 } },
    });
    expect(event).toMatchObject({ ...EVENT, quantity: 2 });
  });

  it('holds up no other, even when onError throws', async () => {
    onError.mockImplementation(() => {
      throw new Error('the host is wrong');
    });
    server.script(
      answer(() => ({ outcome: 'invalid', error: { code: 'x', message: 'y' } })),
      recordAll,
    );
    const billing = setUp();
    await bufferAll(billing, [1]);
    await billing.flush();
    await bufferAll(billing, [2]);
    await billing.flush();
    expect(sentQuantities()).toEqual([[1], [2]]);
  });

  it('is given up and reported after 34 days', async () => {
    server.script(drop);
    const billing = setUp();
    const buffered = clock.now();
    const { idempotencyKey } = await billing.bufferUsage(EVENT);
    await passUntil(() => onError.mock.calls.length > 0, DAY_MS);
    expect(onError.mock.calls[0]![0]).toMatchObject({ code: 'event_expired', idempotencyKey });
    expect(clock.now()).toBeGreaterThanOrEqual(buffered + 34 * DAY_MS);
  });
});

describe('a buffer that cannot send', () => {
  it.each([
    ['an answer is missing', drop],
    ['the API is overloaded', problem(503, 'overloaded')],
    ['it is asked to slow down', problem(429, 'rate_limited', { headers: { 'Retry-After': '1' } })],
  ])('tries again, and reports nothing, while %s', async (_what, fault) => {
    server.script(fault, fault, recordAll);
    const billing = setUp();
    await bufferAll(billing, [1]);
    const flushed = billing.flush();
    await passUntil(() => server.requests.length === 3);
    await flushed;
    expect(onError).not.toHaveBeenCalled();
  });

  it('waits as long as it is asked to, flushed or not', async () => {
    server.script(problem(429, 'rate_limited', { headers: { 'Retry-After': '120' } }), recordAll);
    const billing = setUp();
    await bufferAll(billing, [1]);
    const flushed = billing.flush();
    await passUntil(() => clock.timerCount === 1 && server.requests.length === 1, 0);
    const asked = clock.now();
    const again = billing.flush();
    await passUntil(() => server.requests.length === 2);
    expect(clock.now() - asked).toBeGreaterThanOrEqual(120_000);
    await Promise.all([flushed, again]);
  });

  it('reports why when waiting does not help, rejects the flush, and keeps what it has', async () => {
    server.script(problem(401, 'unauthenticated'), recordAll);
    const billing = setUp();
    await bufferAll(billing, [1]);
    await expect(billing.flush()).rejects.toMatchObject({ name: 'AuthenticationError' });
    expect(errors()).toEqual([['unauthenticated', undefined]]);
    await billing.flush();
    expect(sentQuantities()).toEqual([[1], [1]]);
  });

  it('says so when the key is missing', async () => {
    vi.stubEnv('BILLINGOS_SECRET_KEY', '');
    const billing = new BillingOS({ apiUrl: server.url, buffer: { onError } }, { clock });
    await billing.bufferUsage(EVENT);
    await expect(billing.flush()).rejects.toThrow('BILLINGOS_SECRET_KEY');
    vi.unstubAllEnvs();
  });
});

describe('flush', () => {
  it('has nothing to do without a buffer', async () => {
    await new BillingOS({ secretKey: 'sk_test_x', apiUrl: server.url }).flush();
  });

  it('covers what was buffered just before, kept yet or not', async () => {
    server.script(recordAll);
    const billing = setUp();
    void billing.bufferUsage(EVENT);
    await billing.flush();
    expect(sentQuantities()).toEqual([[1]]);
  });

  it('tries at once, however long the wait would have been', async () => {
    server.script(drop, drop, drop, recordAll);
    const billing = setUp();
    await bufferAll(billing, [1]);
    const flushes: Promise<void>[] = [];
    await until(() => {
      flushes.push(billing.flush());
      return server.requests.length === 4;
    });
    await Promise.all(flushes);
  });
});

describe('close', () => {
  it('has nothing to do without a buffer', async () => {
    await new BillingOS({ secretKey: 'sk_test_x', apiUrl: server.url }).close();
  });

  it('sends what waits, and takes no more', async () => {
    server.script(recordAll);
    const billing = setUp();
    void bufferAll(billing, [1, 2]);
    await billing.close();
    expect(sentQuantities()).toEqual([[1, 2]]);
    await expect(billing.bufferUsage(EVENT)).rejects.toMatchObject({ code: 'buffer_closed' });
  });

  it('gives up after its time, and reports each event with the key to look it up by', async () => {
    server.script(problem(503, 'overloaded'));
    const billing = setUp();
    const [first] = await bufferAll(billing, [1, 2]);
    const closed = billing.close({ timeout: 3_000 });
    await until(() => server.requests.length === 1);
    await clock.advance(3_000);
    await closed;
    expect(errors()).toEqual([
      ['buffer_closed', 1],
      ['buffer_closed', 2],
    ]);
    expect(onError.mock.calls[0]![0].idempotencyKey).toBe(first?.idempotencyKey);
  });

  it('does not wait for what waiting does not help', async () => {
    server.script(problem(401, 'unauthenticated'));
    const billing = setUp();
    await bufferAll(billing, [1]);
    await billing.close();
    expect(errors()).toEqual([
      ['unauthenticated', undefined],
      ['buffer_closed', 1],
    ]);
  });

  it('leaves no timer behind', async () => {
    server.script(recordAll);
    const billing = setUp();
    await bufferAll(billing, [1]);
    await Promise.all([billing.close(), billing.close()]);
    expect(clock.timerCount).toBe(0);
  });
});

describe('a buffer with a file', () => {
  let folder: string;
  let file: string;
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'billingos-'));
    file = join(folder, 'usage.jsonl');
    return () => rmSync(folder, { recursive: true, force: true });
  });

  /** A process that could not send what it buffered. */
  async function leave(quantities: number[]): Promise<void> {
    server.script(problem(401, 'unauthenticated'));
    const billing = setUp({ file });
    await bufferAll(billing, quantities);
    await billing.close();
    expect(errors()).toEqual([['unauthenticated', undefined]]);
    onError.mockReset();
    server.script(recordAll);
  }

  it('is sent by the next process as soon as that is set up, with the same keys', async () => {
    await leave([1, 2]);
    const next = setUp({ file });
    await until(() => server.requests.length === 2);
    await next.close();
    const [before, after] = sent();
    expect(after).toEqual(before);
  });

  it('is told when another process has it, and works as soon as that has ended', async () => {
    server.script(recordAll);
    const first = setUp({ file });
    await first.flush();
    const second = setUp({ file });
    await expect(second.bufferUsage(EVENT)).rejects.toMatchObject({ code: 'buffer_in_use' });
    expect(errors()).toEqual([['buffer_in_use', undefined]]);
    await first.close();
    await second.bufferUsage(EVENT);
    await second.close();
    expect(sentQuantities()).toEqual([[1]]);
  });

  it('counts what was left in it as waiting', async () => {
    await leave([1, 2]);
    server.script(problem(503, 'overloaded'));
    const next = setUp({ file, maxEvents: 2 });
    await expect(next.bufferUsage(EVENT)).rejects.toMatchObject({ code: 'buffer_full' });
    await clock.advance(0);
    const closed = next.close({ timeout: 0 });
    await clock.advance(0);
    await closed;
  });

  it('in a folder that cannot be written is an error that says why', async () => {
    writeFileSync(join(folder, 'taken'), '');
    const billing = setUp({ file: join(folder, 'taken', 'usage.jsonl') });
    await expect(billing.bufferUsage(EVENT)).rejects.toMatchObject({
      code: 'buffer_unusable',
      retryable: true,
      message: expect.stringContaining('taken') as string,
    });
    await billing.close();
  });
});
