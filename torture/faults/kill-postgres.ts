import { setTimeout as pause } from 'node:timers/promises';
import { anyOf, between, type Fault } from '../fault.ts';
import { underLoad, type Trouble } from '../load.ts';
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
    return () => underLoad(scene, site, (load) => killOne(scene, site.places, load));
  },
};

export const killOne: Trouble = async (scene, places, { untilRecorded }) => {
  await pause(between(scene.random, 0, LOAD_MS_MAX));
  const place = anyOf(scene.random, places);
  await place.kill();
  scene.measure('recording by the other', await untilRecorded());
  scene.measure('restart to ready', await place.restart());
};
