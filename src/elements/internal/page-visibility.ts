import type { PageVisibility } from '../../store/index.ts';

/** The page for the store, which knows none: whether it can be seen, and when somebody is back. */
export const pageVisibility: PageVisibility = {
  get hidden() {
    return document.visibilityState === 'hidden';
  },
  subscribe(listener) {
    const leave = new AbortController();
    const options = { signal: leave.signal };
    document.addEventListener('visibilitychange', listener, options);
    addEventListener('focus', listener, options);
    addEventListener('online', listener, options);
    return () => {
      leave.abort();
    };
  },
};
