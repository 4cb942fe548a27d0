import { expect, it } from 'vitest';
// The store loads this when it is needed; in simulated time it is there at once.
import './background.ts';
import { simulate } from './testing/simulation.ts';

const SEEDS = 2_000;
/** Seeds that once found something: a disk given up while its tab was frozen, an outcome shown to another customer. */
const FOUND_SEEDS = [100_300, 100_910, 106_282];
const SIMULATION_MAX_MS = 300_000;

it(
  'counts every event once and shows it everywhere, whatever happens: 2 000 seeds',
  async () => {
    for (let seed = 1; seed <= SEEDS; seed += 1) {
      expect(await simulate(seed), `seed ${seed}`).toEqual([]);
    }
  },
  SIMULATION_MAX_MS,
);

it.each(FOUND_SEEDS)('keeps to what was learned from seed %d', async (seed) => {
  expect(await simulate(seed)).toEqual([]);
});
