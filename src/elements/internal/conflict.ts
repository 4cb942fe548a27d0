import { warnOnce } from './warn-once.ts';

/** What is told where an element could not be registered. It is loaded when that happens. */

export function warnOfVersions(present: string, ignored: string): void {
  warnOnce(`version ${present} is on this page already; the elements of version ${ignored} are ignored.`);
}

export function warnOfFailure(name: string, error: unknown): void {
  warnOnce(`<${name}> could not be defined: ${String(error)}`);
}
