import { readdirSync, readFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { administer } from '../packages/server/src/ledger/testing/postgres.ts';
import { startPostgresServer } from '../test/proofs/support/replicated-postgres.ts';
import { pricedStore } from '../test/support/priced-store.ts';
import { startServe } from '../test/support/program.ts';
import { machine, printFacts, printTable, progress, writeResults } from './report.ts';

/**
 * Events per second over HTTP by how many API processes share one PostgreSQL, and what one event costs each side in
 * processor time. The cost is what a capacity is reckoned from: unlike the rate it hardly depends on who else uses the
 * machine.
 */

const HELP = `Measures API processes on one PostgreSQL: npm run bench -- scaling [options]

  --quick      one short run of each, to see that it runs
  --seconds N  seconds per figure (5)
  --help       this text`;

const { values: options } = parseArgs({
  options: {
    help: { type: 'boolean', default: false },
    quick: { type: 'boolean', default: false },
    seconds: { type: 'string', default: '5' },
  },
});

const PROCESSES = [1, 2, 3];
/** Events in a request. */
const SIZES = [1, 100];
const CLIENTS_PER_PROCESS = 16;
const CUSTOMERS = 1_000;
const QUICK_MS = 500;
/** `_SC_CLK_TCK`, which is this on every Linux. */
const TICK_MS = 10;

interface Figures {
  readonly processes: number;
  readonly eventsPerRequest: number;
  readonly eventsPerS: number;
  readonly apiMicrosPerEvent: number;
  readonly postgresMicrosPerEvent: number;
}

async function main(): Promise<void> {
  const runMs = options.quick ? QUICK_MS : Number(options.seconds) * 1_000;
  if (!(runMs > 0)) throw new Error(`--seconds takes a number above 0, not ${options.seconds}`);
  const configuration = { ...machine(), clientsPerProcess: CLIENTS_PER_PROCESS, runMs };
  printFacts(configuration);
  const figures: Figures[] = [];
  for (const processes of PROCESSES) {
    for (const eventsPerRequest of SIZES) {
      progress(`${processes} processes, ${eventsPerRequest} events a request`);
      figures.push(await measure(processes, eventsPerRequest, runMs));
    }
  }
  progress('');
  printTable(
    ['processes × events a request', 'events/s', 'API µs an event', 'PostgreSQL µs an event'],
    figures.map((one) => [
      `${one.processes} × ${one.eventsPerRequest}`,
      one.eventsPerS.toFixed(0),
      one.apiMicrosPerEvent.toFixed(0),
      one.postgresMicrosPerEvent.toFixed(0),
    ]),
  );
  writeResults('scaling', { configuration, measured: figures });
}

async function measure(processes: number, eventsPerRequest: number, runMs: number): Promise<Figures> {
  const postgres = await startPostgresServer();
  const env = { DATABASE_URL: postgres.url, BILLINGOS_RATE_LIMIT: '0', BILLINGOS_LOG: 'error' };
  const servers = await Promise.all(Array.from({ length: processes }, () => startServe([], env)));
  try {
    const { secretKey } = await pricedStore(env);
    const root = await postmasterOf(postgres.url);
    const sides = () => ({
      api: servers.reduce((total, { pid }) => total + (statOf(String(pid))?.usedMs ?? 0), 0),
      postgres: usedMsBelow(root),
    });
    const headers = { Authorization: `Bearer ${secretKey}`, 'Content-Type': 'application/json' };
    let sent = 0;
    const send = async (url: string): Promise<void> => {
      const events = Array.from({ length: eventsPerRequest }, () => ({
        customer_id: `customer_${(sent += 1) % CUSTOMERS}`,
        feature_key: 'bulk_calls',
        quantity: 1,
        idempotency_key: `key-${sent}`,
      }));
      const [path, body] = eventsPerRequest === 1 ? ['track', events[0]] : ['batch', { events }];
      const reply = await fetch(`${url}/v1/usage/${path}`, {
        method: 'POST',
        headers,
        body: JSON.stringify(body),
      });
      if (!reply.ok) throw new Error(`${reply.status} ${await reply.text()}`);
      await reply.arrayBuffer();
    };
    const load = async (durationMs: number): Promise<number> => {
      const before = sent;
      const end = performance.now() + durationMs;
      const clients = servers.flatMap(({ url }) => Array<string>(CLIENTS_PER_PROCESS).fill(url));
      await Promise.all(
        clients.map(async (url) => {
          while (performance.now() < end) await send(url);
        }),
      );
      return sent - before;
    };
    // Makes customers and counters, and lets the processes warm up.
    await load(runMs);
    const before = sides();
    const began = performance.now();
    const events = await load(runMs);
    const seconds = (performance.now() - began) / 1_000;
    const after = sides();
    return {
      processes,
      eventsPerRequest,
      eventsPerS: events / seconds,
      apiMicrosPerEvent: ((after.api - before.api) / events) * 1_000,
      postgresMicrosPerEvent: ((after.postgres - before.postgres) / events) * 1_000,
    };
  } finally {
    for (const server of servers) server.signal('SIGKILL');
    await Promise.all(servers.map(({ ended }) => ended));
    await postgres.control('stop', '--mode', 'immediate');
    await postgres.remove();
  }
}

/** The process above all of a PostgreSQL's: the parent of the one that answers. */
async function postmasterOf(url: string): Promise<string> {
  return administer(url, async (client) => {
    const { rows } = await client.query<{ pid: number }>('select pg_backend_pid() as pid');
    return statOf(String(rows[0]?.pid))?.parent ?? '';
  });
}

/** Of a process's children that are there; PostgreSQL's connections stay for as long as a figure takes. */
function usedMsBelow(parent: string): number {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .map(statOf)
    .reduce((total, stat) => total + (stat?.parent === parent ? stat.usedMs : 0), 0);
}

/** A process's parent and the processor time that it has used; `undefined` where it is gone. */
function statOf(pid: string): { readonly parent: string; readonly usedMs: number } | undefined {
  try {
    const text = readFileSync(`/proc/${pid}/stat`, 'utf8');
    // The name before it may hold blanks.
    const fields = text.slice(text.lastIndexOf(')') + 2).split(' ');
    const [parent = '', user, system] = [fields[1], Number(fields[11]), Number(fields[12])];
    return { parent, usedMs: (user + system) * TICK_MS };
  } catch {
    return undefined;
  }
}

if (options.help) console.log(HELP);
else await main();
