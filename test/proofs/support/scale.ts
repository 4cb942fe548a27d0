import { randomInt } from 'node:crypto';
import fc from 'fast-check';

/**
 * How much a proof tries. `npm test` runs each of them for seconds; `npm run test:matrix` sets BILLINGOS_PROOF=full
 * and runs them to the figures that the project promises.
 */
export function scale<T>(quick: T, full: T): T {
  return process.env['BILLINGOS_PROOF'] === 'full' ? full : quick;
}

const SEEDS = 2 ** 31;

/** Another one in each run, unless BILLINGOS_PROOF_SEED repeats that of an earlier run. */
export const SEED = Number(process.env['BILLINGOS_PROOF_SEED'] ?? randomInt(SEEDS));

/** Drawn by the seed: whole numbers from `min` to `max`. */
export function draw(count: number, min: number, max: number, seed = SEED): number[] {
  return fc.sample(fc.integer({ min, max }), { seed, numRuns: count });
}

/** Prints what a proof has shown. */
export function report(figures: string): void {
  process.stdout.write(`${figures} · BILLINGOS_PROOF_SEED=${SEED}\n`);
}

export function times<T>(count: number, make: (n: number) => T): T[] {
  return Array.from({ length: count }, (_, n) => make(n));
}

export function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0);
}

/** Works through items, so many of them at the same time. */
export async function inParallel<T>(
  items: readonly T[],
  width: number,
  work: (item: T) => Promise<void>,
): Promise<void> {
  const waiting = items.values();
  await Promise.all(
    times(width, async () => {
      for (const item of waiting) await work(item);
    }),
  );
}
