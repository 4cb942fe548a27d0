import { expect, it } from 'vitest';
import type { CatalogDocument } from '../../packages/server/src/metering/catalog.ts';
import { report, scale, times } from './support/scale.ts';
import { describeServers } from './support/stores.ts';

/** A period ends while events are on their way, and every instant around it is told alike by whoever is asked. */

const BOUNDARIES = scale(2, 20);
const EVENTS = scale(300, 2_000);
const CALLERS = 40;
/** The clock walks from so long before the boundary to as long after it, one millisecond at a time. */
const AROUND_MS = 15;
/** Of so many events one is followed by a read of the caller's own. */
const READ_EVERY = 10;
const TIMEOUT_MS = scale(60_000, 600_000);
const DAY_MS = 86_400_000;

const PRICING: CatalogDocument = {
  features: [
    { key: 'daily', title: 'By the day', type: 'usage_quota', decimals: 0 },
    { key: 'monthly', title: 'By the month', type: 'usage_quota', decimals: 0 },
  ],
  products: [
    {
      id: 'free',
      name: 'Free',
      default: true,
      prices: [{ id: 'free', amount: 0, currency: 'usd', interval: 'month' }],
      features: [
        { feature: 'daily', limit: 1_000_000, reset: 'day' },
        { feature: 'monthly', limit: 10 },
      ],
    },
  ],
};

interface Tracked {
  readonly recorded_at: string;
  readonly sequence: number;
  readonly usage: {
    readonly consumed_units: number;
    readonly period_start: string;
    readonly period_end: string;
  };
}

interface Metric {
  readonly consumed: number;
  readonly sequence: number;
  readonly period_start: string;
  readonly period_end: string;
  readonly as_of: string;
}

interface Check {
  readonly usage: number;
  readonly sequence: number;
  readonly metadata: { readonly resets_at: string };
  readonly as_of: string;
}

describeServers(PRICING, (context, store) => {
  it(
    'crossed under load leaves each event in exactly one period, and no reader in another',
    async () => {
      await track('crosser', 'daily', 0);
      let read = 0;
      for (let day = 1; day <= BOUNDARIES; day += 1) {
        const { period_end } = await metric('crosser', 'daily');
        const boundary = Date.parse(period_end);
        context.server.clock.now = boundary - AROUND_MS;
        const before = (await metric('crosser', 'daily')).sequence;

        const crossing = cross('crosser', boundary);
        const reads = await Promise.all([watch(crossing, metricAt), watch(crossing, checkAt)]);
        read += reads[0] + reads[1];
        const events = await crossing;

        const sides = [events.filter(({ at }) => at < boundary), events.filter(({ at }) => at >= boundary)];
        for (const [side, first] of [before + 1, 1].entries()) {
          const sequences = sides[side]?.map(({ sequence }) => sequence).sort((a, b) => a - b) ?? [];
          expect(sequences.length).toBeGreaterThan(0);
          expect(sequences).toEqual(times(sequences.length, (n) => first + n));
        }
      }
      report(`${store.name}: ${BOUNDARIES} boundaries, each crossed by ${EVENTS} events under ${read} reads`);
    },
    TIMEOUT_MS,
  );

  it('is at the same instant for track, check and metrics', async () => {
    await track('asker', 'monthly', 1);
    for (let month = 0; month < 14; month += 1) {
      const { period_end } = await metric('asker', 'monthly');
      for (const offset of [-1, 0, 1]) {
        context.server.clock.now = Date.parse(period_end) + offset;
        const [told, row] = [await check('asker', 'monthly'), await metric('asker', 'monthly')];
        const { usage } = await track('asker', 'monthly', 1);
        const consumed = usage.consumed_units - 1;
        expect(row).toMatchObject({
          consumed,
          period_start: usage.period_start,
          period_end: usage.period_end,
        });
        expect(told).toMatchObject({ usage: consumed, metadata: { resets_at: usage.period_end } });
        expect(usage.period_start === period_end).toBe(offset >= 0);
        expect(consumed === 0).toBe(offset === 0);
      }
    }
  });

  /** Sends events from many callers, and moves the clock on with their replies. */
  async function cross(customer: string, boundary: number): Promise<{ at: number; sequence: number }[]> {
    const events: { at: number; sequence: number }[] = [];
    let sent = 0;
    await Promise.all(
      times(CALLERS, async () => {
        while (sent < EVENTS) {
          sent += 1;
          const { recorded_at, sequence, usage } = await track(customer, 'daily', 1);
          const at = Date.parse(recorded_at);
          events.push({ at, sequence });
          expect(at >= Date.parse(usage.period_start) && at < Date.parse(usage.period_end)).toBe(true);
          context.server.clock.now =
            boundary - AROUND_MS + Math.floor((2 * AROUND_MS * events.length) / EVENTS);
          if (sequence % READ_EVERY !== 0) continue;
          const seen = await metricAt();
          expect(isBefore(seen, { start: Date.parse(usage.period_start), sequence })).toBe(false);
        }
      }),
    );
    return events;
  }

  /** Reads until the work is done: periods hold their instant, and what is shown never goes back. */
  async function watch(work: Promise<unknown>, look: () => Promise<Seen>): Promise<number> {
    const state = { done: false };
    const ended = work.finally(() => (state.done = true));
    let last: Seen = { start: 0, sequence: 0 };
    let reads = 0;
    do {
      const seen = await look();
      expect(isBefore(seen, last)).toBe(false);
      last = seen;
      reads += 1;
    } while (!state.done);
    await ended;
    return reads;
  }

  async function metricAt(): Promise<Seen> {
    const { period_start, period_end, as_of, consumed, sequence } = await metric('crosser', 'daily');
    expect(period_start <= as_of && as_of < period_end).toBe(true);
    // Events of one unit each, but for the first, of none.
    expect(sequence - consumed).toBeLessThanOrEqual(1);
    return { start: Date.parse(period_start), sequence };
  }

  async function checkAt(): Promise<Seen> {
    const { metadata, as_of, usage, sequence } = await check('crosser', 'daily');
    const start = Date.parse(metadata.resets_at) - DAY_MS;
    expect(start <= Date.parse(as_of) && as_of < metadata.resets_at).toBe(true);
    expect(sequence - usage).toBeLessThanOrEqual(1);
    return { start, sequence };
  }

  const track = (customer_id: string, feature_key: string, quantity: number) =>
    reply<Tracked>(201, 'POST', '/v1/usage/track', { customer_id, feature_key, quantity });

  const check = (customer: string, feature: string) =>
    reply<Check>(200, 'GET', `/v1/usage/check?customer_id=${customer}&feature_key=${feature}`);

  async function metric(customer: string, feature: string): Promise<Metric> {
    const path = `/v1/usage/metrics?customer_id=${customer}&feature_key=${feature}`;
    const { metrics } = await reply<{ metrics: Metric[] }>(200, 'GET', path);
    const [row] = metrics;
    if (row === undefined) throw new Error(`${customer} has no row of ${feature}`);
    return row;
  }

  async function reply<T>(expected: number, method: string, path: string, body?: unknown): Promise<T> {
    const { status, text } = await context.tenant.ask(method, path, body);
    expect(status, text).toBe(expected);
    return JSON.parse(text) as T;
  }
});

/** What a reader sees of one counter after the other. */
interface Seen {
  readonly start: number;
  readonly sequence: number;
}

function isBefore(one: Seen, other: Seen): boolean {
  return one.start < other.start || (one.start === other.start && one.sequence < other.sequence);
}
