import { startPostgres } from '../../packages/server/src/ledger/testing/postgres.ts';
import type { Fault } from '../fault.ts';
import { underLoad } from '../load.ts';
import { openSite } from '../place.ts';

export const rollingRestart: Fault = {
  name: 'rolling-restart',
  title: 'Two APIs on PostgreSQL restarted in turn',
  unit: 'rounds',
  runs: { quick: 0, full: 10 },
  async prepare(scene) {
    const postgres = await startPostgres();
    scene.atEnd(() => postgres.stop());
    const site = await openSite(scene, { DATABASE_URL: await postgres.newStore() }, 2);
    return () =>
      underLoad(scene, site, async ({ untilRecorded }) => {
        for (const place of site.places) {
          await place.stop();
          await place.restart();
          await untilRecorded();
        }
      });
  },
};
