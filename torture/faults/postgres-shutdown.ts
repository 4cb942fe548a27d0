import { setTimeout as pause } from 'node:timers/promises';
import { startPostgresServer, type PostgresServer } from '../../test/proofs/support/replicated-postgres.ts';
import { between, type Fault } from '../fault.ts';
import { underLoad, type Trouble } from '../load.ts';
import { openSite } from '../place.ts';
import { probe } from '../probe.ts';

const LOAD_MS_MAX = 400;
/** How long the database stays away. */
const AWAY_MS_MAX = 1_000;

export const postgresShutdown: Fault = {
  name: 'postgres-shutdown',
  title: 'PostgreSQL shut down at once',
  unit: 'shutdowns',
  runs: { quick: 1, full: 20 },
  async prepare(scene) {
    const postgres = await startPostgresServer();
    scene.atEnd(() => postgres.remove());
    scene.atEnd(() => postgres.control('stop', '--mode', 'immediate'));
    const site = await openSite(scene, { DATABASE_URL: postgres.url }, 2);
    return () =>
      underLoad(scene, site, async (load) => {
        const probing = probe(site);
        await shutDown(postgres)(scene, site.places, load);
        scene.expect('service', await probing.end());
      });
  },
};

export const shutDown =
  (postgres: PostgresServer): Trouble =>
  async (scene, _, { untilRecorded }) => {
    await pause(between(scene.random, 0, LOAD_MS_MAX));
    await postgres.control('stop', '--mode', 'immediate');
    await pause(between(scene.random, 0, AWAY_MS_MAX));
    await postgres.control('start');
    scene.measure('recording again', await untilRecorded());
  };
