import { execFile } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { access, chown, mkdtemp, readdir, realpath, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { delimiter, dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { Client } from 'pg';
import type { Audit } from './audit.ts';

/**
 * A PostgreSQL to test against: the one at DATABASE_URL, or a private one that is started for the test file and
 * removed after it. Each store is a schema of its own.
 */
export interface TestPostgres {
  /** The URL of an empty store. */
  newStore(): Promise<string>;
  /** Runs a statement on a store, past its ledger. */
  run(url: string, sql: string): Promise<void>;
  /** Cuts the connections of every ledger on the database, as a restart would. */
  cutConnections(): Promise<void>;
  /** Removes what was made. */
  stop(): Promise<void>;
}

const run = promisify(execFile);

/** Where Debian and Ubuntu keep the server's programs, which they leave out of PATH. */
const DEBIAN_FOLDER = '/usr/lib/postgresql';

/** For the whole of a test file: start it in `beforeAll`, which returns {@link TestPostgres.stop}. */
export async function startPostgres(): Promise<TestPostgres> {
  const given = process.env['DATABASE_URL'];
  const server = given === undefined ? await startCluster() : { url: given, stop: () => Promise.resolve() };
  const schemas: string[] = [];
  return {
    async newStore() {
      const schema = `billingos_test_${randomBytes(6).toString('hex')}`;
      await administer(server.url, (client) => client.query(`create schema "${schema}"`));
      schemas.push(schema);
      const url = new URL(server.url);
      url.searchParams.set('options', `-c search_path=${schema}`);
      return url.href;
    },
    async run(url, sql) {
      await administer(url, (client) => client.query(sql));
    },
    async cutConnections() {
      await administer(server.url, (client) => client.query(CUT_CONNECTIONS));
    },
    async stop() {
      // A server of our own goes with all that is in it.
      if (given !== undefined) {
        await administer(given, async (client) => {
          for (const schema of schemas) await client.query(`drop schema "${schema}" cascade`);
        });
      }
      await server.stop();
    },
  };
}

/** Reads a store with a connection of its own, past the ledger, and adds everything up again. */
export async function auditPostgres(url: string): Promise<Audit> {
  return administer(url, async (client) => {
    const events = await client.query<{ id: string }>('select id from event order by id');
    const said = await client.query<object>('select metadata from event where metadata is not null');
    const miscounted = await client.query<object>(MISCOUNTED);
    const unkept = await client.query<object>(UNKEPT_KEYS);
    return {
      eventIds: events.rows.map(({ id }) => id),
      metadata: said.rows,
      faults: [...miscounted.rows, ...unkept.rows],
    };
  });
}

/** Runs one piece of work on a connection of its own. */
export async function administer<T>(url: string, work: (client: Client) => Promise<T>): Promise<T> {
  const client = new Client({ connectionString: url });
  await client.connect();
  try {
    return await work(client);
  } finally {
    await client.end();
  }
}

/** A private server on a socket in its own folder, so that no port is taken. */
async function startCluster(): Promise<{ url: string; stop(): Promise<void> }> {
  const programs = await findPrograms();
  const folder = await mkdtemp(join(tmpdir(), 'billingos-pg-'));
  const asServer = await serverUser(folder);
  const data = join(folder, 'data');
  await asServer(join(programs, 'initdb'), [
    ...['--pgdata', data, '--username', 'postgres', '--auth', 'trust'],
    ...['--encoding', 'UTF8', '--no-locale', '--no-sync'],
  ]);
  const control = (command: string, ...args: string[]) =>
    asServer(join(programs, 'pg_ctl'), [command, '--pgdata', data, '--wait', '--silent', ...args]);
  const options = `-c listen_addresses='' -c unix_socket_directories='${folder}' -c fsync=on`;
  await control('start', '--log', join(folder, 'log'), '--options', options);
  return {
    url: `postgres://postgres@localhost/postgres?host=${encodeURIComponent(folder)}`,
    async stop() {
      await control('stop', '--mode', 'immediate');
      await rm(folder, { recursive: true, force: true });
    },
  };
}

/** The folder of the server's programs. */
export async function findPrograms(): Promise<string> {
  const versions = await readdir(DEBIAN_FOLDER).catch(() => []);
  const newestFirst = versions.sort((a, b) => Number(b) - Number(a));
  const folders = [
    ...(process.env['PATH'] ?? '').split(delimiter),
    ...newestFirst.map((version) => join(DEBIAN_FOLDER, version, 'bin')),
  ];
  for (const folder of folders) {
    const present = await Promise.all(
      ['initdb', 'postgres', 'pg_ctl'].map((program) =>
        access(join(folder, program)).then(
          () => true,
          () => false,
        ),
      ),
    );
    // Where they are links, the rest of them is where they lead.
    if (present.every(Boolean)) return dirname(await realpath(join(folder, 'initdb')));
  }
  throw new Error(
    'These tests need PostgreSQL 14 or newer. Install its server (Debian and Ubuntu: apt-get install postgresql; ' +
      'macOS: brew install postgresql), or set DATABASE_URL to a database in which they may create schemas.',
  );
}

/**
 * Runs the server's programs on a folder. The server refuses to run as root: then it runs as the account that its
 * package has made.
 */
export async function serverUser(
  folder: string,
): Promise<(program: string, args: readonly string[]) => Promise<unknown>> {
  if (process.getuid?.() !== 0) return (program, args) => run(program, [...args]);
  const { stdout } = await run('id', ['-u', 'postgres']).catch((cause: unknown) => {
    throw new Error('As root these tests need a user named postgres to run the server as.', { cause });
  });
  await chown(folder, Number(stdout), (await stat(folder)).gid);
  return (program, args) => run('runuser', ['-u', 'postgres', '--', program, ...args], { cwd: folder });
}

/** Of its ledgers, by their application's name; a database that is not ours alone has others. */
const CUT_CONNECTIONS = `
  select pg_terminate_backend(pid) from pg_stat_activity
  where datname = current_database() and application_name = 'billingos' and pid <> pg_backend_pid()`;

const MISCOUNTED = `
  with counted as (
    select tenant_id, customer_id, feature, reset, counter_start, sum(delta) as consumed, count(*) as events,
      count(distinct sequence) as sequences, max(sequence) as sequence
    from event group by 1, 2, 3, 4, 5
  )
  select * from counter c full join counted e
    on e.tenant_id = c.tenant_id and e.customer_id = c.customer_id and e.feature = c.feature
      and e.reset = c.reset and e.counter_start = c.period_start
  where (coalesce(c.sequence, 0) > 0 or e.events > 0) and (
    e.consumed is distinct from c.consumed or e.sequence is distinct from c.sequence
    or e.events is distinct from c.sequence or e.sequences is distinct from c.sequence)`;

const UNKEPT_KEYS = `
  select e.id from event e left join idempotency i on i.tenant_id = e.tenant_id and i.event_id = e.id
  where e.idempotency_key is not null and i.key is distinct from e.idempotency_key`;
