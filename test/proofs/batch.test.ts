import { expect, it } from 'vitest';
import { PRICING } from './support/pricing.ts';
import { times } from './support/scale.ts';
import { describeServers } from './support/stores.ts';
import type { ReplyItem } from './support/api-pair.ts';

/** A full batch of everything that can be sent, good and bad: each item has its own verdict, in its place. */

const EVENTS = 1_000;
const SEAT_LIMIT = 10;

type Kind = (n: number) => { event: unknown; verdict: string };

const seat = (n: number, members: object = {}) => ({
  customer_id: `user_${Math.floor(n / 100)}`,
  feature_key: 'seats',
  quantity: 1,
  ...members,
});
const good = (n: number) => ({ ...seat(n), feature_key: 'calls', quantity: 0, idempotency_key: `good-${n}` });

/** One of each in every ten, so that good and bad take turns. */
const KINDS: readonly Kind[] = [
  (n) => ({ event: good(n), verdict: 'recorded' }),
  (n) => ({ event: good(n - 1), verdict: 'duplicate' }),
  (n) => ({ event: { ...good(n - 2), quantity: 1 }, verdict: 'invalid idempotency_key_reused' }),
  // A hundred events of one customer hold ten of these, and the seats are full with the tenth.
  (n) => ({ event: seat(n), verdict: 'recorded' }),
  (n) => ({ event: seat(n, { quantity: SEAT_LIMIT }), verdict: 'rejected quota_exceeded' }),
  (n) => ({ event: seat(n, { feature_key: 'unknown' }), verdict: 'invalid feature_not_found' }),
  (n) => ({ event: seat(n, { feature_key: 'storage' }), verdict: 'rejected feature_not_in_plan' }),
  (n) => ({ event: seat(n, { quantity: 'many' }), verdict: 'invalid validation_failed' }),
  (n) => ({ event: malformed(n), verdict: 'invalid validation_failed' }),
  (n) => ({ event: seat(n, { quantity: -SEAT_LIMIT - 1 }), verdict: 'invalid usage_below_zero' }),
];

describeServers(PRICING, (context) => {
  it('of 1 000 items is answered item by item, in order, and the good ones are recorded', async () => {
    const items = times(EVENTS, (n) => KINDS[n % KINDS.length]?.(n));
    const events = items.map((item) => item?.event);
    const { status, text } = await context.tenant.ask('POST', '/v1/usage/batch', { events });
    expect(status).toBe(200);
    const { results, summary } = JSON.parse(text) as { results: ReplyItem[]; summary: unknown };
    expect(results.map(({ index }) => index)).toEqual(times(EVENTS, Number));
    expect(results.map(verdictOf)).toEqual(items.map((item) => item?.verdict));
    expect(summary).toEqual({ recorded: 200, duplicate: 100, rejected: 200, invalid: 500 });
    for (const customer of times(EVENTS / 100, (n) => `user_${n}`)) {
      const { json } = await context.tenant.ask('GET', `/v1/usage/metrics?customer_id=${customer}`);
      const counted = json.metrics.map(({ feature_key, consumed }) => [feature_key, consumed]);
      expect(Object.fromEntries(counted)).toMatchObject({ calls: 0, seats: SEAT_LIMIT });
    }
  });

  it('sent again is recorded nowhere twice', async () => {
    const events = times(EVENTS, (n) => seat(n, { feature_key: 'mails', idempotency_key: `again-${n}` }));
    const first = await context.tenant.ask('POST', '/v1/usage/batch', { events });
    const second = await context.tenant.ask('POST', '/v1/usage/batch', { events });
    expect(summaryOf(first.text)).toEqual({ recorded: EVENTS, duplicate: 0, rejected: 0, invalid: 0 });
    expect(summaryOf(second.text)).toEqual({ recorded: 0, duplicate: EVENTS, rejected: 0, invalid: 0 });
    expect(second.text.replaceAll('"duplicate"', '"recorded"').split('"summary"')[0]).toBe(
      first.text.split('"summary"')[0],
    );
  });
});

/** What is no event at all, each time something else. */
function malformed(n: number): unknown {
  const { customer_id, ...nobodys } = seat(n);
  const items = [
    ...[null, 7, 'text', [], {}, nobodys],
    ...[
      { ...nobodys, customer_id: [customer_id] },
      { ...seat(n), surprise: true },
    ],
    ...[
      { ...seat(n), timestamp: 'yesterday' },
      { ...seat(n), action: 'multiply' },
    ],
  ];
  return items[Math.floor(n / KINDS.length) % items.length];
}

function verdictOf({ outcome, error }: ReplyItem): string {
  return error === undefined ? outcome : `${outcome} ${error.code}`;
}

function summaryOf(text: string): unknown {
  return (JSON.parse(text) as { summary: unknown }).summary;
}
