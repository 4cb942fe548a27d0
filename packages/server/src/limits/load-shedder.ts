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
/** Someone always gets through. */
export const SHARE_MAX = 0.95;
/** Of one processor. A loop that is late and has used less is late because others have it: no refusal would help. */
const OWN_USE_MIN = 0.2;

/**
 * @param clock milliseconds that only ever grow
 * @param cpuMs processor time that the process has used
 */
export function loadShedder(clock: () => number, cpuMs: () => number): LoadShedder {
  let pressure = PRESSURE_MIN;
  let probedAt = clock();
  let usedMs = cpuMs();
  /** Shares of requests that were let pass, until they make a whole one. */
  let owed = 0;
  return {
    probe() {
      const now = clock();
      const used = cpuMs();
      const lateMs = now - probedAt - PROBE_EVERY_MS;
      const isOwnUse = used - usedMs >= OWN_USE_MIN * (now - probedAt);
      probedAt = now;
      usedMs = used;
      if (lateMs < AT_EASE_MS || !isOwnUse) pressure = Math.max(PRESSURE_MIN, pressure - FALL);
      else if (lateMs > LATE_MS)
        pressure = Math.min(SHARE_MAX, pressure + RISE * Math.min(RISES_MAX, lateMs / LATE_MS));
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
