import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { brokenBuild } from '../../test/support/broken-build.ts';
import { temporaryFolder } from '../../test/support/dev-server.ts';
import type { Fault } from '../fault.ts';
import { UNLIMITED, volley } from '../load.ts';
import { openSite, type Site } from '../place.ts';

const run = promisify(execFile);

/** One after the other, so that no two can share a commit. */
const EVENTS = 50;

/** A process that is killed loses nothing that was written but not synced: only the count of syncs shows that. */
export const unsynced: Fault = {
  name: 'unsynced',
  title: 'Syncs of the disk counted, and a build without any caught',
  unit: 'times',
  runs: { quick: 0, full: 5 },
  async obstacle() {
    return run('strace', ['-V']).then(
      () => undefined,
      () => 'It takes strace, which is not installed (Debian: apt-get install strace).',
    );
  },
  prepare(scene) {
    const broken = brokenBuild([
      {
        file: 'ledger/sqlite/database.js',
        find: 'pragma synchronous = full',
        replace: 'pragma synchronous = off',
      },
    ]);
    scene.atEnd(() => broken.remove());
    return async () => {
      for (const cli of [undefined, broken.cli]) {
        const folder = temporaryFolder();
        scene.atEnd(() => folder.remove());
        const site = await openSite(scene, { BILLINGOS_DATA: folder.path }, 1, cli);
        const syncs = await syncsOf(site, join(folder.path, 'syncs'), async () => {
          await volley(scene, site, {
            meter: UNLIMITED,
            drafts: EVENTS,
            atOnce: 1,
            copies: () => 1,
            quantity: () => 1,
          });
        });
        const isSynced = syncs >= EVENTS;
        const isRight = cli === undefined;
        const what = `${syncs} syncs for ${EVENTS} commits of a build that ${isRight ? 'does' : 'does not'} sync`;
        scene.expect('service', isSynced === isRight ? [] : [what], EVENTS);
      }
    };
  },
};

/** How often the server has synced a file during some work. */
async function syncsOf({ places }: Site, report: string, work: () => Promise<void>): Promise<number> {
  const pid = String(places[0]?.pid);
  const strace = spawn('strace', ['-f', '-e', 'trace=fsync,fdatasync', '-o', report, '-p', pid]);
  const ended = once(strace, 'exit');
  // It says which threads it has attached to.
  await once(strace.stderr, 'data');
  await work();
  strace.kill('SIGINT');
  await ended;
  const calls = (await readFile(report, 'utf8')).match(/^\d+ +f(data)?sync\(/gm);
  return calls?.length ?? 0;
}
