import { setTimeout as pause } from 'node:timers/promises';
import { between, type Fault } from '../fault.ts';
import { underLoad } from '../load.ts';
import { openSite } from '../place.ts';

/** Longer than others wait for a row that the stopped process has locked. */
const STOPPED_MS_MAX = 6_000;

export const stopped: Fault = {
  name: 'stopped',
  title: 'SIGSTOP of one of two APIs, and SIGCONT',
  unit: 'times',
  runs: { quick: 0, full: 20 },
  async prepare(scene) {
    const site = await openSite(scene, { DATABASE_URL: await scene.newDatabase() }, 2);
    return () =>
      underLoad(scene, site, async ({ untilRecorded }) => {
        const place = site.places[between(scene.random, 0, 1)];
        place?.signal('SIGSTOP');
        await pause(between(scene.random, 0, STOPPED_MS_MAX));
        place?.signal('SIGCONT');
        scene.measure('recording again', await untilRecorded());
      });
  },
};
