/** Scripts that configure the page may run this much later than the elements without being warned. */
export const CONFIGURE_GRACE_MS = 2_000;

const waiting = new WeakSet<object>();

/** Checks when that time has passed; asked again before, once for each subject. */
export function afterGrace(subject: object, check: () => void): void {
  if (waiting.has(subject)) return;
  waiting.add(subject);
  setTimeout(() => {
    waiting.delete(subject);
    check();
  }, CONFIGURE_GRACE_MS);
}
