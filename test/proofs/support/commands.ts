import fc from 'fast-check';
import type { PlanChange } from './model.ts';

/** What is done to a ledger and its model, as data: printed as it is when a run of them fails. */
export type Command =
  | { readonly do: 'track'; readonly events: readonly Draft[] }
  /** An event sent before, once more: the n-th, counted round. */
  | { readonly do: 'replay'; readonly nth: number }
  | { readonly do: 'subscribe'; readonly customer: number; readonly priceId: string }
  | { readonly do: 'change'; readonly customer: number; readonly change: PlanChange }
  | { readonly do: 'wait'; readonly ms: number }
  /** Waits, or goes back, to the end of the customer's first period, give or take. */
  | { readonly do: 'reach the end'; readonly customer: number; readonly ms: number };

/** An event before its customer and time are known. */
export interface Draft {
  readonly customer: number;
  readonly origin: 'secret' | 'session';
  readonly feature: string;
  readonly ticks: bigint;
  readonly action: 'add' | 'set';
  readonly key: string | null;
  /** Milliseconds from the clock. */
  readonly timestamp: number | null;
  readonly asText: boolean;
}

export const COMMANDS_MAX = 60;
export const CUSTOMERS = 2;

const TICK = 100_000n;
const SECOND_MS = 1_000;
const DAY_MS = 86_400_000;
const BACK_MS_MAX = 5 * SECOND_MS;

const customer = fc.nat(CUSTOMERS - 1);
const priceId = fc.constantFrom('free_month', 'pro_month', 'pro_year', 'pro_fortnight', 'team_quarter');
const whole = fc.integer({ min: -6, max: 12 }).map((n) => BigInt(n) * TICK);

const ticks = fc.oneof(
  { weight: 12, arbitrary: whole },
  { weight: 4, arbitrary: fc.bigInt(-4n * TICK, 6n * TICK) },
  // Halves in the fourth place, which compute must round to its third, and what vanishes there.
  { weight: 2, arbitrary: fc.integer({ min: -999, max: 999 }).map((n) => BigInt(n) * 100n + 50n) },
  { weight: 1, arbitrary: fc.constantFrom(1n, -1n, (2n ** 63n - 1n) * TICK, 2n ** 63n * TICK) },
);

const timestamp = fc.oneof(
  { weight: 8, arbitrary: fc.constant(null) },
  {
    weight: 3,
    arbitrary: fc.constantFrom(-35 * DAY_MS, -35 * DAY_MS - 1, 300 * SECOND_MS, 300 * SECOND_MS + 1, 0, -1),
  },
  { weight: 3, arbitrary: fc.integer({ min: -35 * DAY_MS, max: 0 }) },
);

const serverDraft = fc.record<Draft>({
  customer,
  origin: fc.constant('secret'),
  feature: fc.oneof(
    { weight: 20, arbitrary: fc.constantFrom('calls', 'compute', 'mails', 'seats', 'storage') },
    { weight: 1, arbitrary: fc.constantFrom('sso', 'unknown') },
  ),
  ticks,
  action: fc.oneof(
    { weight: 5, arbitrary: fc.constant('add') },
    { weight: 1, arbitrary: fc.constant('set') },
  ),
  key: fc.option(fc.constantFrom('k1', 'k2', 'k3', 'k4'), { freq: 2 }),
  timestamp,
  asText: fc.boolean(),
});

/** `set` takes no negative amount, and a session none at all: the API's schema keeps them from the ledger. */
const draft = fc
  .tuple(serverDraft, fc.boolean(), fc.integer({ min: 0, max: 5 }))
  .map(([event, setsSeats, die]): Draft => {
    const magnitude = event.ticks < 0n ? -event.ticks : event.ticks;
    if (die === 0) return { ...event, origin: 'session', action: 'add', ticks: magnitude };
    if (event.action !== 'set') return event;
    return { ...event, ticks: magnitude, ...(setsSeats && { feature: 'seats', timestamp: null }) };
  });

const planChange = fc.oneof<fc.Arbitrary<PlanChange>[]>(
  fc.record({ priceId }),
  fc.record({ cancelAtPeriodEnd: fc.boolean() }),
  fc.constant({ cancelImmediately: true }),
  fc.record({ status: fc.constantFrom('active', 'past_due', 'incomplete') }),
);

const command = fc.oneof<fc.MaybeWeightedArbitrary<Command>[]>(
  { weight: 12, arbitrary: fc.record({ do: fc.constant('track'), events: fc.tuple(draft) }) },
  {
    weight: 3,
    arbitrary: fc.record({
      do: fc.constant('track'),
      events: fc.array(draft, { minLength: 2, maxLength: 6, size: 'max' }),
    }),
  },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('replay'), nth: fc.nat(COMMANDS_MAX) }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('subscribe'), customer, priceId }) },
  { weight: 3, arbitrary: fc.record({ do: fc.constant('change'), customer, change: planChange }) },
  {
    weight: 2,
    arbitrary: fc.record({
      do: fc.constant('wait'),
      ms: fc.oneof(
        fc.integer({ min: 1, max: 2 * SECOND_MS }),
        fc.integer({ min: DAY_MS / 2, max: 40 * DAY_MS }),
        fc.integer({ min: -BACK_MS_MAX, max: -1 }),
      ),
    }),
  },
  {
    weight: 2,
    arbitrary: fc.record({
      do: fc.constant('reach the end'),
      customer,
      ms: fc.constantFrom(-1, 0, 1),
    }),
  },
);

export const commands = fc.array(command, { minLength: 1, maxLength: COMMANDS_MAX, size: 'max' });

/** Where a run begins, and so its customers' anchor: any day, and often one of those that not every month has. */
export const starts = fc.oneof(
  fc.integer({ min: Date.parse('2020-01-01T00:00:00Z'), max: Date.parse('2032-12-31T23:59:59Z') }),
  fc
    .record({
      year: fc.integer({ min: 2023, max: 2029 }),
      month: fc.nat(11),
      day: fc.constantFrom(28, 29, 30, 31),
      ms: fc.constantFrom(0, 36_000_000, DAY_MS - 1),
    })
    .map(({ year, month, day, ms }) => Date.UTC(year, month, day) + ms),
);
