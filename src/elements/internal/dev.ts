import { onServer } from './environment.ts';

/** Scripts that configure the page may run this much later than the elements without being warned. */
export const CONFIGURE_GRACE_MS = 2_000;

/** Warnings told so far; a page that makes up ever new ones must not fill the memory. */
const WARNINGS_MAX = 100;
const LOCAL_HOSTS = /^(localhost|.+\.localhost|127(\.\d+){3}|\[::1\])$/;
const told = new Set<string>();

/** Tells the page's developer once, with the value that was met first. */
export function warnOnce(message: string, ...value: unknown[]): void {
  if (told.has(message) || told.size >= WARNINGS_MAX) return;
  told.add(message);
  // eslint-disable-next-line no-console -- the one place where the elements talk to developers
  console.warn(`BillingOS: ${message}`, ...value);
}

/** Tells the page's developer once, on development pages only. */
export function warnInDevelopment(message: string, ...value: unknown[]): void {
  if (isDevelopment()) warnOnce(message, ...value);
}

/** A page on this machine, or one whose script tag says `data-debug`. */
export function isDevelopment(): boolean {
  if (onServer) return false;
  return LOCAL_HOSTS.test(location.hostname) || document.querySelector('script[data-debug]') !== null;
}
