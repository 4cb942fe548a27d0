import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { auditPostgres } from '../../packages/server/src/ledger/testing/postgres.ts';
import type { CatalogDocument } from '../../packages/server/src/metering/catalog.ts';
import { startApiPair, type ApiPair, type Reply } from './support/api-pair.ts';
import { draw, inParallel, report, scale, sum, times } from './support/scale.ts';
import { usePostgres } from './support/stores.ts';

/** One idempotency key, used in several requests that arrive at two processes at the same moment. */

const KEYS = scale(200, 10_000);
const CONTESTED = scale(40, 1_000);
const COPIES_MIN = 3;
const COPIES_MAX = 5;
/** Keys that are in the air together. */
const WIDTH = 100;
const TIMEOUT_MS = scale(60_000, 600_000);

const CUSTOMERS = times(10, (n) => `user_${n}`);
const DAY_MS = 86_400_000;
const AGE_DAYS = 40;

const PRICING: CatalogDocument = {
  features: [
    { key: 'calls', title: 'API calls', type: 'usage_quota', decimals: 0 },
    { key: 'mails', title: 'Emails', type: 'usage_quota', decimals: 0 },
    { key: 'exports', title: 'Exports', type: 'usage_quota', decimals: 0 },
  ],
  products: [
    {
      id: 'free',
      name: 'Free',
      default: true,
      prices: [{ id: 'free', amount: 0, currency: 'usd', interval: 'month' }],
      features: [
        { feature: 'calls', limit: null },
        { feature: 'mails', limit: null },
        { feature: 'exports', limit: null, reset: 'day' },
      ],
    },
  ],
};

describe('an idempotency key on two API processes at once', () => {
  const postgres = usePostgres();
  let databaseUrl = '';
  let api: ApiPair;

  beforeAll(async () => {
    databaseUrl = await postgres.newStore();
    api = await startApiPair(databaseUrl, PRICING);
    await api.at(Date.now() - AGE_DAYS * DAY_MS, CUSTOMERS);
  });
  afterAll(() => api.stop());

  it(
    'is counted once, and every copy is answered in the same words',
    async () => {
      const copies = draw(KEYS, COPIES_MIN, COPIES_MAX);
      const before = await countedIn('calls');
      await inParallel([...copies.entries()], WIDTH, async ([n, count]) => {
        const event = eventOf(n, 'calls', `once-${n}`);
        const replies = await Promise.all(times(count, (copy) => api.post(copy, '/v1/usage/track', event)));
        expect(replies.map(({ status }) => status)).toEqual(times(count, () => 201));
        expect(new Set(replies.map(({ text }) => text)).size).toBe(1);
        expect(replies.filter(({ isReplay }) => !isReplay)).toHaveLength(1);
      });
      expect((await countedIn('calls')) - before).toBe(KEYS);
      expect((await auditPostgres(databaseUrl)).faults).toEqual([]);
      const sent = sum(copies);
      report(`Two API processes: ${KEYS} keys sent ${sent} times, each counted once`);
    },
    TIMEOUT_MS,
  );

  it(
    'aimed at two features goes to one of them',
    async () => {
      const before = [await countedIn('calls'), await countedIn('mails')];
      await contest((n) => [eventOf(n, 'calls', `feature-${n}`), eventOf(n, 'mails', `feature-${n}`)]);
      const after = [await countedIn('calls'), await countedIn('mails')];
      expect(sum(after) - sum(before)).toBe(CONTESTED);
    },
    TIMEOUT_MS,
  );

  it(
    'aimed at both sides of a period’s boundary goes to one of them',
    async () => {
      const boundary = Date.parse(await periodStartOf('exports')) - DAY_MS;
      const sides = [boundary - 1, boundary].map((instant) => new Date(instant).toISOString());
      await contest((n) =>
        sides.map((timestamp) => ({ ...eventOf(n, 'exports', `boundary-${n}`), timestamp })),
      );
    },
    TIMEOUT_MS,
  );

  it(
    'that two batches both hold sinks neither of them',
    async () => {
      await inParallel(times(CONTESTED, Number), WIDTH, async (n) => {
        const replies = await Promise.all(
          ['calls', 'mails'].map((feature, which) =>
            api.post(which, '/v1/usage/batch', {
              events: [
                eventOf(n, feature, `batch-${n}-${which}-before`),
                eventOf(n, feature, `batch-${n}`),
                eventOf(n, feature, `batch-${n}-${which}-after`),
              ],
            }),
          ),
        );
        expect(replies.map(({ status, text }) => (status === 200 ? 200 : text))).toEqual([200, 200]);
        const outcomes = replies.map(({ json }) => json.results.map(({ outcome }) => outcome).join(' '));
        expect(outcomes.sort()).toEqual(['recorded invalid recorded', 'recorded recorded recorded']);
      });
      expect((await auditPostgres(databaseUrl)).faults).toEqual([]);
    },
    TIMEOUT_MS,
  );

  /** Sends two events with one key, each to another process: one is recorded, the other told that the key is taken. */
  async function contest(eventsOf: (n: number) => readonly object[]): Promise<void> {
    await inParallel(times(CONTESTED, Number), WIDTH, async (n) => {
      const replies = await Promise.all(
        eventsOf(n).map((event, which) => api.post(which, '/v1/usage/track', event)),
      );
      expect(replies.map(outcomeOf).sort()).toEqual(['201', '422 idempotency_key_reused']);
    });
  }

  async function countedIn(feature: string): Promise<number> {
    const replies = await Promise.all(
      CUSTOMERS.map((customer, which) =>
        api.get(which, `/v1/usage/metrics?customer_id=${customer}&feature_key=${feature}`),
      ),
    );
    return sum(replies.map(({ json }) => json.metrics[0]?.consumed ?? NaN));
  }

  async function periodStartOf(feature: string): Promise<string> {
    const { json } = await api.post(0, '/v1/usage/track', eventOf(0, feature, `now-in-${feature}`));
    return json.usage.period_start;
  }
});

function eventOf(n: number, feature_key: string, idempotency_key: string) {
  const customer_id = CUSTOMERS[n % CUSTOMERS.length];
  return { customer_id, feature_key, idempotency_key, quantity: 1 };
}

function outcomeOf({ status, json }: Reply): string {
  return status === 201 ? '201' : `${status} ${json.error.code}`;
}
