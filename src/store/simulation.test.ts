import { expect, it } from 'vitest';
// The store loads this when it is needed; in simulated time it is there at once.
import './background.ts';
import { simulate } from './testing/simulation.ts';

const SEEDS = 2_000;
const SIMULATION_MAX_MS = 120_000;

it(
  'counts every event once and shows it everywhere, whatever happens: 2 000 seeds',
  async () => {
    for (let seed = 1; seed <= SEEDS; seed += 1) {
      expect(await simulate(seed), `seed ${seed}`).toEqual([]);
    }
  },
  SIMULATION_MAX_MS,
);
