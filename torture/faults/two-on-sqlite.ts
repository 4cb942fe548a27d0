import { temporaryFolder } from '../../test/support/dev-server.ts';
import { killedAfter } from '../../test/support/program.ts';
import type { Fault } from '../fault.ts';
import { underLoad } from '../load.ts';
import { openSite } from '../place.ts';

/** One that was not refused would serve for as long. */
const REFUSED_WITHIN_MS = 20_000;

export const twoOnSqlite: Fault = {
  name: 'two-on-sqlite',
  title: 'A second API on one SQLite file',
  unit: 'attempts',
  runs: { quick: 1, full: 20 },
  async prepare(scene) {
    const folder = temporaryFolder();
    scene.atEnd(() => folder.remove());
    const store = { BILLINGOS_DATA: folder.path };
    const site = await openSite(scene, store, 1);
    return () =>
      underLoad(scene, site, async () => {
        const { code, stderr } = await killedAfter(REFUSED_WITHIN_MS, ['serve', '--port', '0'], store);
        const isRefused = code === 1 && stderr.includes(`is in use by the server at ${site.nextUrl()}`);
        scene.expect('service', isRefused ? [] : [`a second one ended with ${code}: ${stderr}`]);
      });
  },
};
