import { temporaryFolder } from '../../test/support/dev-server.ts';
import { killedAfter } from '../../test/support/program.ts';
import { between, type Fault } from '../fault.ts';
import { underLoad } from '../load.ts';
import { openSite } from '../place.ts';

/** A start takes about half of it. */
const KILLED_MS_MAX = 800;

export const firstStart: Fault = {
  name: 'first-start',
  title: 'kill -9 during the first start, on either store',
  unit: 'starts',
  runs: { quick: 2, full: 40 },
  prepare(scene) {
    let turn = 0;
    return async () => {
      const folder = temporaryFolder();
      scene.atEnd(() => folder.remove());
      turn += 1;
      const store =
        turn % 2 === 0 ? { BILLINGOS_DATA: folder.path } : { DATABASE_URL: await scene.newDatabase() };
      await killedAfter(between(scene.random, 0, KILLED_MS_MAX), ['serve', '--port', '0'], store);
      const site = await openSite(scene, store, 1);
      await underLoad(scene, site, () => Promise.resolve());
    };
  },
};
