import { fork, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { Agent, request } from 'node:http';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { machine, printFacts, printTable, progress, quantile, writeResults } from './report.ts';
import { DELAY_MS, DELAYED_BATCH, type SlowServer, type SlowServerUsage } from './slow-server.ts';

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
/** What a store with the delay takes at most. */
const STORE_PER_S = (DELAYED_BATCH * 1_000) / DELAY_MS;
const TICK_MS = 5;
/** Connections that one run may open; a request beyond waits for one, as it would in a balancer. */
const SOCKETS_MAX = 1_000;
const CALLERS = 64;
const RECOVERY_STEP_MS = 500;
const RECOVERY_MS_MAX = 10_000;
/** How far the resident memory may grow under three times what the server can do: what waits is bounded. */
const GROWTH_MB_MAX = 300;

interface Reply {
  readonly status: number;
  /** By the clock of `performance`. */
  readonly at: number;
  readonly tookMs: number;
  readonly saysWhen: boolean;
}

/** What became of the requests of one run. */
interface Figures {
  readonly offeredPerS: number;
  /** Recorded while it lasted: what comes after is no more than what waited. */
  readonly goodPerS: number;
  /** Recorded at all. */
  readonly good: number;
  readonly p99Ms: number;
  readonly turnedAway: number;
  /** Any reply but 201 and 503 with `Retry-After`, and connections that broke. */
  readonly others: number;
}

interface Running {
  readonly keys: SlowServer['keys'];
  send(secretKey: string): Promise<Reply>;
  usage(): Promise<SlowServerUsage>;
  stop(): Promise<void>;
}

async function startServer(kind: 'delayed' | 'direct'): Promise<Running> {
  const child = fork(join(import.meta.dirname, 'slow-server.ts'), [kind]);
  const { url, keys } = (await message(child)) as SlowServer;
  // Tenants have connections of their own: none waits in the callers for those of another.
  const agents = new Map(keys.map((key) => [key, new Agent({ keepAlive: true, maxSockets: SOCKETS_MAX })]));
  let sent = 0;
  return {
    keys,
    send(secretKey) {
      sent += 1;
      const started = performance.now();
      const headers = { Authorization: `Bearer ${secretKey}`, 'Content-Type': 'application/json' };
      const agent = agents.get(secretKey);
      const asked = request(`${url}/v1/usage/track`, { agent, method: 'POST', headers });
      const event = { customer_id: `user_${sent % 100}`, feature_key: 'events', quantity: 1 };
      return new Promise((resolve) => {
        const done = (status: number, saysWhen: boolean): void => {
          const at = performance.now();
          resolve({ status, saysWhen, at, tookMs: at - started });
        };
        asked.on('error', () => done(0, false));
        asked.on('response', (reply) => {
          reply.resume().on('end', () => done(reply.statusCode ?? 0, 'retry-after' in reply.headers));
        });
        asked.end(JSON.stringify({ ...event, idempotency_key: `bench-${sent}` }));
      });
    },
    async usage() {
      child.send('usage');
      return (await message(child)) as SlowServerUsage;
    },
    async stop() {
      for (const agent of agents.values()) agent.destroy();
      child.send('stop');
      await once(child, 'exit');
    },
  };
}

async function message(child: ChildProcess): Promise<unknown> {
  const [value] = (await once(child, 'message')) as [unknown];
  return value;
}

/** Sends at a rate, whatever comes back. */
async function openLoop(perS: number, runMs: number, send: () => Promise<Reply>): Promise<Figures> {
  const replies: Promise<Reply>[] = [];
  const started = performance.now();
  for (let now = started; now - started < runMs; now = performance.now()) {
    const due = Math.floor(((now - started) * perS) / 1_000);
    while (replies.length < due) replies.push(send());
    await pause(TICK_MS);
  }
  const ended = performance.now();
  return figures(await Promise.all(replies), started, ended);
}

/** Each caller sends again when it has its reply: as much as the server can do. */
async function closedLoop(runMs: number, send: () => Promise<Reply>): Promise<Figures> {
  const replies: Reply[] = [];
  const started = performance.now();
  const call = async (): Promise<void> => {
    while (performance.now() - started < runMs) replies.push(await send());
  };
  await Promise.all(Array.from({ length: CALLERS }, call));
  return figures(replies, started, performance.now());
}

function figures(replies: readonly Reply[], started: number, ended: number): Figures {
  const runMs = ended - started;
  const good = replies.filter(({ status }) => status === 201);
  const turnedAway = replies.filter(({ status, saysWhen }) => status === 503 && saysWhen).length;
  return {
    offeredPerS: (replies.length * 1_000) / runMs,
    goodPerS: (good.filter(({ at }) => at <= ended).length * 1_000) / runMs,
    good: good.length,
    p99Ms: quantile(
      good.map(({ tookMs }) => tookMs),
      0.99,
    ),
    turnedAway,
    others: replies.length - good.length - turnedAway,
  };
}

/** How long after an overload until everything at half the capacity is recorded, and nothing turned away. */
async function recovery(perS: number, send: () => Promise<Reply>): Promise<number> {
  for (let waited = RECOVERY_STEP_MS; waited <= RECOVERY_MS_MAX; waited += RECOVERY_STEP_MS) {
    const { turnedAway, others } = await openLoop(perS / 2, RECOVERY_STEP_MS, send);
    if (turnedAway + others === 0) return waited;
  }
  return Number.POSITIVE_INFINITY;
}

interface Overload {
  readonly name: string;
  readonly figures: Figures;
  /** Of what it does at its best. */
  readonly shareOfPeak: number;
  /** Recorded for each second of processor time: says what overload costs on a machine that others use, too. */
  readonly goodPerCpuS: number;
  readonly rssMb: number;
}

async function overload(kind: 'delayed' | 'direct', times: readonly number[]) {
  const server = await startServer(kind);
  const send = (): Promise<Reply> => server.send(server.keys[0]);
  try {
    await closedLoop(RUN_MS / 2, send);
    const measure = async (
      name: string,
      run: () => Promise<Figures>,
      peakPerS?: number,
    ): Promise<Overload> => {
      progress(`${kind}: ${name}`);
      const before = await server.usage();
      const measured = await run();
      const { cpuMs, rssMb } = await server.usage();
      return {
        name,
        figures: measured,
        shareOfPeak: measured.goodPerS / (peakPerS ?? measured.goodPerS),
        goodPerCpuS: (measured.good * 1_000) / (cpuMs - before.cpuMs),
        rssMb,
      };
    };
    const peak = await measure('its best', () =>
      kind === 'delayed' ? openLoop(STORE_PER_S, RUN_MS, send) : closedLoop(RUN_MS, send),
    );
    const { goodPerS } = peak.figures;
    const rows = [peak];
    for (const factor of times) {
      const run = () => openLoop(goodPerS * factor, RUN_MS, send);
      rows.push(await measure(`${factor} times that`, run, goodPerS));
    }
    progress(`${kind}: after it`);
    return { rows, recoveredMs: await recovery(goodPerS, send) };
  } finally {
    await server.stop();
  }
}

/** One tenant at half of what the store takes of it, alone and beside another that asks for five times as much as that. */
async function noisyNeighbour() {
  const server = await startServer('delayed');
  const [quiet, noisy] = server.keys;
  const measure = (): Promise<Figures> => openLoop(STORE_PER_S / 2, RUN_MS, () => server.send(quiet));
  try {
    progress('a quiet tenant alone');
    const alone = await measure();
    progress('a quiet tenant beside a noisy one');
    const noise = openLoop(5 * STORE_PER_S, RUN_MS, () => server.send(noisy));
    const beside = await measure();
    return { alone, beside, noisy: await noise };
  } finally {
    await server.stop();
  }
}

const perS = (value: number): string => value.toFixed(0);

function printOverload(title: string, { rows, recoveredMs }: Overloaded): void {
  printTable(
    [title, 'offered/s', 'recorded/s', 'of its best', 'per CPU s', 'p99 ms', '503', 'other', 'MB'],
    rows.map(
      ({
        name,
        figures: { offeredPerS, goodPerS, p99Ms, turnedAway, others },
        shareOfPeak,
        goodPerCpuS,
        rssMb,
      }) => [
        name,
        ...[perS(offeredPerS), perS(goodPerS), `${(shareOfPeak * 100).toFixed(0)} %`, perS(goodPerCpuS)],
        ...[p99Ms.toFixed(0), turnedAway, others, rssMb].map(String),
      ],
    ),
  );
  console.log(`After it, all is recorded again within ${recoveredMs} ms.`);
}

interface Held {
  readonly promise: string;
  readonly measured: string;
  readonly holds: boolean;
}

type Overloaded = Awaited<ReturnType<typeof overload>>;

/** What the figures must come to, each with what it came to. */
function promises(
  store: Overloaded,
  processor: Overloaded,
  tenants: Awaited<ReturnType<typeof noisyNeighbour>>,
): Held[] {
  const held = (promise: string, value: number, holds: boolean, unit: string): Held => ({
    promise,
    measured: `${value.toFixed(0)} ${unit}`,
    holds,
  });
  const share = (promise: string, row: Overload | undefined): Held => {
    const percent = (row?.shareOfPeak ?? 0) * 100;
    return held(`${promise}: at least 90 % of its best`, percent, percent >= 90, '%');
  };
  const [storePeak, storeAtThree] = store.rows;
  const [peak, atOneFifthMore, atThree] = processor.rows;
  const others = [...store.rows, ...processor.rows].reduce((sum, { figures: of }) => sum + of.others, 0);
  const growth = Math.max(
    (storeAtThree?.rssMb ?? 0) - (storePeak?.rssMb ?? 0),
    (atThree?.rssMb ?? 0) - (peak?.rssMb ?? 0),
  );
  const recovered = Math.max(store.recoveredMs, processor.recoveredMs);
  const slower = (tenants.beside.p99Ms / tenants.alone.p99Ms - 1) * 100;
  return [
    share('3 times what the store takes', storeAtThree),
    share('1.2 times what the processor takes', atOneFifthMore),
    held('Replies that are neither 201 nor 503 with Retry-After: none', others, others === 0, ''),
    held(`Memory at 3 times: at most ${GROWTH_MB_MAX} MB more`, growth, growth <= GROWTH_MB_MAX, 'MB'),
    held('Everything recorded again: within 5 s', recovered, recovered <= 5_000, 'ms'),
    held('A quiet tenant’s p99 beside a noisy one: at most 50 % more', slower, slower <= 50, '%'),
  ];
}

async function main(): Promise<void> {
  const configuration = { ...machine(), storePerS: STORE_PER_S, runMs: RUN_MS };
  printFacts(configuration);
  const store = await overload('delayed', [3]);
  const processor = await overload('direct', [1.2, 3]);
  const tenants = await noisyNeighbour();
  progress('');
  printOverload('too little store', store);
  printOverload('too little processor', processor);
  printTable(
    ['a quiet tenant', 'offered/s', 'recorded/s', 'p99 ms', '503'],
    Object.entries(tenants).map(([name, { offeredPerS, goodPerS, p99Ms, turnedAway }]) => [
      name,
      ...[perS(offeredPerS), perS(goodPerS), p99Ms.toFixed(0), String(turnedAway)],
    ]),
  );
  const held = promises(store, processor, tenants);
  printTable(
    ['promised', 'measured', ''],
    held.map(({ promise, measured, holds }) => [promise, measured, holds ? '✓' : '✗']),
  );
  writeResults('overload', { configuration, store, processor, tenants, promises: held });
}

if (options.help) console.log(HELP);
else await main();
