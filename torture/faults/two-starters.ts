import type { Fault } from '../fault.ts';
import { underLoad } from '../load.ts';
import { openSite } from '../place.ts';

export const twoStarters: Fault = {
  name: 'two-starters',
  title: 'Two APIs that make one PostgreSQL store at once',
  unit: 'starts',
  runs: { quick: 0, full: 20 },
  prepare(scene) {
    return async () => {
      const site = await openSite(scene, { DATABASE_URL: await scene.newDatabase() }, 2);
      await underLoad(scene, site, () => Promise.resolve());
    };
  },
};
