import { parseArgs } from 'node:util';
import { BATCH_MAX, QUEUE_MAX } from '../packages/server/dist/ledger/group-commit.js';
import type { TrackCommand } from '../packages/server/src/metering/decide.ts';
import { newIdempotencyKey } from '../src/client/idempotency.ts';
import { printFigures, writeFigures, type Figure } from './figures.ts';
import { eventOf, prepare, run, SPREAD_OVER, type Figures } from './ledger-load.ts';
import { machine, printFacts, printTable, progress, spreadOf, type Spread } from './report.ts';
import { postgres, sqlite, type Opened, type System, type Unbatched } from './stores.ts';

/**
 * Events per second through the whole ledger, by how many callers wait for their last event before they send the
 * next, beside the same code with one event a transaction on one connection.
 */

const HELP = `Measures the ledger: npm run bench -- ledger [options]

  --quick          one short round, to see that it runs
  --store NAME     sqlite or postgres; both when not given
  --no-keys        events without idempotency keys
  --rounds N       rounds, each on a new store (5)
  --seconds N      seconds per figure and round (2)
  --help           this text

PostgreSQL is a private server, or the one at DATABASE_URL.`;

const { values: options } = parseArgs({
  options: {
    help: { type: 'boolean', default: false },
    quick: { type: 'boolean', default: false },
    store: { type: 'string' },
    'no-keys': { type: 'boolean', default: false },
    rounds: { type: 'string', default: '5' },
    seconds: { type: 'string', default: '2' },
  },
});

const SYSTEMS = { sqlite, postgres };
const CONCURRENCIES = [1, 16, 256];
const WARM_UP_MS = 300;
const QUICK_MS = 300;

/** How many callers send to how many counters: in batches, or each event unbatched. */
interface Load {
  readonly counters: number;
  readonly callers: number;
  readonly by: 'batches' | Unbatched;
}

type Summary = Load & { readonly [Figure in keyof Figures]: Spread };

async function main(): Promise<void> {
  const names = Object.keys(SYSTEMS) as (keyof typeof SYSTEMS)[];
  const wanted = names.filter((name) => options.store === undefined || options.store === name);
  if (wanted.length === 0) throw new Error(`--store is one of ${names.join(', ')}`);
  const rounds = options.quick ? 1 : positive('rounds', options.rounds);
  const runMs = options.quick ? QUICK_MS : positive('seconds', options.seconds) * 1_000;
  const configuration = {
    ...machine(),
    keys: options['no-keys'] ? 'none' : 'as the clients make them',
    batchMax: BATCH_MAX,
    queueMax: QUEUE_MAX,
    rounds,
    runMs,
  };
  printFacts(configuration);
  const figures: Figure[] = [];
  const measured = [];
  for (const name of wanted) {
    const system = await SYSTEMS[name]();
    try {
      const results = await measure(system, rounds, runMs);
      figures.push(...figuresOf(results));
      measured.push(results);
    } finally {
      await system.stop();
    }
  }
  printFigures(figures);
  writeFigures('ledger', { configuration, figures, measured });
}

function positive(name: string, text: string): number {
  const value = Number(text);
  if (!(value > 0)) throw new Error(`--${name} takes a number above 0, not ${text}`);
  return value;
}

function loadsOf({ unbatched }: System): Load[] {
  return [SPREAD_OVER, 1].flatMap((counters) => [
    ...unbatched.map((by) => ({ counters, callers: 1, by })),
    ...CONCURRENCIES.map((callers) => ({ counters, callers, by: 'batches' as const })),
  ]);
}

async function measure(system: System, rounds: number, runMs: number) {
  const loads = loadsOf(system);
  const figures = loads.map((): Figures[] => []);
  let counted = {};
  for (let round = 0; round < rounds; round += 1) {
    const opened = await system.open();
    const tenantId = await prepare(
      opened.ledger,
      Array.from({ length: SPREAD_OVER }, (_, index) => next(index)),
    );
    for (let turn = 0; turn < loads.length; turn += 1) {
      progress(`${system.name}: round ${round + 1} of ${rounds}, figure ${turn + 1} of ${loads.length}`);
      // Begun elsewhere in each round, so that no load always meets the smallest store.
      const index = (turn + round * Math.ceil(loads.length / rounds)) % loads.length;
      const load = loads[index];
      if (load === undefined) continue;
      const send = sender(opened, tenantId, load);
      const sendNext = (sent: number) => send(next(sent % load.counters));
      await run(load.callers, WARM_UP_MS, sendNext);
      figures[index]?.push(await run(load.callers, runMs, sendNext));
    }
    counted = await opened.close();
  }
  const rows = loads.map((load, index) => ({ load, rounds: figures[index] ?? [] }));
  const summaries = rows.map(({ load, rounds }) => summarize(load, rounds));
  progress('');
  print(system, summaries, counted);
  return { store: system.name, ...system.facts, counted, rows };
}

