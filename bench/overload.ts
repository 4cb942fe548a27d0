import { parseArgs } from 'node:util';
import { printFigures, writeFigures, type Figure } from './figures.ts';
import type { Figures } from './load-generator.ts';
import { NODE_OPTIONS, startGenerator, startStrained, type Generator, type Strained } from './processes.ts';
import { machine, printFacts, printTable, progress, spreadOf } from './report.ts';
import { DELAY_MS, DELAYED_BATCH, type StrainedKind } from './strained-server.ts';

/**
 * What the API does when more is asked of it than it can do: requests come at a rate that does not wait for replies.
 * What it cannot take it must turn away at once, with 503 and when to come again, and go on with what it can.
 */

const HELP = `Measures overload: npm run bench -- overload [options]

  --seconds N      seconds per figure (5); what is promised is promised for 120
  --quick          half a second each, to see that it runs
  --help           this text

Server and callers take a processor each: on a machine that does anything else the figures say little.`;

const { values: options } = parseArgs({
  options: {
    help: { type: 'boolean', default: false },
    quick: { type: 'boolean', default: false },
    seconds: { type: 'string', default: '5' },
  },
});

const RUN_MS = options.quick ? 500 : Number(options.seconds) * 1_000;
const WARM_UP_MS = Math.min(RUN_MS, 3_000);
/** What one file with the delay takes at most, and of a database one tenant. */
const STORE_PER_S = (DELAYED_BATCH * 1_000) / DELAY_MS;
/** A request beyond waits for a connection, as it would in a balancer. */
const CONNECTIONS_MAX = 3_000;
/** Callers that wait for their replies, for what the processor can do. */
const CALLERS = 64;
const CUSTOMERS = 100;
/** Of a tenant alone and beside another, in turn: what else the machine does changes meanwhile. */
const ROUNDS = 3;
const RECOVERY_STEP_MS = 500;
const RECOVERY_MS_MAX = 10_000;
/** How far the resident memory may grow under three times what the server can do: what waits is bounded. */
const GROWTH_MB_MAX = 300;

/** @param perS `null` for as much as callers who wait can send. */
const track = (perS: number | null, runMs = RUN_MS) => ({
  route: 'track' as const,
  customers: CUSTOMERS,
  // Enough for replies that take half a second.
  connections: perS === null ? CALLERS : Math.min(CONNECTIONS_MAX, Math.ceil(perS / 2)),
  perS,
  runMs,
});

interface Overload {
  readonly name: string;
  readonly figures: Figures;
  /** Of what it does at its best. */
  readonly percentOfPeak: number;
  /** Recorded for each second of processor time: says what overload costs on a machine that others use, too. */
  readonly goodPerCpuS: number;
  readonly rssMb: number;
}

interface Overloaded {
  readonly rows: readonly Overload[];
  readonly recoveredMs: number;
}

/** Measures what the server does at its best, and at so many times that. */
async function overload(
  server: Strained,
  generator: Generator,
  peakPerS: number | null,
  times: readonly number[],
): Promise<Overloaded> {
  const [tenant] = server.tenants;
  await generator.press(track(peakPerS, WARM_UP_MS), tenant);
  const measure = async (name: string, perS: number | null, bestPerS?: number): Promise<Overload> => {
    progress(name);
    const before = await server.usage();
    const figures = await generator.press(track(perS), tenant);
    const { cpuMs, rssMb } = await server.usage();
    const { inTimePerS, repliesPerS, tookMs } = figures;
    return {
      name,
      figures,
      percentOfPeak: (inTimePerS / (bestPerS ?? inTimePerS)) * 100,
      goodPerCpuS: (repliesPerS * tookMs) / (cpuMs - before.cpuMs),
      rssMb,
    };
  };
  const peak = await measure('its best', peakPerS);
  const bestPerS = peak.figures.inTimePerS;
  const rows = [peak];
  for (const factor of times) rows.push(await measure(`${factor} times that`, bestPerS * factor, bestPerS));
  progress('after it');
  return { rows, recoveredMs: await recovery(server, generator, bestPerS / 2) };
}

/** How long after an overload until everything at half the capacity is recorded, and nothing turned away. */
async function recovery({ tenants }: Strained, generator: Generator, perS: number): Promise<number> {
  for (let waited = RECOVERY_STEP_MS; waited <= RECOVERY_MS_MAX; waited += RECOVERY_STEP_MS) {
    const { turnedAway, failed } = await generator.press(track(perS, RECOVERY_STEP_MS), tenants[0]);
    if (turnedAway + failed === 0) return waited;
  }
  return Number.POSITIVE_INFINITY;
}

interface Neighbours {
  readonly alone: Figures;
  readonly beside: Figures;
  readonly noisy: Figures;
}

/** A tenant at half its share of the store, in turn alone and beside another that asks for five times its own. */
async function neighbours(server: Strained, generator: Generator): Promise<Neighbours[]> {
  const [quiet, noisy] = server.tenants;
  const sharePerS = STORE_PER_S / 2;
  const roundMs = RUN_MS / ROUNDS;
  await generator.press(track(sharePerS / 2, WARM_UP_MS), quiet);
  const other = startGenerator();
  const rounds: Neighbours[] = [];
  try {
    for (let round = 1; round <= ROUNDS; round += 1) {
      progress(`a quiet tenant alone, round ${round} of ${ROUNDS}`);
      const alone = await generator.press(track(sharePerS / 2, roundMs), quiet);
      progress(`a quiet tenant beside a noisy one, round ${round} of ${ROUNDS}`);
      const noise = other.press(track(5 * sharePerS, roundMs + WARM_UP_MS), noisy);
      const beside = await generator.press(track(sharePerS / 2, roundMs), quiet);
      rounds.push({ alone, beside, noisy: await noise });
    }
    return rounds;
  } finally {
    other.stop();
  }
}

