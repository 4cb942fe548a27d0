import type { Locks } from '../browser-parts.ts';

/** The browser's locks, of one origin and profile. */
export const webLocks: Locks = {
  async request(name, options, task) {
    const lost = new AbortController();
    let running: ReturnType<typeof task> | undefined;
    try {
      return await navigator.locks.request(name, options, () => (running = task(lost.signal)));
    } catch (error) {
      if (running === undefined) throw error;
      // The lock was taken by force, which ends the request and not the task.
      lost.abort(error);
      return running;
    }
  },
};
