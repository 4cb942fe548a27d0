import { setTimeout as pause } from 'node:timers/promises';
import { join } from 'node:path';
import { startPostgresServer } from '../../test/proofs/support/replicated-postgres.ts';
import { addressOf, startWire, type Wire } from '../../test/support/wire.ts';
import { between, type Fault, type Scene } from '../fault.ts';
import { underLoad } from '../load.ts';
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
  (_, clients) => clients,
);
export const databaseNetwork = networkFault(
  'database-network',
  'The same before PostgreSQL',
  (database) => database,
);

function networkFault(name: string, title: string, pick: (database: Line, clients: Line) => Line): Fault {
  return {
    name,
    title,
    unit: 'times',
    runs: { quick: 1, full: 60 },
    async prepare(scene) {
      const postgres = await startPostgresServer();
      scene.atEnd(() => postgres.remove());
      scene.atEnd(() => postgres.control('stop', '--mode', 'immediate'));
      const database = await openLine(scene, () => ({ path: join(postgres.socketFolder, SOCKET) }));
      const url = `postgres://postgres@127.0.0.1:${database.wire.port}/postgres`;
      const site = await openSite(scene, { DATABASE_URL: url }, 2);
      const clients = await openLine(scene, () => addressOf(site.nextUrl()));
      const line = pick(database, clients);
      const target: Site = { ...site, nextUrl: () => `http://127.0.0.1:${clients.wire.port}` };
      let turn = 0;
      return () =>
        underLoad(scene, target, async ({ untilRecorded }) => {
          await TROUBLES[(turn += 1) % TROUBLES.length]?.(line, between(scene.random, 0, TROUBLE_MS_MAX));
          scene.measure('recording again', await untilRecorded());
        });
    },
  };
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
