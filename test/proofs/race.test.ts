import { beforeAll, describe, expect, it } from 'vitest';
import { rowsOf } from '../../packages/server/src/ledger/account.ts';
import type { Ledger, TenantLedger } from '../../packages/server/src/ledger/ledger.ts';
import type { CatalogDocument } from '../../packages/server/src/metering/catalog.ts';
import { command } from '../../packages/server/src/metering/testing/pricing.ts';
import { startApiPair, type ApiPair } from './support/api-pair.ts';
import { draw, report, scale, SEED, sum, times } from './support/scale.ts';
import { describeStores, usePostgres, type CreatedStore } from './support/stores.ts';

/** A limit, and more consumers than it can serve, all at the same moment. */

const LIMIT = 100;
const CONSUMERS = 500;
const QUANTITY_MAX = 7;
const ROUNDS = scale(5, 200);
const UNLIMITED_ROUNDS = scale(2, 20);
const TIMEOUT_MS = scale(60_000, 600_000);

const PRICING: CatalogDocument = {
  features: [
    { key: 'calls', title: 'API calls', type: 'usage_quota', decimals: 0 },
    { key: 'mails', title: 'Emails', type: 'usage_quota', decimals: 0 },
  ],
  products: [
    {
      id: 'free',
      name: 'Free',
      default: true,
      prices: [{ id: 'free', amount: 0, currency: 'usd', interval: 'month' }],
      features: [
        { feature: 'calls', limit: LIMIT },
        { feature: 'mails', limit: null },
      ],
    },
  ],
};

/** A store, and how consumers reach it. */
interface Contest {
  readonly where: string;
  /** Takes a quantity: the sequence of the event, or `null` where the limit refused it. */
  readonly take: (from: Counter, quantity: number, consumer: number) => Promise<number | null>;
  readonly counted: (counter: Counter) => Promise<{ consumed: number; sequence: number }>;
}

interface Counter {
  readonly customer: string;
  readonly feature: string;
}

describeStores((store) => {
  let created: CreatedStore;
  let ledger: Ledger;
  let tenant: TenantLedger;

  beforeAll(async () => {
    created = await store.create();
    ledger = await created.open(Date.now);
    tenant = ledger.tenant(await ledger.ensureTenant('Acme', 'test', Date.now()));
    await tenant.putCatalog(PRICING, Date.now());
    return async () => {
      await ledger.close();
      expect((await created.audit()).faults).toEqual([]);
    };
  });

  proveExact({
    where: store.name,
    async take({ customer: externalId, feature }, quantity) {
      const [verdict] = await tenant.track([command(feature, quantity, { externalId })]);
      if (verdict?.outcome === 'recorded') return verdict.event.sequence;
      expect(verdict).toMatchObject({ outcome: 'refused', code: 'quota_exceeded' });
      return null;
    },
    async counted({ customer, feature }) {
      const now = Date.now();
      const [row] = rowsOf(await tenant.account(customer, now), now, feature);
      return { consumed: Number(row?.counter.consumed), sequence: row?.counter.sequence ?? 0 };
    },
  });
});

describe('on two API processes with one PostgreSQL', () => {
  const postgres = usePostgres();
  let api: ApiPair;
  let readers = 0;

  beforeAll(async () => {
    api = await startApiPair(await postgres.newStore(), PRICING);
    return () => api.stop();
  });

  proveExact({
    where: 'Two API processes',
    async take({ customer, feature }, quantity, consumer) {
      const event = { customer_id: customer, feature_key: feature, quantity };
      const { status, json, text } = await api.post(consumer, '/v1/usage/track', event);
      if (status === 201) return json.sequence;
      expect(status, text).toBe(402);
      return null;
    },
    async counted({ customer, feature }) {
      const path = `/v1/usage/metrics?customer_id=${customer}&feature_key=${feature}`;
      const { json } = await api.get((readers += 1), path);
      return json.metrics[0] ?? { consumed: 0, sequence: 0 };
    },
  });
});

function proveExact(contest: Contest): void {
  it(
    'a limit is never passed, and refuses nobody while there is room',
    async () => {
      await hold(contest, 'calls', { limit: LIMIT, rounds: ROUNDS });
    },
    TIMEOUT_MS,
  );

  it(
    'no limit lets everyone through, each counted once',
    async () => {
      await hold(contest, 'mails', { limit: Infinity, rounds: UNLIMITED_ROUNDS });
    },
    TIMEOUT_MS,
  );
}

async function hold(
  { where, take, counted }: Contest,
  feature: string,
  { limit, rounds }: { limit: number; rounds: number },
): Promise<void> {
  const started = performance.now();
  for (let round = 0; round < rounds; round += 1) {
    const counter = { customer: `user_${round}`, feature };
    const quantities = draw(CONSUMERS, 1, QUANTITY_MAX, SEED + round);
    // Who makes a counter holds the others up: with this one it is there, and all begin as equals.
    const first = await take(counter, 0, round);
    const taken = await Promise.all(quantities.map((quantity, index) => take(counter, quantity, index)));

    const { consumed, sequence } = await counted(counter);
    const sequences = [first, ...taken].filter((one) => one !== null);
    const refused = quantities.filter((_, index) => taken[index] === null);
    expect(consumed).toBeLessThanOrEqual(limit);
    expect(consumed).toBe(sum(quantities) - sum(refused));
    expect(sequences.toSorted((a, b) => a - b)).toEqual(times(sequences.length, (n) => n + 1));
    expect(sequence).toBe(sequences.length);
    // What was counted only grew: whatever was refused does not fit now either.
    expect(refused.filter((quantity) => consumed + quantity <= limit)).toEqual([]);
  }
  const seconds = ((performance.now() - started) / 1000).toFixed(1);
  report(`${where}: ${rounds} rounds of ${CONSUMERS} consumers, limit ${limit}, in ${seconds} s`);
}
