import { between, type Fault } from '../fault.ts';
import { LIMITED, volley } from '../load.ts';
import { openSite } from '../place.ts';

/** On average they take one and a half times the limit. */
const CONSUMERS = 300;
const QUANTITY_MAX = 9;

export const limitRace: Fault = {
  name: 'limit-race',
  title: 'A limit raced for through three APIs',
  unit: 'rounds',
  runs: { quick: 2, full: 200 },
  async prepare(scene) {
    const site = await openSite(scene, { DATABASE_URL: await scene.newDatabase() }, 3);
    return async () => {
      await volley(scene, site, {
        meter: LIMITED,
        drafts: CONSUMERS,
        atOnce: CONSUMERS,
        copies: () => 1,
        quantity: () => between(scene.random, 1, QUANTITY_MAX),
      });
    };
  },
};
