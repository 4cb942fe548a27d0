import { between, type Fault } from '../fault.ts';
import { UNLIMITED, volley } from '../load.ts';
import { openSite } from '../place.ts';

const KEYS = 500;
const AT_ONCE = 30;

export const duplicates: Fault = {
  name: 'duplicates',
  title: 'Every key sent 2 to 5 times at once, to two APIs',
  unit: `rounds of ${KEYS} keys`,
  runs: { quick: 1, full: 200 },
  async prepare(scene) {
    const site = await openSite(scene, { DATABASE_URL: await scene.newDatabase() }, 2);
    return async () => {
      await volley(scene, site, {
        meter: UNLIMITED,
        drafts: KEYS,
        atOnce: AT_ONCE,
        copies: () => between(scene.random, 2, 5),
        quantity: () => 1,
      });
    };
  },
};
