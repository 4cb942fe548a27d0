import { setTimeout as pause } from 'node:timers/promises';
import { between, type Fault } from '../fault.ts';
import { underLoad } from '../load.ts';
import { openSite } from '../place.ts';

/** Under load before each kill. */
const LOAD_MS_MAX = 400;

export const killPostgres: Fault = {
  name: 'kill-postgres',
  title: 'kill -9 of one of two APIs on PostgreSQL',
  unit: 'cycles',
  runs: { quick: 1, full: 100 },
  async prepare(scene) {
    const site = await openSite(scene, { DATABASE_URL: await scene.newDatabase() }, 2);
    return () =>
      underLoad(scene, site, async ({ untilRecorded }) => {
        await pause(between(scene.random, 0, LOAD_MS_MAX));
        const place = site.places[between(scene.random, 0, 1)];
        await place?.kill();
        scene.measure('recording by the other', await untilRecorded());
        scene.measure('restart to ready', (await place?.restart()) ?? NaN);
      });
  },
};
