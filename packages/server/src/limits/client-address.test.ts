import { describe, expect, it } from 'vitest';
import { limitSettings } from '../settings.ts';
import { clientAddress } from './client-address.ts';

const trusting = (proxies: string) =>
  limitSettings({ BILLINGOS_TRUSTED_PROXIES: proxies }, { requestsPerSecond: 0 }).trustedProxies;
const { trustedProxies: nobody } = limitSettings({}, { requestsPerSecond: 0 });
const proxies = trusting('10.0.0.0/8, 192.0.2.1,2001:db8:ffff::/48');

describe('where a request comes from', () => {
  it.each([
    ['203.0.113.7', '203.0.113.7'],
    ['::ffff:203.0.113.7', '203.0.113.7'],
    ['2001:db8:1:2:3:4:5:6', '2001:db8:1:2::/64'],
    ['2001:db8::6', '2001:db8:0:0::/64'],
    ['2001:0DB8:0001::', '2001:db8:1:0::/64'],
    ['fe80::1%eth0', 'fe80:0:0:0::/64'],
    ['::1', '0:0:0:0::/64'],
    ['64:ff9b::203.0.113.7', '64:ff9b:0:0::/64'],
    [undefined, ''],
  ])('is the peer %s, as %s', (peer, expected) => {
    expect(clientAddress(peer, undefined, nobody)).toBe(expected);
  });

  it('is not where somebody untrusted says that it was', () => {
    expect(clientAddress('203.0.113.7', '198.51.100.1', proxies)).toBe('203.0.113.7');
    expect(clientAddress('10.0.0.1', '198.51.100.1', nobody)).toBe('10.0.0.1');
  });

  it.each([
    ['198.51.100.1', '198.51.100.1'],
    ['6.6.6.6, 198.51.100.1', '198.51.100.1'],
    ['198.51.100.1, 192.0.2.1, 10.9.9.9', '198.51.100.1'],
    ['198.51.100.1:4711', '198.51.100.1'],
    ['[2001:db8:1:2::3]:4711', '2001:db8:1:2::/64'],
    ['198.51.100.1,2001:db8:ffff::1', '198.51.100.1'],
    ['::ffff:198.51.100.1', '198.51.100.1'],
  ])('is, behind trusted proxies that had it from %s, %s', (forwardedFor, expected) => {
    expect(clientAddress('10.0.0.1', forwardedFor, proxies)).toBe(expected);
  });

  it.each(['', ' ', 'unknown', '198.51.100.1, _hidden', ','])(
    'is the last trusted proxy where it had it from nobody knows: "%s"',
    (forwardedFor) => {
      expect(clientAddress('10.0.0.1', forwardedFor, proxies)).toBe('10.0.0.1');
    },
  );

  it('ends with a chain of proxies that is not honest', () => {
    const chain = Array.from({ length: 5_000 }, () => '10.0.0.2').join(',');
    expect(clientAddress('10.0.0.1', `6.6.6.6,${chain}`, proxies)).toBe('10.0.0.2');
  });
});
