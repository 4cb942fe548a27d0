import { setTimeout as pause } from 'node:timers/promises';
import { join } from 'node:path';
import { startPostgresServer, type PostgresServer } from '../../test/proofs/support/replicated-postgres.ts';
import type { Environment } from '../../test/support/program.ts';
import { addressOf, startWire, type Wire } from '../../test/support/wire.ts';
import { between, type Fault, type Scene } from '../fault.ts';
import { underLoad, type Trouble } from '../load.ts';
import { openSite, type Site } from '../place.ts';

const TROUBLE_MS_MAX = 1_500;
const DELAY_MS_MAX = 40;
const SOCKET = '.s.PGSQL.5432';

/** A line on which bytes are held up. */
interface Line {
  readonly wire: Wire;
  /** Until this is settled nothing goes on, though every connection stays. */
  blackHole: Promise<unknown>;
  isSlow: boolean;
}

export const clientNetwork = networkFault(
  'client-network',
  'Resets, black holes and slow links before the APIs',
  ({ clients }) => clients,
);
export const databaseNetwork = networkFault(
  'database-network',
  'The same before PostgreSQL',
  ({ database }) => database,
);

function networkFault(name: string, title: string, pick: (site: WiredSite) => Line): Fault {
  return {
    name,
    title,
    unit: 'times',
    runs: { quick: 1, full: 60 },
    async prepare(scene) {
      const wired = await openWiredSite(scene, 2);
      const line = pick(wired);
      let turn = 0;
      return () =>
        underLoad(scene, wired.site, async (load) => {
          turn += 1;
          await troublesOf(line)[turn % TROUBLES.length]?.(scene, wired.site.places, load);
        });
    },
  };
}

/** APIs on a PostgreSQL of their own, with lines that may fail before the one and the other. */
export interface WiredSite {
  readonly site: Site;
  readonly postgres: PostgresServer;
  readonly clients: Line;
  readonly database: Line;
}

export async function openWiredSite(
  scene: Scene,
  servers: number,
  env: Environment = {},
): Promise<WiredSite> {
  const postgres = await startPostgresServer();
  scene.atEnd(() => postgres.remove());
  scene.atEnd(() => postgres.control('stop', '--mode', 'immediate'));
  const database = await openLine(scene, () => ({ path: join(postgres.socketFolder, SOCKET) }));
  const url = `postgres://postgres@127.0.0.1:${database.wire.port}/postgres`;
  const opened = await openSite(scene, { ...env, DATABASE_URL: url }, servers);
  const { clients, site } = await openLineTo(scene, opened);
  return { site, postgres, clients, database };
}

/** Puts a line that may fail between a site and its clients. */
export async function openLineTo(scene: Scene, site: Site): Promise<Pick<WiredSite, 'clients' | 'site'>> {
  const clients = await openLine(scene, () => addressOf(site.nextUrl()));
  return { clients, site: { ...site, nextUrl: () => `http://127.0.0.1:${clients.wire.port}` } };
}

async function openLine(scene: Scene, next: Parameters<typeof startWire>[0]): Promise<Line> {
  const held = async () => {
    await line.blackHole;
    if (line.isSlow) await pause(between(scene.random, 0, DELAY_MS_MAX));
  };
  const wire = await startWire(next, { held, isAnswerLost: () => false });
  scene.atEnd(() => wire.stop());
  const line: Line = { wire, blackHole: Promise.resolve(), isSlow: false };
  return line;
}

/** All that may happen to a line. */
export function troublesOf(line: Line): readonly Trouble[] {
  return TROUBLES.map((befall) => async (scene, _, { untilRecorded }) => {
    await befall(line, between(scene.random, 0, TROUBLE_MS_MAX));
    scene.measure('recording again', await untilRecorded());
  });
}

const TROUBLES: readonly ((line: Line, milliseconds: number) => Promise<void>)[] = [
  async (line, milliseconds) => {
    await pause(milliseconds);
    line.wire.cut();
  },
  async (line, milliseconds) => {
    line.blackHole = pause(milliseconds);
    await line.blackHole;
    line.wire.cut();
  },
  async (line, milliseconds) => {
    line.blackHole = pause(milliseconds);
    await line.blackHole;
  },
  async (line, milliseconds) => {
    line.isSlow = true;
    await pause(milliseconds);
    line.isSlow = false;
  },
];