/** What the most callers come to, against one connection that does one transaction an event. */
function figuresOf({ store, rows }: Awaited<ReturnType<typeof measure>>): Figure[] {
  const most = Math.max(...CONCURRENCIES);
  const perS = (counters: number, by: Load['by'], callers: number): number[] =>
    rows
      .find(({ load }) => load.counters === counters && load.by === by && load.callers === callers)
      ?.rounds.map(({ eventsPerS }) => eventsPerS) ?? [];
  const ratios = (of: number[], to: number[]): Spread =>
    spreadOf(of.map((value, round) => value / (to[round] ?? NaN)));
  const spread = perS(SPREAD_OVER, 'batches', most);
  const hot = perS(1, 'batches', most);
  return [
    {
      name: `${store}, over ${SPREAD_OVER} counters`,
      reference: 'one event a transaction',
      unit: '×',
      atLeast: 10,
      value: ratios(spread, perS(SPREAD_OVER, 'direct', 1)),
    },
    {
      name: `${store}, one hot counter`,
      reference: 'one event a transaction',
      unit: '×',
      atLeast: 10,
      value: ratios(hot, perS(1, 'direct', 1)),
    },
    {
      name: `${store}, one hot counter`,
      reference: `the same over ${SPREAD_OVER}`,
      unit: '×',
      atLeast: 0.8,
      value: ratios(hot, spread),
    },
  ];
}

type Send = (command: TrackCommand) => Promise<unknown>;

function sender({ ledger, send }: Opened, tenantId: string, { by }: Load): Send {
  if (by === 'batches') {
    const tenant = ledger.tenant(tenantId);
    return (command) => tenant.track([command]);
  }
  const unbatched = send[by];
  if (unbatched === undefined) throw new Error(`This system cannot send ${by}`);
  return (command) => unbatched(tenantId, command);
}

function next(counter: number): TrackCommand {
  return eventOf(`customer_${counter}`, options['no-keys'] ? null : newIdempotencyKey());
}

function summarize(load: Load, figures: readonly Figures[]): Summary {
  return {
    ...load,
    eventsPerS: spreadOf(figures.map(({ eventsPerS }) => eventsPerS)),
    p50Ms: spreadOf(figures.map(({ p50Ms }) => p50Ms)),
    p99Ms: spreadOf(figures.map(({ p99Ms }) => p99Ms)),
  };
}

const NAMES = {
  direct: 'one event a transaction',
  threaded: 'the same, from another thread',
};

function print(system: System, summaries: readonly Summary[], counted: Readonly<Record<string, number>>) {
  console.log(`\n${system.name}`);
  printFacts({ ...system.facts, ...counted });
  for (const counters of [SPREAD_OVER, 1]) {
    const rows = summaries.filter((summary) => summary.counters === counters);
    const reference = rows.find(({ by }) => by === 'direct')?.eventsPerS.median ?? NaN;
    printTable(
      [
        counters === 1 ? 'One hot counter' : `${counters} counters`,
        ...['events/s', 'lowest–highest', 'ratio', 'p50 ms', 'p99 ms'],
      ],
      rows.map(({ by, callers, eventsPerS, p50Ms, p99Ms }) => [
        by === 'batches' ? `group commit, callers: ${callers}` : NAMES[by],
        eventsPerS.median.toFixed(0),
        `${eventsPerS.min.toFixed(0)}–${eventsPerS.max.toFixed(0)}`,
        `${(eventsPerS.median / reference).toFixed(1)}×`,
        p50Ms.median.toFixed(2),
        p99Ms.median.toFixed(2),
      ]),
    );
  }
}

if (options.help) console.log(HELP);
else await main();
