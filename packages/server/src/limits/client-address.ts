import { isIP, isIPv6, type BlockList } from 'node:net';

/** Proxies that a request may have passed: more are no honest chain. */
const HOPS_MAX = 16;

/**
 * Where a request comes from: the peer, or where trusted proxies say that they had it from. What `X-Forwarded-For`
 * says left of the last proxy that is trusted was written by whoever sent the request, and says nothing.
 * @returns an IPv4 address, or the /64 network of an IPv6 one: a single subscriber has all of it.
 */
export function clientAddress(
  peer: string | undefined,
  forwardedFor: string | undefined,
  trustedProxies: BlockList,
): string {
  const hops = forwardedFor?.split(',').slice(-HOPS_MAX) ?? [];
  let address = bare(peer ?? '');
  while (isTrusted(address, trustedProxies)) {
    const previous = bare(hops.pop() ?? '');
    if (isIP(previous) === 0) break;
    address = previous;
  }
  return isIPv6(address) ? networkOf(address) : address;
}

function isTrusted(address: string, trustedProxies: BlockList): boolean {
  const family = isIP(address);
  return family !== 0 && trustedProxies.check(address, family === 6 ? 'ipv6' : 'ipv4');
}

/** Without port, brackets, zone, and the IPv6 form of an IPv4 address. */
function bare(text: string): string {
  const address = text.trim();
  const [, inBrackets] = /^\[([^\]]*)\](?::\d+)?$/.exec(address) ?? [];
  const withoutPort = inBrackets ?? address.replace(/^([\d.]+):\d+$/, '$1');
  return withoutPort.replace(/%.*$/, '').replace(/^::ffff:(?=[\d.]+$)/i, '');
}

function networkOf(address: string): string {
  const [head = '', tail] = address.split('::');
  const groups = head === '' ? [] : head.split(':');
  const present = groups.length + (tail === undefined || tail === '' ? 0 : tail.split(':').length);
  const zeros = Array.from({ length: Math.max(0, 8 - present) }, () => '0');
  const all = tail === undefined ? groups : [...groups, ...zeros, ...tail.split(':')];
  const network = all.slice(0, 4).map((group) => Number.parseInt(group, 16).toString(16));
  return `${network.join(':')}::/64`;
}
