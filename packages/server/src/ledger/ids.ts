import { randomBytes } from 'node:crypto';

/**
 * A new id: the prefix, the time in milliseconds and 80 random bits. Ids made later sort later, so that the
 * tables they key grow at their end.
 */
export function newId(prefix: string, now: number): string {
  return `${prefix}_${now.toString(16).padStart(12, '0')}${randomBytes(10).toString('hex')}`;
}

/** The id that an event of an instant would have at the least: every one before it is smaller. */
export function eventIdAt(instant: number): string {
  return `evt_${Math.max(0, instant).toString(16).padStart(12, '0')}`;
}
