import { randomUUID } from 'node:crypto';
import { statfsSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { parseArgs } from 'node:util';
import { newIdempotencyKey } from '../src/client/idempotency.ts';
import { printFigures, writeFigures, type Figure } from './figures.ts';
import { customerAt, fullStore, type Contents } from './full-store.ts';
import { eventOf, prepare, run, SPREAD_OVER, type Figures } from './ledger-load.ts';
import { machine, printFacts, printTable, progress, spreadOf } from './report.ts';
import { postgres, sqlite, type Opened, type System } from './stores.ts';

/** Events per second through the whole ledger on a store that is full, beside the same on an empty one. */

const HELP = `Measures a full store: npm run bench -- stored [options]

  --quick          one short round on few events, to see that it runs
  --store NAME     sqlite or postgres; both when not given
  --events N       events stored, of a tenth as many customers (10000000)
  --rounds N       rounds, each with a new empty store (5)
  --seconds N      seconds per figure and round (10)
  --help           this text

A store is filled for each kind of idempotency key, which takes minutes and, in the temporary folder, 25 GB at a time; one that is
interrupted leaves them there, in billingos-*. PostgreSQL is a private server, or the one at DATABASE_URL.`;

const { values: options } = parseArgs({
  options: {
    help: { type: 'boolean', default: false },
    quick: { type: 'boolean', default: false },
    store: { type: 'string' },
    events: { type: 'string', default: '10000000' },
    rounds: { type: 'string', default: '5' },
    seconds: { type: 'string', default: '10' },
  },
});

const SYSTEMS = { sqlite, postgres };
const EVENTS_PER_CUSTOMER = 10;
const QUICK_EVENTS = 100_000;
const EVENTS = options.quick ? QUICK_EVENTS : Number(options.events);
const CUSTOMERS = EVENTS / EVENTS_PER_CUSTOMER;
const ROUNDS = options.quick ? 1 : Number(options.rounds);
const RUN_MS = options.quick ? 500 : Number(options.seconds) * 1_000;
const WARM_UP_MS = options.quick ? 300 : 2_000;
const CALLERS = 256;
/** A store, and the log of the transaction that fills it. */
const DISK_BYTES_PER_EVENT = 2_500;

const KEYS = {
  ordered: { name: 'ordered keys', atLeast: 0.9, newKey: () => newIdempotencyKey() },
  random: { name: 'random keys', atLeast: 0.6, newKey: () => randomUUID() },
} as const satisfies Record<Contents['keys'], { name: string; atLeast: number; newKey: () => string }>;
type Keys = keyof typeof KEYS;

/**
 * Who has events on the full store: customers whose rows are neighbours, as on the empty one, which shows what its size
 * costs; or those far apart, where each counter is written with a page of its own.
 */
const SPACINGS = {
  near: { name: 'neighbours', between: 1 },
  apart: { name: 'customers apart', between: CUSTOMERS / SPREAD_OVER },
} as const;
type Spacing = keyof typeof SPACINGS;

type Round = Record<'empty' | Spacing, Figures>;

async function main(): Promise<void> {
  const names = Object.keys(SYSTEMS) as (keyof typeof SYSTEMS)[];
  const wanted = names.filter((name) => options.store === undefined || options.store === name);
  if (wanted.length === 0) throw new Error(`--store is one of ${names.join(', ')}`);
  if (!Number.isInteger(CUSTOMERS / SPREAD_OVER) || CUSTOMERS <= 0)
    throw new Error(`--events is a multiple of ${SPREAD_OVER * EVENTS_PER_CUSTOMER}, not ${options.events}`);
  checkRoom();
  const configuration = {
    ...machine(),
    events: EVENTS,
    customers: CUSTOMERS,
    callers: CALLERS,
    counters: SPREAD_OVER,
    rounds: ROUNDS,
    runMs: RUN_MS,
  };
  printFacts(configuration);
  const figures: Figure[] = [];
  const measured: Record<string, Round[]> = {};
  for (const store of wanted) {
    for (const keys of Object.keys(KEYS) as Keys[]) {
      // One at a time, each with all of the disk.
      const system = await SYSTEMS[store]();
      try {
        const rounds = await measure(system, keys);
        measured[`${store}, ${keys}`] = rounds;
        figures.push(...figuresOf(system, keys, rounds));
      } finally {
        await system.stop();
      }
    }
  }
  progress('');
  printRounds(measured);
  printFigures(figures);
  writeFigures('stored', { configuration, figures, measured });
}

/** Before the long work, and not in the middle of it. */
function checkRoom(): void {
  const { bavail, bsize } = statfsSync(tmpdir());
  const needed = EVENTS * DISK_BYTES_PER_EVENT;
  if (bavail * bsize >= needed) return;
  const gb = (bytes: number): string => `${(bytes / 1e9).toFixed(1)} GB`;
  throw new Error(
    `${tmpdir()} has ${gb(bavail * bsize)} left, and this needs ${gb(needed)}: set TMPDIR, or --events.`,
  );
}

async function measure(system: System, keys: Keys): Promise<Round[]> {
  const contents = { customers: CUSTOMERS, events: EVENTS, keys };
  const title = `${system.name}, ${KEYS[keys].name}`;
  const parts = await fullStore(contents, (rows, of) =>
    progress(`${title}: ${((rows / of) * 100).toFixed(0)} % of ${of} rows`),
  );
  const full = await system.open(parts);
  try {
    const near = await sender(full, keys, 'near');
    const apart = await sender(full, keys, 'apart');
    for (const send of [near, apart]) await run(CALLERS, WARM_UP_MS, send);
    const rounds: Round[] = [];
    for (let round = 0; round < ROUNDS; round += 1) {
      progress(`${title}: round ${round + 1} of ${ROUNDS}`);
      const empty = await system.open();
      try {
        const senders = { empty: await sender(empty, keys, 'near'), near, apart };
        await run(CALLERS, WARM_UP_MS, senders.empty);
        const order = Object.keys(senders) as (keyof Round)[];
        // Each as often first as last: what else the machine does may grow or fall meanwhile.
        if (round % 2 === 1) order.reverse();
        const measured: Partial<Round> = {};
        for (const load of order) measured[load] = await run(CALLERS, RUN_MS, senders[load]);
        rounds.push(measured as Round);
      } finally {
        await empty.close();
      }
    }
    return rounds;
  } finally {
    await full.close();
  }
}

async function sender(
  { ledger }: Opened,
  keys: Keys,
  spacing: Spacing,
): Promise<(index: number) => Promise<unknown>> {
  const { newKey } = KEYS[keys];
  const { between } = SPACINGS[spacing];
  const next = (index: number) => eventOf(customerAt((index % SPREAD_OVER) * between), newKey());
  const tenantId = await prepare(
    ledger,
    Array.from({ length: SPREAD_OVER }, (_, index) => next(index)),
  );
  const tenant = ledger.tenant(tenantId);
  return (index) => tenant.track([next(index)]);
}

function figuresOf({ name }: System, keys: Keys, rounds: readonly Round[]): Figure[] {
  return (Object.keys(SPACINGS) as Spacing[]).map((spacing) => ({
    name: `${name}, ${KEYS[keys].name}, ${SPACINGS[spacing].name}`,
    reference: 'events/s of an empty store',
    unit: '×',
    atLeast: KEYS[keys].atLeast,
    value: spreadOf(rounds.map((round) => round[spacing].eventsPerS / round.empty.eventsPerS)),
  }));
}

function printRounds(measured: Readonly<Record<string, readonly Round[]>>): void {
  const rows = Object.entries(measured).flatMap(([name, rounds]) =>
    (['empty', 'near', 'apart'] as const).map((load) => {
      const of = (figure: keyof Figures) => spreadOf(rounds.map((round) => round[load][figure]));
      const { median, min, max } = of('eventsPerS');
      return [
        `${name}, ${load}`,
        median.toFixed(0),
        `${min.toFixed(0)}–${max.toFixed(0)}`,
        of('p50Ms').median.toFixed(2),
        of('p99Ms').median.toFixed(2),
      ];
    }),
  );
  printTable(['', 'events/s', 'lowest–highest', 'p50 ms', 'p99 ms'], rows);
}

if (options.help) console.log(HELP);
else await main();
