import type { Fault } from '../fault.ts';

const SEEDS = 2 ** 31;

export const simulation: Fault = {
  name: 'simulation',
  title: 'Everything at once, simulated',
  unit: 'seeds',
  // The proofs have some in `npm test` already.
  runs: { quick: 0, full: 10_000 },
  async prepare(scene) {
    // It opens a store of its own as soon as it is loaded.
    const { simulate } = await import('../../test/proofs/support/simulation/simulation.ts');
    return async () => {
      const seed = Math.floor(scene.random() * SEEDS);
      const { complaints, trace } = await simulate(seed);
      scene.expect(
        'simulation',
        complaints.map((complaint) => `seed ${seed}: ${complaint}`),
        trace.length,
      );
    };
  },
};
