import { expect, it } from 'vitest';
import { report, scale } from './support/scale.ts';
import { simulate } from './support/simulation/simulation.ts';

const SEEDS = scale(60, 1_000);
const SIMULATION_MAX_MS = 600_000;

it(
  'client, network, batches and store together count every event once, whatever fails',
  async () => {
    let told = 0;
    for (let seed = 1; seed <= SEEDS; seed += 1) {
      const { complaints, trace } = await simulate(seed);
      expect(complaints, `seed ${seed}`).toEqual([]);
      told += trace.length;
    }
    report(`${SEEDS} simulations, ${told} outcomes told, none of them wrong`);
  },
  SIMULATION_MAX_MS,
);

it('runs the same for the same seed', async () => {
  expect(await simulate(42)).toEqual(await simulate(42));
});
