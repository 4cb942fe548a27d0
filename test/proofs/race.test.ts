import { beforeAll, describe, expect, it } from 'vitest';
import { rowsOf } from '../../packages/server/src/ledger/account.ts';
import { parseDecimal } from '../../packages/server/src/metering/quantity.ts';
import type { CatalogDocument } from '../../packages/server/src/metering/catalog.ts';
import { startApiPair, type ApiPair } from './support/api-pair.ts';
import { draw, report, scale, SEED, times } from './support/scale.ts';
import { describeStores, usePostgres } from './support/stores.ts';

/** A limit, and more consumers than it can serve, all at the same moment. */

const LIMIT = 100;
const CONSUMERS = 500;
const QUANTITY_MAX = 7;
const ROUNDS = scale(3, 200);
const TIMEOUT_MS = scale(60_000, 300_000);

const PRICING: CatalogDocument = {
  features: [{ key: 'calls', title: 'API calls', type: 'usage_quota', decimals: 0 }],
  products: [
    {
      id: 'free',
      name: 'Free',
      default: true,
      prices: [{ id: 'free', amount: 0, currency: 'usd', interval: 'month' }],
      features: [{ feature: 'calls', limit: LIMIT }],
    },
  ],
};

/** Takes a quantity for a customer: the sequence of the event, or `null` where the limit refused it. */
type Take = (customer: string, quantity: number, consumer: number) => Promise<number | null>;
type Counted = (customer: string) => Promise<{ consumed: number; sequence: number }>;

describeStores((store) => {
  it(
    'is never passed, and never refused while there is room',
    async () => {
      const created = await store.create();
      const ledger = await created.open(Date.now);
      const now = Date.now();
      const tenant = ledger.tenant(await ledger.ensureTenant('Acme', 'test', now));
      await tenant.putCatalog(PRICING, now);
      const take: Take = async (externalId, quantity) => {
        const [verdict] = await tenant.track([
          {
            ...{
              externalId,
              feature: 'calls',
              quantity: parseDecimal(quantity) ?? { digits: 0n, places: 0 },
            },
            ...{ origin: 'secret', action: 'add', idempotencyKey: null, metadata: null, timestamp: null },
          },
        ]);
        if (verdict?.outcome === 'recorded') return verdict.event.sequence;
        expect(verdict).toMatchObject({ outcome: 'refused', code: 'quota_exceeded' });
        return null;
      };
      await race(store.name, take, async (customer) => {
        const [row] = rowsOf(await tenant.account(customer, now), now);
        return { consumed: Number(row?.counter.consumed), sequence: row?.counter.sequence ?? 0 };
      });
      await ledger.close();
      expect((await created.audit()).faults).toEqual([]);
    },
    TIMEOUT_MS,
  );
});

describe('on two API processes with one PostgreSQL', () => {
  const postgres = usePostgres();
  let api: ApiPair;

  beforeAll(async () => {
    api = await startApiPair(await postgres.newStore(), PRICING);
    return () => api.stop();
  });

  it(
    'is never passed, and never refused while there is room',
    async () => {
      const take: Take = async (customer_id, quantity, consumer) => {
        const event = { customer_id, feature_key: 'calls', quantity };
        const { status, json, text } = await api.post(consumer, '/v1/usage/track', event);
        if (status === 201) return json.sequence;
        expect(status, text).toBe(402);
        return null;
      };
      let reader = 0;
      await race('Two API processes', take, async (customer) => {
        const { json } = await api.get((reader += 1), `/v1/usage/metrics?customer_id=${customer}`);
        const [row] = json.metrics;
        return { consumed: row?.consumed ?? 0, sequence: row?.sequence ?? 0 };
      });
    },
    TIMEOUT_MS,
  );
});

async function race(where: string, take: Take, countedFor: Counted): Promise<void> {
  const started = performance.now();
  for (let round = 0; round < ROUNDS; round += 1) {
    const customer = `user_${round}`;
    const quantities = draw(CONSUMERS, 1, QUANTITY_MAX, SEED + round);
    const taken = await Promise.all(quantities.map((quantity, index) => take(customer, quantity, index)));

    const { consumed, sequence } = await countedFor(customer);
    const sequences = taken.filter((one) => one !== null);
    const refused = quantities.filter((_, index) => taken[index] === null);
    expect(consumed).toBeLessThanOrEqual(LIMIT);
    expect(consumed).toBe(sum(quantities) - sum(refused));
    expect(sequences.toSorted((a, b) => a - b)).toEqual(times(sequences.length, (n) => n + 1));
    expect(sequence).toBe(sequences.length);
    // What was counted only grew: whatever was refused does not fit now either.
    expect(consumed + Math.min(...refused)).toBeGreaterThan(LIMIT);
  }
  const seconds = ((performance.now() - started) / 1000).toFixed(1);
  report(`${where}: ${ROUNDS} rounds of ${CONSUMERS} consumers against a limit of ${LIMIT} in ${seconds} s`);
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0);
}
