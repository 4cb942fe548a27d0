import { onServer } from './environment.ts';

const LOCAL_HOSTS = /^((.+\.)?localhost|127(\.\d+){3}|\[::1\])$/;

/** A page on this machine, or one whose script tag says `data-debug`. */
export function isDevelopment(): boolean {
  if (onServer) return false;
  return LOCAL_HOSTS.test(location.hostname) || document.querySelector('script[data-debug]') !== null;
}
