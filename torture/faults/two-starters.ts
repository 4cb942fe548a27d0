import { startPostgres } from '../../packages/server/src/ledger/testing/postgres.ts';
import type { Fault } from '../fault.ts';
import { underLoad } from '../load.ts';
import { openSite } from '../place.ts';

export const twoStarters: Fault = {
  name: 'two-starters',
  title: 'Two APIs that make one PostgreSQL store at once',
  unit: 'starts',
  runs: { quick: 1, full: 20 },
  async prepare(scene) {
    const postgres = await startPostgres();
    scene.atEnd(() => postgres.stop());
    return async () => {
      const site = await openSite(scene, { DATABASE_URL: await postgres.newStore() }, 2);
      await underLoad(scene, site, async () => undefined);
    };
  },
};
