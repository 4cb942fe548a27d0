import { onServer } from './environment.ts';

/** Scripts that configure the page may run this much later than the elements without being warned. */
export const CONFIGURE_GRACE_MS = 2_000;

const LOCAL_HOSTS = /^((.+\.)?localhost|127(\.\d+){3}|\[::1\])$/;

/** A page on this machine, or one whose script tag says `data-debug`. */
export function isDevelopment(): boolean {
  if (onServer) return false;
  return LOCAL_HOSTS.test(location.hostname) || document.querySelector('script[data-debug]') !== null;
}
