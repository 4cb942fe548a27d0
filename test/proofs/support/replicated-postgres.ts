import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  administer,
  findPrograms,
  serverUser,
} from '../../../packages/server/src/ledger/testing/postgres.ts';
import { startWire } from '../../support/wire.ts';

/**
 * A PostgreSQL primary with a synchronous standby, behind a TCP proxy that follows whoever is the primary: what a
 * commit is acknowledged for is on both.
 */
export interface ReplicatedPostgres {
  /** By way of the proxy. */
  readonly url: string;
  /** Takes the primary away in the middle of its work, and has the standby promoted in its stead. */
  failOver(): Promise<void>;
  /** Gives the primary a synchronous standby again. */
  addStandby(): Promise<void>;
  stop(): Promise<void>;
}

/** A server with a folder of its own: data, log and socket. */
export interface PostgresServer {
  readonly socketFolder: string;
  readonly url: string;
  control(command: string, ...args: string[]): Promise<unknown>;
  remove(): Promise<void>;
}

const SOCKET = '.s.PGSQL.5432';
/** How often a standby is asked for that has just been started. */
const ASKED_EVERY_MS = 50;

export async function startReplicatedPostgres(): Promise<ReplicatedPostgres> {
  const programs = await findPrograms();
  let primary = await startPostgresServer();
  let standby = await followerOf(primary, programs);

  const wire = await startWire(() => ({ path: join(primary.socketFolder, SOCKET) }));

  return {
    url: `postgres://postgres@127.0.0.1:${wire.port}/postgres`,
    async failOver() {
      await primary.control('stop', '--mode', 'immediate');
      wire.cut();
      await standby.control('promote');
      await primary.remove();
      primary = standby;
    },
    async addStandby() {
      standby = await followerOf(primary, programs);
    },
    async stop() {
      await wire.stop();
      for (const server of new Set([standby, primary])) {
        await server.control('stop', '--mode', 'immediate');
        await server.remove();
      }
    },
  };
}

/** One that is killed and started again: whatever DATABASE_URL says, it is a private one. */
export async function startPostgresServer(): Promise<PostgresServer> {
  const programs = await findPrograms();
  const { server, data, asServer } = await prepare(programs);
  await asServer(join(programs, 'initdb'), [
    ...['--pgdata', data, '--username', 'postgres', '--auth', 'trust'],
    ...['--encoding', 'UTF8', '--no-locale', '--no-sync'],
  ]);
  await server.control('start');
  return server;
}

/** A copy of a primary that every commit of the primary waits for, once it has caught up. */
async function followerOf(primary: PostgresServer, programs: string): Promise<PostgresServer> {
  const { server, data, asServer } = await prepare(programs);
  await asServer(join(programs, 'pg_basebackup'), [
    ...['--pgdata', data, '--host', primary.socketFolder, '--username', 'postgres'],
    ...['--checkpoint', 'fast', '--write-recovery-conf', '--no-sync'],
  ]);
  // It was copied with the settings of a primary that waits for a standby: promoted, it has none to wait for.
  await asServer('sed', ['-i', '/synchronous_standby_names/d', join(data, 'postgresql.auto.conf')]);
  await server.control('start');
  await administer(primary.url, async (client) => {
    await client.query("alter system set synchronous_standby_names = '*'");
    await client.query('select pg_reload_conf()');
    for (;;) {
      const { rowCount } = await client.query("select from pg_stat_replication where sync_state = 'sync'");
      if (rowCount === 1) break;
      await new Promise((resolve) => setTimeout(resolve, ASKED_EVERY_MS));
    }
  });
  return server;
}

async function prepare(programs: string) {
  const folder = await mkdtemp(join(tmpdir(), 'billingos-pg-'));
  const asServer = await serverUser(folder);
  const data = join(folder, 'data');
  const options = `-c listen_addresses='' -c unix_socket_directories='${folder}' -c fsync=on`;
  const server: PostgresServer = {
    socketFolder: folder,
    url: `postgres://postgres@localhost/postgres?host=${encodeURIComponent(folder)}`,
    control: (command, ...args) =>
      asServer(join(programs, 'pg_ctl'), [
        ...[command, '--pgdata', data, '--wait', '--silent', ...args],
        ...(command === 'start' ? ['--log', join(folder, 'log'), '--options', options] : []),
      ]),
    remove: () => rm(folder, { recursive: true, force: true }),
  };
  return { server, data, asServer };
}
