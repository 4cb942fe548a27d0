/**
 * Sheds load while there is too little processor. What that comes to is seen by how late the event loop is: a turn of it
 * takes as long as all that arrived during the last one, and whoever comes next waits for as long before anything of
 * theirs is read. Once it has been late for a while, a share of what comes is turned away before it costs anything;
 * the share grows until the loop keeps up, and shrinks while it is at ease.
 *
 * The share, and not all or nothing: then the processor is neither idle nor busy with refusals alone. It stays as it is
 * between the two marks, so that it does not swing.
 */
export interface LoadShedder {
  /** Looks how late the loop is; to be called every {@link PROBE_EVERY_MS}. */
  readonly probe: () => void;
  /** Whether to turn the next request away. */
  readonly turnsAway: () => boolean;
}

export const PROBE_EVERY_MS = 20;
/** Twice what any single request may take of the loop. */
export const LATE_MS = 100;
export const AT_EASE_MS = 50;

/** What a late loop adds to the share at each probe, up to four times for one that is later than late. */
const RISE = 0.05;
const RISES_MAX = 4;
const FALL = 0.02;
/** Below nothing: one stall, however long, turns nobody away, and a late loop does after half a second. */
const PRESSURE_MIN = -0.25;
/** Someone always gets through: a loop may be late because others have the processor. */
export const SHARE_MAX = 0.95;

/** @param clock milliseconds that only ever grow */
export function loadShedder(clock: () => number): LoadShedder {
  let pressure = PRESSURE_MIN;
  let probedAt = clock();
  /** Shares of requests that were let pass, until they make a whole one. */
  let owed = 0;
  return {
    probe() {
      const now = clock();
      const lateMs = now - probedAt - PROBE_EVERY_MS;
      probedAt = now;
      if (lateMs > LATE_MS)
        pressure = Math.min(SHARE_MAX, pressure + RISE * Math.min(RISES_MAX, lateMs / LATE_MS));
      else if (lateMs < AT_EASE_MS) pressure = Math.max(PRESSURE_MIN, pressure - FALL);
    },
    turnsAway() {
      if (pressure <= 0) return false;
      owed += pressure;
      if (owed < 1) return false;
      owed -= 1;
      return true;
    },
  };
}
