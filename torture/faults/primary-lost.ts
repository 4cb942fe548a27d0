import { setTimeout as pause } from 'node:timers/promises';
import { startReplicatedPostgres } from '../../test/proofs/support/replicated-postgres.ts';
import { between, type Fault } from '../fault.ts';
import { underLoad } from '../load.ts';
import { openSite } from '../place.ts';
import { probe } from '../probe.ts';

const LOAD_MS_MAX = 1_000;

export const primaryLost: Fault = {
  name: 'primary-lost',
  title: 'PostgreSQL’s primary lost, its standby promoted',
  unit: 'failovers',
  // The proofs have it in `npm test` already.
  runs: { quick: 0, full: 5 },
  async prepare(scene) {
    const postgres = await startReplicatedPostgres();
    scene.atEnd(() => postgres.stop());
    const site = await openSite(scene, { DATABASE_URL: postgres.url }, 2);
    let hasStandby = true;
    return () =>
      underLoad(scene, site, async ({ untilRecorded }) => {
        if (!hasStandby) await postgres.addStandby();
        hasStandby = false;
        const probing = probe(site);
        await pause(between(scene.random, 0, LOAD_MS_MAX));
        await postgres.failOver();
        scene.measure('recording again', await untilRecorded());
        scene.expect('service', await probing.end());
      });
  },
};
