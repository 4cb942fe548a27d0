import { setTimeout as pause } from 'node:timers/promises';
import { temporaryFolder } from '../../test/support/dev-server.ts';
import { between, type Fault } from '../fault.ts';
import { underLoad } from '../load.ts';
import { openSite } from '../place.ts';

/** Under load before each kill. */
const LOAD_MS_MAX = 400;

export const killSqlite: Fault = {
  name: 'kill-sqlite',
  title: 'kill -9 of the API on SQLite',
  unit: 'cycles',
  runs: { quick: 2, full: 200 },
  async prepare(scene) {
    const folder = temporaryFolder();
    scene.atEnd(() => folder.remove());
    const site = await openSite(scene, { BILLINGOS_DATA: folder.path }, 1);
    return () =>
      underLoad(scene, site, async ({ untilRecorded }) => {
        await pause(between(scene.random, 0, LOAD_MS_MAX));
        for (const place of site.places) {
          await place.kill();
          scene.measure('restart to ready', await place.restart());
        }
        scene.measure('recording again', await untilRecorded());
      });
  },
};
