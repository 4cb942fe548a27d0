import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { administer, findPrograms, startPostgres } from '../packages/server/src/ledger/testing/postgres.ts';
import { printFigures, writeFigures, type Figure } from './figures.ts';
import { BATCH_EVENTS } from './load-generator.ts';
import { NODE_OPTIONS, startApi, startGenerator, type Generator, type Server } from './processes.ts';
import { machine, printFacts, progress, spreadOf } from './report.ts';

/**
 * Events a second through `/v1/usage/batch` on PostgreSQL, each with its idempotency record, beside the plainest
 * counting that the same database can do with the same durability: pgbench, incrementing rows.
 */

const HELP = `Measures batches beside pgbench: npm run bench -- pgbench [options]

  --quick          one short round, to see that it runs
  --rounds N       rounds, each with every figure (5)
  --seconds N      seconds per figure and round (5)
  --help           this text

PostgreSQL is a private server, or the one at DATABASE_URL.`;

const { values: options } = parseArgs({
  options: {
    help: { type: 'boolean', default: false },
    quick: { type: 'boolean', default: false },
    rounds: { type: 'string', default: '5' },
    seconds: { type: 'string', default: '5' },
  },
});

const ROUNDS = options.quick ? 1 : Number(options.rounds);
const RUN_S = options.quick ? 1 : Number(options.seconds);
const CALLERS = 16;
/** Rows that pgbench increments, and counters that events go to. */
const SPREADS = { one: 1, many: 1_000 };

interface Round {
  /** Increments a second. */
  readonly pgbench: number;
  /** Events a second. */
  readonly batches: number;
}

/** Clients that each wait for one increment's commit before they begin the next. */
function pgbench(programs: string, url: string, rows: number): number {
  const folder = mkdtempSync(join(tmpdir(), 'billingos-bench-'));
  const script = join(folder, 'increment.sql');
  // libpq knows no `+` for a space.
  const database = url.replaceAll('+', '%20');
  writeFileSync(script, `\\set id random(1, ${rows})\nupdate bench set count = count + 1 where id = :id;\n`);
  try {
    const args = [
      '-n',
      '-M',
      'prepared',
      '-c',
      String(CALLERS),
      '-j',
      '2',
      '-T',
      String(RUN_S),
      '-f',
      script,
      database,
    ];
    const said = execFileSync(join(programs, 'pgbench'), args, {
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'ignore'],
    });
    return Number(/^tps = ([\d.]+) \(without/m.exec(said)?.[1]);
  } finally {
    rmSync(folder, { recursive: true });
  }
}

async function batches(generator: Generator, api: Server, customers: number, runMs: number): Promise<number> {
  const load = { route: 'batch', customers, connections: CALLERS, perS: null, runMs } as const;
  const { repliesPerS } = await generator.run(load, api);
  return repliesPerS * BATCH_EVENTS;
}

async function main(): Promise<void> {
  const facts = machine();
  const programs = await findPrograms();
  const postgres = await startPostgres();
  const generator = startGenerator();
  try {
    const url = await postgres.newStore();
    const settings = await administer(url, async (client) => {
      await client.query('create table bench (id integer primary key, count bigint not null)');
      await client.query(`insert into bench select id, 0 from generate_series(1, ${SPREADS.many}) as id`);
      const { rows } = await client.query<Record<string, string>>(SETTINGS);
      return rows[0] ?? {};
    });
    const configuration = {
      ...facts,
      ...settings,
      processors: generator.processor,
      nodeOptions: NODE_OPTIONS,
      callers: CALLERS,
      eventsPerBatch: BATCH_EVENTS,
      rounds: ROUNDS,
      runS: RUN_S,
    };
    printFacts(configuration);
    const api = await startApi(await postgres.newStore());
    const measured: Record<keyof typeof SPREADS, Round[]> = { one: [], many: [] };
    try {
      for (const over of Object.values(SPREADS)) await batches(generator, api, over, 1_000);
      for (let round = 0; round < ROUNDS; round += 1) {
        for (const [name, over] of Object.entries(SPREADS) as [keyof typeof SPREADS, number][]) {
          progress(`round ${round + 1} of ${ROUNDS}, rows: ${over}`);
          measured[name].push({
            pgbench: pgbench(programs, url, over),
            batches: await batches(generator, api, over, RUN_S * 1_000),
          });
        }
      }
    } finally {
      await api.stop();
    }
    progress('');
    const ratio = (rounds: readonly Round[]) =>
      spreadOf(rounds.map((round) => round.batches / round.pgbench));
    const reference = `pgbench -c ${CALLERS}, increments/s`;
    const figures: Figure[] = [
      {
        name: 'Batches to one counter',
        reference: `${reference} of one row`,
        unit: '×',
        atLeast: 10,
        value: ratio(measured.one),
      },
      {
        name: `Batches over ${SPREADS.many} counters`,
        reference: `${reference} of ${SPREADS.many} rows`,
        unit: '×',
        atLeast: 3,
        value: ratio(measured.many),
      },
    ];
    printFigures(figures);
    writeFigures('pgbench', { configuration, figures, measured });
  } finally {
    generator.stop();
    await postgres.stop();
  }
}

const SETTINGS = `select current_setting('server_version') as postgres, current_setting('fsync') as fsync,
  current_setting('synchronous_commit') as synchronous_commit`;

if (options.help) console.log(HELP);
else await main();
