import { temporaryFolder } from '../../test/support/dev-server.ts';
import { addressOf, startWire } from '../../test/support/wire.ts';
import type { Fault } from '../fault.ts';
import { UNLIMITED, volley } from '../load.ts';
import { openSite } from '../place.ts';

const LOST = 100;
const LOSS = 0.5;
const DRAFTS = 200;
const AT_ONCE = 50;

export const lostAnswers: Fault = {
  name: 'lost-answers',
  title: 'The answer lost after the commit',
  unit: `rounds of ${LOST} answers`,
  runs: { quick: 1, full: 100 },
  async prepare(scene) {
    const folder = temporaryFolder();
    scene.atEnd(() => folder.remove());
    const site = await openSite(scene, { BILLINGOS_DATA: folder.path }, 1);
    let left = 0;
    const isAnswerLost = () => {
      const isLost = left > 0 && scene.random() < LOSS;
      if (isLost) left -= 1;
      return isLost;
    };
    const held = () => Promise.resolve();
    const wire = await startWire(() => addressOf(site.nextUrl()), { held, isAnswerLost });
    scene.atEnd(() => wire.stop());
    const target = { ...site, nextUrl: () => `http://127.0.0.1:${wire.port}` };
    return async () => {
      left = LOST;
      const { lookups } = await volley(scene, target, {
        meter: UNLIMITED,
        drafts: DRAFTS,
        atOnce: AT_ONCE,
        copies: () => 1,
        quantity: () => 1,
      });
      const unrecorded = [...lookups].filter(([, event]) => event === null).map(([key]) => key);
      scene.expect('service', left === 0 ? unrecorded : [`${left} answers were not lost`], LOST);
    };
  },
};
