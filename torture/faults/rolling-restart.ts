import type { Fault } from '../fault.ts';
import { underLoad, type Trouble } from '../load.ts';
import { openSite } from '../place.ts';

export const rollingRestart: Fault = {
  name: 'rolling-restart',
  title: 'Two APIs on PostgreSQL restarted in turn',
  unit: 'rounds',
  runs: { quick: 0, full: 10 },
  async prepare(scene) {
    const site = await openSite(scene, { DATABASE_URL: await scene.newDatabase() }, 2);
    return () => underLoad(scene, site, (load) => restartInTurn(scene, site.places, load));
  },
};

export const restartInTurn: Trouble = async (_, places, { untilRecorded }) => {
  for (const place of places) {
    await place.stop();
    await place.restart();
    await untilRecorded();
  }
};
