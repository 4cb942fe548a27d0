import { onServer } from './environment.ts';

/** Scripts that configure the page may run this much later than the elements without being warned. */
export const CONFIGURE_GRACE_MS = 2_000;

const LOCAL_HOSTS = /^(localhost|.+\.localhost|127(\.\d+){3}|\[::1\])$/;

/** A page on this machine, or one whose script tag says `data-debug`. */
export function isDevelopment(): boolean {
  if (onServer) return false;
  return LOCAL_HOSTS.test(location.hostname) || document.querySelector('script[data-debug]') !== null;
}

/** Tells the page's developer once, on development pages only; on others what tells it is not even loaded. */
export function warnInDevelopment(message: string, ...value: unknown[]): void {
  if (isDevelopment()) void import('./warn-once.ts').then(({ warnOnce }) => warnOnce(message, ...value));
}
