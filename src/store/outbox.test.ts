import { describe, expect, it } from 'vitest';
import { AuthenticationError, NetworkError, QuotaExceededError, RateLimitError } from '../client/errors.ts';
import { ManualClock, settled } from '../client/testing/clocks.ts';
import { Outbox, OUTBOX_BACKOFF_CAP_MS, OUTBOX_EVENTS_MAX, type Outcome } from './outbox.ts';
import { FakeClient, recorded } from './testing/fake-client.ts';

const WAIT_MS = 10_000;
const event = (idempotencyKey: string) => ({ featureKey: 'api_calls', quantity: 1, idempotencyKey });
const offline = () => Promise.reject(new NetworkError('offline'));

function setUp() {
  const client = new FakeClient();
  const clock = new ManualClock();
  const outbox = new Outbox({ client, clock, random: () => 0.5, waitMs: WAIT_MS });
  const outcomes: Record<string, Outcome> = {};
  const send = (key: string) =>
    outbox.send(event(key), (outcome) => {
      outcomes[key] = outcome;
    });
  const keys = () => client.sent.map(({ input }) => input.idempotencyKey);
  return { client, clock, outbox, outcomes, send, keys };
}

describe('an event', () => {
  it('is recorded', async () => {
    const { send, outcomes } = setUp();
    expect(await send('a')).toEqual({ status: 'recorded', idempotencyKey: 'a', ...recorded(11) });
    expect(outcomes['a']).toEqual({ reply: recorded(11) });
  });

  it('is refused', async () => {
    const { client, send } = setUp();
    client.onTrack = () => Promise.reject(new QuotaExceededError('full'));
    await expect(send('a')).rejects.toMatchObject({ name: 'QuotaExceededError' });
  });

  it('is repeated with its key until the outcome is known', async () => {
    const { client, clock, send, keys } = setUp();
    client.onTrack = offline;
    const result = send('a');
    await clock.advance(3_000);
    client.onTrack = () => Promise.resolve(recorded(11));
    await clock.advance(6_000);
    expect(await result).toMatchObject({ status: 'recorded' });
    expect(new Set(keys())).toEqual(new Set(['a']));
    expect(keys().length).toBeGreaterThan(2);
  });

  it('is queued for the caller when the outcome is not known in time, and still sent', async () => {
    const { client, clock, outcomes, send } = setUp();
    client.onTrack = offline;
    const result = send('a');
    await clock.advance(WAIT_MS);
    expect(await result).toEqual({ status: 'queued', idempotencyKey: 'a' });
    client.onTrack = () => Promise.resolve(recorded(11));
    await clock.advance(OUTBOX_BACKOFF_CAP_MS);
    expect(outcomes['a']).toEqual({ reply: recorded(11) });
  });

  it('waits its turn behind those that wait, and goes out in order', async () => {
    const { client, clock, outbox, send, keys } = setUp();
    client.onTrack = offline;
    void send('a');
    await settled();
    void send('b');
    void send('c');
    await clock.advance(0);
    client.sent.length = 0;
    client.onTrack = () => Promise.resolve(recorded(11));
    outbox.resume();
    await clock.advance(0);
    expect(keys()).toEqual(['a', 'b', 'c']);
  });

  it('is not sent earlier than the server asked, whoever is back', async () => {
    const { client, clock, outbox, send, keys } = setUp();
    client.onTrack = () =>
      Promise.reject(new RateLimitError('slow down', { retryable: true, retryAfter: 300 }));
    void send('a');
    await clock.advance(299_000);
    outbox.resume();
    await clock.advance(0);
    expect(keys()).toHaveLength(1);
    await clock.advance(1_000);
    expect(keys()).toHaveLength(2);
  });

  it('that is one too many is refused', async () => {
    const { client, send } = setUp();
    client.onTrack = () => new Promise(() => undefined);
    for (let index = 0; index < OUTBOX_EVENTS_MAX; index += 1) void send(`k${index}`);
    await expect(send('more')).rejects.toMatchObject({ code: 'outbox_full' });
    expect(client.sent.some(({ input }) => input.idempotencyKey === 'more')).toBe(false);
  });
});

describe('without a session', () => {
  const signedOut = () => Promise.reject(new AuthenticationError('nobody', { code: 'signed_out' }));

  it('a new event is refused', async () => {
    const { client, send } = setUp();
    client.onCustomer = signedOut;
    await expect(send('a')).rejects.toMatchObject({ name: 'AuthenticationError' });
    expect(client.sent).toEqual([]);
  });

  it('a queued event waits, untried, for somebody to sign in', async () => {
    const { client, clock, outbox, outcomes, send, keys } = setUp();
    client.onTrack = offline;
    void send('a');
    await clock.advance(WAIT_MS);
    client.onTrack = signedOut;
    await clock.advance(OUTBOX_BACKOFF_CAP_MS);
    const tries = keys().length;
    await clock.advance(10 * OUTBOX_BACKOFF_CAP_MS);
    expect(keys()).toHaveLength(tries);
    client.onTrack = () => Promise.resolve(recorded(11));
    outbox.resume();
    await clock.advance(0);
    expect(outcomes['a']).toEqual({ reply: recorded(11) });
  });
});

describe('when another customer has signed in', () => {
  it('a queued event stays the one of whom it was tracked for, and holds nobody up', async () => {
    const { client, clock, outbox, outcomes, send } = setUp();
    client.onTrack = offline;
    void send('a');
    await clock.advance(WAIT_MS);
    client.onCustomer = () => Promise.resolve('bert');
    void send('b');
    await clock.advance(WAIT_MS);
    client.onTrack = ({ idempotencyKey }) =>
      idempotencyKey === 'a'
        ? Promise.reject(new AuthenticationError('not theirs', { code: 'customer_changed' }))
        : Promise.resolve(recorded(1));
    await clock.advance(2 * OUTBOX_BACKOFF_CAP_MS);
    const customersOf = (key: string) =>
      new Set(
        client.sent.filter(({ input }) => input.idempotencyKey === key).map(({ customer }) => customer),
      );
    expect(customersOf('a')).toEqual(new Set(['anna']));
    expect(customersOf('b')).toEqual(new Set(['bert']));
    expect(outcomes).toEqual({ b: { reply: recorded(1) } });
    client.onTrack = () => Promise.resolve(recorded(11));
    outbox.resume();
    await clock.advance(0);
    expect(outcomes['a']).toEqual({ reply: recorded(11) });
  });
});
