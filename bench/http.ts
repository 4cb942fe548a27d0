import { parseArgs } from 'node:util';
import { startPostgres } from '../packages/server/src/ledger/testing/postgres.ts';
import { printFigures, writeFigures, type Figure } from './figures.ts';
import type { Figures, Route } from './load-generator.ts';
import {
  NODE_OPTIONS,
  startApi,
  startBare,
  startGenerator,
  type Generator,
  type Server,
} from './processes.ts';
import { machine, printFacts, printTable, progress, spreadOf, type Spread } from './report.ts';

/**
 * Requests a second over HTTP beside a bare server that parses the same body and answers the same bytes, each in turn
 * in every round; and how long a request takes at half the load that the API can carry.
 */

const HELP = `Measures the API over HTTP: npm run bench -- http [options]

  --quick          one short round, to see that it runs
  --store NAME     sqlite or postgres; both when not given
  --rounds N       rounds, each with every figure (5)
  --seconds N      seconds per figure and round (3)
  --help           this text

PostgreSQL is a private server, or the one at DATABASE_URL. Servers and load take two processors: on a machine that
does anything else the figures say little.`;

const { values: options } = parseArgs({
  options: {
    help: { type: 'boolean', default: false },
    quick: { type: 'boolean', default: false },
    store: { type: 'string' },
    rounds: { type: 'string', default: '5' },
    seconds: { type: 'string', default: '3' },
  },
});

const ROUNDS = options.quick ? 1 : Number(options.rounds);
const RUN_MS = options.quick ? 500 : Number(options.seconds) * 1_000;
const WARM_UP_MS = options.quick ? 500 : 3_000;
const CONNECTIONS = 64;
/** So many that the servers, and not their callers' waiting, set the rate. */
const CONNECTIONS_MANY = 256;
/** Customers that events are spread over. */
const SPREAD_OVER = 1_000;

const STORES = {
  sqlite: { name: 'SQLite', target: 0.4 },
  postgres: { name: 'PostgreSQL', target: 0.3 },
};
type StoreName = keyof typeof STORES;

/** What one round asks, and of whom; the last two at half of what `track` came to. */
const LOADS = {
  bareTrack: { of: 'bareTrack', route: 'track', customers: SPREAD_OVER, connections: CONNECTIONS },
  track: { of: 'api', route: 'track', customers: SPREAD_OVER, connections: CONNECTIONS },
  bareMany: { of: 'bareTrack', route: 'track', customers: SPREAD_OVER, connections: CONNECTIONS_MANY },
  many: { of: 'api', route: 'track', customers: SPREAD_OVER, connections: CONNECTIONS_MANY },
  hot: { of: 'api', route: 'track', customers: 1, connections: CONNECTIONS },
  bareCheck: { of: 'bareCheck', route: 'check', customers: SPREAD_OVER, connections: CONNECTIONS },
  check: { of: 'api', route: 'check', customers: SPREAD_OVER, connections: CONNECTIONS },
  bareHalf: { of: 'bareTrack', route: 'track', customers: SPREAD_OVER, connections: CONNECTIONS },
  half: { of: 'api', route: 'track', customers: SPREAD_OVER, connections: CONNECTIONS },
} as const satisfies Record<
  string,
  { of: 'api' | 'bareTrack' | 'bareCheck'; route: Route; customers: number; connections: number }
>;
type LoadName = keyof typeof LOADS;
type Round = Record<LoadName, Figures>;

const isHalf = (name: LoadName): boolean => name === 'bareHalf' || name === 'half';

async function measure(store: StoreName, generator: Generator, databaseUrl?: string): Promise<Round[]> {
  const api = await startApi(databaseUrl);
  const bareTrack = await startBare(api, 'track');
  const bareCheck = await startBare(api, 'check');
  const servers: Record<string, Server> = { api, bareTrack, bareCheck };
  const run = async (name: LoadName, runMs: number, trackedPerS: number): Promise<Figures> => {
    const { of, route, customers, connections } = LOADS[name];
    const server = servers[of];
    if (server === undefined) throw new Error(`There is no server ${of}`);
    const perS = isHalf(name) ? trackedPerS / 2 : null;
    return generator.run({ route, customers, connections, perS, runMs }, server);
  };
  try {
    const names = Object.keys(LOADS) as LoadName[];
    const rounds: Round[] = [];
    for (const name of names.filter((each) => !isHalf(each))) await run(name, WARM_UP_MS, 0);
    for (let round = 0; round < ROUNDS; round += 1) {
      const measured: Partial<Round> = {};
      for (const name of names) {
        progress(`${STORES[store].name}: round ${round + 1} of ${ROUNDS}, ${name}`);
        measured[name] = await run(name, RUN_MS, measured.track?.repliesPerS ?? 0);
      }
      rounds.push(measured as Round);
    }
    return rounds;
  } finally {
    await Promise.all([api, bareTrack, bareCheck].map((server) => server.stop()));
  }
}

