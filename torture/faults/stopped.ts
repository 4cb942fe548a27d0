import { setTimeout as pause } from 'node:timers/promises';
import { anyOf, between, type Fault } from '../fault.ts';
import { underLoad, type Trouble } from '../load.ts';
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
    return () => underLoad(scene, site, (load) => stopOne(scene, site.places, load));
  },
};

export const stopOne: Trouble = async (scene, places, { untilRecorded }) => {
  const place = anyOf(scene.random, places);
  place.signal('SIGSTOP');
  await pause(between(scene.random, 0, STOPPED_MS_MAX));
  place.signal('SIGCONT');
  scene.measure('recording again', await untilRecorded());
};
