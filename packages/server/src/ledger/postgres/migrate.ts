import type { Client } from 'pg';
import { ignore, newClient, type Queryable } from './database.ts';
import { MIGRATIONS } from './migrations.ts';

/** PostgreSQL 14, by its own numbering. */
const SERVER_VERSION_MIN = 140_000;

const ANSWER_TIMEOUT_MS = 10_000;

/** Of a store whose table of versions is there. */
export async function schemaVersion(database: Queryable): Promise<number> {
  const [row] = await database.query(SELECT_VERSION);
  return Number(row?.['version'] ?? 0);
}

const SELECT_VERSION = { name: 'schema_version', text: 'select max(version) as version from migration' };

/**
 * Brings the schema up to date. Any number of processes may do so at once: each step begins by inserting its
 * version, so whoever is second waits for the first, and then finds the step done.
 * @returns the version that was found, 0 where there was no store.
 * @throws Error saying what is wrong with the server, or that its schema is of a newer release.
 */
export async function migrate(url: string): Promise<number> {
  const client = newClient(url);
  client.on('error', ignore);
  try {
    await client.connect();
    await checkServer(client);
    const found = await versionOf(client);
    await createVersionTable(client);
    for (let version = 1; version <= MIGRATIONS.length; version += 1) await apply(client, version);
    refuseNewer(await versionOf(client));
    return found;
  } finally {
    await client.end().catch(ignore);
  }
}

/** The schema version of a store, 0 where there is none. */
export async function readVersion(url: string): Promise<number> {
  const client = newClient(url, ANSWER_TIMEOUT_MS);
  client.on('error', ignore);
  try {
    await client.connect();
    return await versionOf(client);
  } finally {
    await client.end().catch(ignore);
  }
}

async function versionOf(client: Client): Promise<number> {
  const { rows } = await client.query<{ there: boolean }>(
    `select to_regclass('migration') is not null as there`,
  );
  if (rows[0]?.there !== true) return 0;
  const { rows: versions } = await client.query<{ version: bigint | null }>(SELECT_VERSION.text);
  return Number(versions[0]?.version ?? 0);
}

function refuseNewer(version: number): void {
  if (version <= MIGRATIONS.length) return;
  throw new Error(
    `The store has schema version ${version}; this release knows ${MIGRATIONS.length}. Use a newer release.`,
  );
}

async function checkServer(client: Client): Promise<void> {
  const { rows } = await client.query<{ version: bigint; encoding: string; commit: string }>(
    `select current_setting('server_version_num')::int as version, current_setting('server_encoding') as encoding,
      current_setting('synchronous_commit') as commit`,
  );
  const [server] = rows;
  if (server === undefined) return;
  if (server.version < SERVER_VERSION_MIN) {
    throw new Error(`The database is PostgreSQL ${server.version / 10_000n}; version 14 or newer is needed.`);
  }
  if (server.encoding !== 'UTF8') {
    throw new Error(`The database's encoding is ${server.encoding}; create one with encoding UTF8.`);
  }
  // With it off a reply comes before the event is on disk, and a crash loses events that were acknowledged.
  if (server.commit === 'off') {
    throw new Error(
      `The database's synchronous_commit is off; a recorded event must be on disk. Set it to on.`,
    );
  }
}

/**
 * Of several that find the table missing at the same moment all but one fail, on an index of the system's or on the
 * table's row type; by then the first has made it, and a second try finds it.
 */
async function createVersionTable(client: Client): Promise<void> {
  const create = () => client.query(CREATE_VERSION_TABLE);
  await create().catch(create);
}

const CREATE_VERSION_TABLE = `create table if not exists migration (
  version integer primary key, applied_at timestamptz not null default now())`;

async function apply(client: Client, version: number): Promise<void> {
  await client.query('begin');
  try {
    const { rowCount } = await client.query(
      'insert into migration (version) values ($1) on conflict do nothing',
      [version],
    );
    if (rowCount === 1) await client.query(MIGRATIONS[version - 1] ?? '');
    await client.query('commit');
  } catch (error) {
    await client.query('rollback').catch(ignore);
    throw error;
  }
}
