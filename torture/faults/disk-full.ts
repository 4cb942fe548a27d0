import { execFile } from 'node:child_process';
import { rmSync } from 'node:fs';
import { open } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { promisify } from 'node:util';
import { temporaryFolder } from '../../test/support/dev-server.ts';
import { between, type Fault } from '../fault.ts';
import { underLoad } from '../load.ts';
import { openSite } from '../place.ts';
import { probe } from '../probe.ts';

const run = promisify(execFile);

const DISK = 'size=96m,mode=700';
const BALLAST_BYTES = 2 ** 16;
const FULL_MS_MAX = 1_000;
const ASKED_EVERY_MS = 10;

export const diskFull: Fault = {
  name: 'disk-full',
  title: 'The disk full under SQLite',
  unit: 'times',
  runs: { quick: 1, full: 10 },
  async obstacle() {
    const folder = temporaryFolder();
    try {
      await run('mount', ['-t', 'tmpfs', '-o', DISK, 'torture', folder.path]);
      await run('umount', [folder.path]);
      return undefined;
    } catch (error) {
      return `It takes a small disk of its own, and none could be mounted: ${(error as Error).message}`;
    } finally {
      folder.remove();
    }
  },
  async prepare(scene) {
    const folder = temporaryFolder();
    scene.atEnd(() => folder.remove());
    await run('mount', ['-t', 'tmpfs', '-o', DISK, 'torture', folder.path]);
    scene.atEnd(() => run('umount', [folder.path]));
    const site = await openSite(scene, { BILLINGOS_DATA: folder.path }, 1);
    const ballast = join(folder.path, 'ballast');
    return () =>
      underLoad(scene, site, async ({ untilRecorded }) => {
        const probing = probe(site);
        try {
          while (probing.turnedAway === 0) {
            await fill(ballast);
            await pause(ASKED_EVERY_MS);
          }
          await pause(between(scene.random, 0, FULL_MS_MAX));
        } finally {
          rmSync(ballast, { force: true });
        }
        scene.measure('recording again', await untilRecorded());
        scene.expect('service', await probing.end());
      });
  },
};

/** Writes to a file until there is no room for more. */
async function fill(path: string): Promise<void> {
  const file = await open(path, 'a');
  try {
    for (;;) await file.write(Buffer.alloc(BALLAST_BYTES));
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOSPC') throw error;
  } finally {
    await file.close();
  }
}