const perS = (value: number): string => value.toFixed(0);

function printOverload(title: string, { rows, recoveredMs }: Overloaded): void {
  printTable(
    [title, 'sent/s', 'recorded/s', 'of its best', 'per CPU s', 'p99 ms', '503', 'other', 'MB'],
    rows.map(({ name, figures, percentOfPeak, goodPerCpuS, rssMb }) => [
      name,
      ...[perS(figures.sentPerS), perS(figures.inTimePerS), `${perS(percentOfPeak)} %`, perS(goodPerCpuS)],
      ...[perS(figures.p99Ms), figures.turnedAway, figures.failed, rssMb].map(String),
    ]),
  );
  console.log(`After it, all is recorded again within ${recoveredMs} ms.`);
}

function printNeighbours(title: string, rounds: readonly Neighbours[]): void {
  printTable(
    [title, 'sent/s', 'recorded/s', 'p50 ms', 'p99 ms', '503'],
    rounds.flatMap(({ alone, beside, noisy }) =>
      Object.entries({ alone, beside, noisy }).map(([name, figures]) => [
        name,
        ...[perS(figures.sentPerS), perS(figures.inTimePerS), perS(figures.p50Ms), perS(figures.p99Ms)],
        String(figures.turnedAway),
      ]),
    ),
  );
}

const once = (value: number) => spreadOf([value]);

function overloadFigures(
  of: string,
  { rows, recoveredMs }: Overloaded,
  targets: readonly (number | null)[],
): Figure[] {
  const [peak, ...above] = rows;
  const sent = rows.reduce((sum, { figures }) => sum + figures.sentPerS * (RUN_MS / 1_000), 0);
  const failed = rows.reduce((sum, { figures }) => sum + figures.failed, 0);
  const growthMb = Math.max(...above.map(({ rssMb }) => rssMb - (peak?.rssMb ?? 0)));
  return [
    ...above.map(({ name, percentOfPeak }, index): Figure => {
      const atLeast = targets[index] ?? null;
      return {
        name: `${of}, ${name}`,
        reference: 'recorded/s at its best',
        unit: '%',
        ...(atLeast !== null && { atLeast }),
        value: once(percentOfPeak),
      };
    }),
    {
      name: `${of}: 201, or 503 with Retry-After`,
      reference: 'all requests',
      unit: '%',
      atLeast: 100,
      value: once(100 * (1 - failed / sent)),
    },
    { name: `${of}: more memory`, reference: '–', unit: 'MB', atMost: GROWTH_MB_MAX, value: once(growthMb) },
    {
      name: `${of}: all recorded again`,
      reference: '–',
      unit: 's',
      atMost: 5,
      value: once(recoveredMs / 1_000),
    },
  ];
}

function neighbourFigure(of: string, rounds: readonly Neighbours[]): Figure {
  return {
    name: `Beside a noisy tenant, ${of}`,
    reference: 'p99 of the same tenant alone',
    unit: '×',
    atMost: 1.5,
    value: spreadOf(rounds.map(({ alone, beside }) => beside.p99Ms / alone.p99Ms)),
  };
}

async function main(): Promise<void> {
  const facts = machine();
  const generator = startGenerator();
  const configuration = {
    ...facts,
    processors: generator.processor,
    nodeOptions: NODE_OPTIONS,
    delayMs: DELAY_MS,
    commandsPerDelay: DELAYED_BATCH,
    runMs: RUN_MS,
  };
  printFacts(configuration);
  const figures: Figure[] = [];
  const measured: Record<string, unknown> = {};
  const on = async (kind: StrainedKind, measure: (server: Strained) => Promise<void>): Promise<void> => {
    const server = await startStrained(kind);
    try {
      await measure(server);
    } finally {
      await server.stop();
    }
  };
  try {
    await on('file', async (server) => {
      const store = await overload(server, generator, STORE_PER_S, [3]);
      printOverload('too little store', store);
      figures.push(...overloadFigures('Store', store, [90]));
      measured['store'] = store;
    });
    await on('processor', async (server) => {
      const processor = await overload(server, generator, null, [1.2, 3]);
      printOverload('too little processor', processor);
      figures.push(...overloadFigures('Processor', processor, [90, null]));
      measured['processor'] = processor;
    });
    for (const kind of ['file', 'database'] as const) {
      await on(kind, async (server) => {
        const tenants = await neighbours(server, generator);
        printNeighbours(`a quiet tenant, one ${kind}`, tenants);
        figures.push(neighbourFigure(`one ${kind}`, tenants));
        measured[`tenants of one ${kind}`] = tenants;
      });
    }
  } finally {
    generator.stop();
  }
  progress('');
  printFigures(figures);
  writeFigures('overload', { configuration, figures, measured });
}

if (options.help) console.log(HELP);
else await main();
