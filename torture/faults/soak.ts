import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { temporaryFolder } from '../../test/support/dev-server.ts';
import { anyOf, type Fault, type Scene } from '../fault.ts';
import { underLoad, type Trouble } from '../load.ts';
import { watchMemory, type Growth } from '../memory.ts';
import { openSite, type Place, type Site } from '../place.ts';
import { killOne } from './kill-postgres.ts';
import { openLineTo, openWiredSite, troublesOf } from './network.ts';
import { shutDown } from './postgres-shutdown.ts';
import { restartInTurn } from './rolling-restart.ts';
import { stopOne } from './stopped.ts';

const SHARE_OF_CAPACITY = 0.6;
const FAULT_EVERY_MS = 20_000;
const FAULTS = 60;
/** So many that those who wait for an answer keep hardly any act from beginning when it is due. */
const CLIENTS = 64;
const WARM_UP_MS = 5_000;
const MEASURED_MS = 10_000;
const COLLECTING = { NODE_OPTIONS: `--import=${join(import.meta.dirname, 'collecting.js')}` };
/**
 * Of the process that is never restarted. Pages that come and go by 10 MB look like half of it at times; a server that
 * kept 100 bytes of each request would grow by more at 200 requests a second.
 */
const GROWTH_MB_A_MINUTE_MAX = 1;
/** Below, a slope says little. */
const GROWTH_MINUTES_MIN = 15;

/** What is soaked, and all that may befall it. */
interface Basin {
  readonly site: Site;
  readonly troubles: readonly Trouble[];
  /** The process that lives throughout. */
  readonly lasting: Place;
}

export const soak = soakFault('soak', 'Three APIs on PostgreSQL', async (scene) => {
  const { site, postgres, clients, database } = await openWiredSite(scene, 3, COLLECTING);
  const [lasting, ...others] = site.places as [Place, ...Place[]];
  const amongOthers = [killOne, stopOne, restartInTurn].map(
    (trouble): Trouble =>
      (of, _, load) =>
        trouble(of, others, load),
  );
  const elsewhere = [shutDown(postgres), ...troublesOf(clients), ...troublesOf(database)];
  return { site, troubles: [...amongOthers, ...elsewhere], lasting };
});

/** Its one process has to live for its memory to be watched: it is killed in `kill-sqlite`. */
export const soakSqlite = soakFault('soak-sqlite', 'An API on SQLite', async (scene) => {
  const folder = temporaryFolder();
  scene.atEnd(() => folder.remove());
  const opened = await openSite(scene, { ...COLLECTING, BILLINGOS_DATA: folder.path }, 1);
  const { site, clients } = await openLineTo(scene, opened);
  const [lasting] = site.places as [Place];
  return { site, troubles: [stopOne, ...troublesOf(clients)], lasting };
});

function soakFault(name: string, what: string, open: (scene: Scene) => Promise<Basin>): Fault {
  const percent = SHARE_OF_CAPACITY * 100;
  const seconds = FAULT_EVERY_MS / 1_000;
  return {
    name,
    title: `${what} at ${percent} % of capacity, a fault every ${seconds} s`,
    unit: 'faults',
    runs: { quick: 0, full: FAULTS },
    obstacle: () =>
      Promise.resolve(
        existsSync('/proc/self/status') ? undefined : 'It reads from /proc what memory a process takes.',
      ),
    async prepare(scene) {
      const { site, troubles, lasting } = await open(scene);
      const capacity = await capacityOf(scene, site);
      const rate = SHARE_OF_CAPACITY * capacity;
      let [due, begun] = [0, 0];
      scene.atEnd(() => {
        scene.note(
          `${percent} % of ${capacity.toFixed(0)} requests a second: ${due.toFixed(0)} due, ${begun} begun`,
        );
      });
      const growths = watchMemory(site.places);
      scene.atEnd(() => judgeGrowth(scene, site.places.indexOf(lasting), growths()));
      return () => {
        const turn = turnsAt(rate);
        let isOpen = true;
        due += rate * seconds;
        return underLoad(
          scene,
          site,
          async (load) => {
            const isOver = pause(FAULT_EVERY_MS);
            await anyOf(scene.random, troubles)(scene, site.places, load);
            await isOver;
            isOpen = false;
          },
          { clients: CLIENTS, turn: () => turn().then(() => (begun += Number(isOpen))) },
        );
      };
    },
  };
}

/** How many acts a second are done where each client goes on as soon as it is answered. */
async function capacityOf(scene: Scene, site: Site): Promise<number> {
  let acts = 0;
  let measured = 0;
  const turn = () => Promise.resolve((acts += 1));
  await underLoad(
    scene,
    site,
    async () => {
      await pause(WARM_UP_MS);
      const before = acts;
      await pause(MEASURED_MS);
      measured = acts - before;
    },
    { clients: CLIENTS, turn },
  );
  return measured / (MEASURED_MS / 1_000);
}

/** Turns that come at a rate, however long it takes what was begun: what waited for a client is made up for. */
function turnsAt(perSecond: number): () => Promise<void> {
  let due = performance.now();
  return async () => {
    due += 1_000 / perSecond;
    await pause(Math.max(0, due - performance.now()));
  };
}

function judgeGrowth(scene: Scene, lasting: number, growths: readonly Growth[]): void {
  for (const [place, { minutes, peakMb, mbPerMinute }] of growths.entries()) {
    const api = `API ${place + 1}`;
    scene.note(`${api}: up for ${minutes.toFixed(1)} min, ${peakMb.toFixed(0)} MB at the most`);
    if (place !== lasting || minutes < GROWTH_MINUTES_MIN) continue;
    const grew = `the memory of ${api} grew by ${mbPerMinute.toFixed(2)} MB a minute after the warm-up`;
    scene.note(grew);
    scene.expect('service', mbPerMinute <= GROWTH_MB_A_MINUTE_MAX ? [] : [grew]);
  }
}
