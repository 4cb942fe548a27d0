import { warnOnce } from './warn-once.ts';

/** What is told where an element could not be registered. It is loaded when that happens. */

export function warnOfConflict(name: string, ignored: string, error: unknown): void {
  const present = customElements.get(name);
  if (present === undefined) {
    warnOnce(`<${name}> could not be defined: ${String(error)}`);
    return;
  }
  const version = 'version' in present ? String(present.version) : 'unknown';
  warnOnce(`version ${version} is on this page already; the elements of version ${ignored} are ignored.`);
}
