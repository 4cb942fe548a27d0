import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { between, type Fault } from '../fault.ts';
import { underLoad } from '../load.ts';
import { openSite } from '../place.ts';

const PRELOADED = join(import.meta.dirname, 'stepped-clock.js');
const DAY_MS = 86_400_000;
const BACK_MS_MAX = 2 * DAY_MS;
/** Past the end of a month; keys are kept for two days more. */
const AHEAD_MS_MAX = 34 * DAY_MS;
const STEPPED_MS_MAX = 400;

export const clockSteps: Fault = {
  name: 'clock-steps',
  title: 'The clock of one of two APIs set, and set right',
  unit: 'times',
  runs: { quick: 1, full: 40 },
  prepare(scene) {
    return async () => {
      const offset = between(scene.random, -BACK_MS_MAX, AHEAD_MS_MAX);
      const store = {
        DATABASE_URL: await scene.newDatabase(),
        NODE_OPTIONS: `--import=${PRELOADED}`,
        CLOCK_OFFSETS_MS: `${offset},0`,
      };
      const site = await openSite(scene, store, 2);
      await underLoad(scene, site, async ({ untilRecorded }) => {
        for (const place of site.places.slice(0, 1)) {
          place.signal('SIGUSR2');
          await untilRecorded();
          await pause(between(scene.random, 0, STEPPED_MS_MAX));
          place.signal('SIGUSR2');
          await untilRecorded();
        }
      });
    };
  },
};