function figuresOf(store: StoreName, rounds: readonly Round[], fsyncMs: number): Figure[] {
  const { name, target } = STORES[store];
  const perS = (load: LoadName) => (round: Round) => round[load].repliesPerS;
  const ratio = (of: (round: Round) => number, to: (round: Round) => number): Spread =>
    spreadOf(rounds.map((round) => of(round) / to(round)));
  return [
    {
      name: `Track, ${name}, ${CONNECTIONS} connections`,
      reference: 'requests/s of bare node:http',
      unit: '×',
      atLeast: target,
      value: ratio(perS('track'), perS('bareTrack')),
    },
    {
      name: `Track, ${name}, ${CONNECTIONS_MANY} connections`,
      reference: 'requests/s of bare node:http, as many',
      unit: '×',
      atLeast: target,
      value: ratio(perS('many'), perS('bareMany')),
    },
    {
      name: `Track at half the load of ${CONNECTIONS}, ${name}`,
      reference: 'p99 of bare node:http at the same rate + one fsync',
      unit: '×',
      atMost: 3,
      value: ratio(
        (round) => round.half.p99Ms,
        (round) => round.bareHalf.p99Ms + fsyncMs,
      ),
    },
    {
      name: `One hot counter, ${name}`,
      reference: `the same spread over ${SPREAD_OVER}`,
      unit: '×',
      atLeast: 0.8,
      value: ratio(perS('hot'), perS('track')),
    },
    {
      name: `Check, ${name}`,
      reference: 'requests/s of bare node:http',
      unit: '×',
      atLeast: 0.5,
      value: ratio(perS('check'), perS('bareCheck')),
    },
  ];
}

function printRounds(store: StoreName, rounds: readonly Round[]): void {
  printTable(
    [STORES[store].name, 'replies/s', 'lowest–highest', 'p50 ms', 'p99 ms', 'generator late, p99 ms'],
    (Object.keys(LOADS) as LoadName[]).map((load) => {
      const of = (figure: keyof Figures): Spread => spreadOf(rounds.map((round) => round[load][figure]));
      const { median, min, max } = of('repliesPerS');
      return [
        load,
        median.toFixed(0),
        `${min.toFixed(0)}–${max.toFixed(0)}`,
        of('p50Ms').median.toFixed(2),
        of('p99Ms').median.toFixed(2),
        isHalf(load) ? of('lagP99Ms').median.toFixed(2) : '–',
      ];
    }),
  );
}

async function main(): Promise<void> {
  const wanted = (Object.keys(STORES) as StoreName[]).filter(
    (store) => options.store === undefined || options.store === store,
  );
  if (wanted.length === 0) throw new Error(`--store is one of ${Object.keys(STORES).join(', ')}`);
  const facts = machine();
  const generator = startGenerator();
  const configuration = {
    ...facts,
    processors: generator.processor,
    nodeOptions: NODE_OPTIONS,
    connections: `${CONNECTIONS} and ${CONNECTIONS_MANY}`,
    rounds: ROUNDS,
    runMs: RUN_MS,
    warmUpMs: WARM_UP_MS,
  };
  printFacts(configuration);
  const figures: Figure[] = [];
  const measured: Partial<Record<StoreName, Round[]>> = {};
  try {
    for (const store of wanted) {
      const postgres = store === 'postgres' ? await startPostgres() : null;
      try {
        const rounds = await measure(store, generator, await postgres?.newStore());
        progress('');
        printRounds(store, rounds);
        measured[store] = rounds;
        figures.push(...figuresOf(store, rounds, configuration.fsyncMs));
      } finally {
        await postgres?.stop();
      }
    }
  } finally {
    generator.stop();
  }
  printFigures(figures);
  writeFigures('http', { configuration, figures, measured });
}

if (options.help) console.log(HELP);
else await main();
