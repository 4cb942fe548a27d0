import { resolve } from 'node:path';
import { describe, expect, it } from 'vitest';
import {
  adminSettings,
  dataFolder,
  graceMs,
  listenSettings,
  limitSettings,
  logLevel,
  SettingsError,
  signingKeys,
  storeSettings,
} from './settings.ts';

const SECRET = 'a'.repeat(43);

describe('where to listen', () => {
  it('is port 4242 of this machine unless it is said', () => {
    expect(listenSettings({}, {})).toEqual({ port: 4242, host: '127.0.0.1', publicUrl: undefined });
  });

  it('is what the environment says, and a flag wins', () => {
    const env = { PORT: '1', HOST: '::1', BILLINGOS_PUBLIC_URL: 'https://api.example/billing/' };
    expect(listenSettings({ port: '2' }, env)).toEqual({
      port: 2,
      host: '::1',
      publicUrl: 'https://api.example/billing',
    });
  });

  it.each(['65536', '-1', '1.5', '0x10', '1e3', ' 80', 'http', ''])('is not port "%s"', (port) => {
    expect(() => listenSettings({ port }, {})).toThrow(SettingsError);
  });

  it.each([
    'api.example',
    'ftp://api.example',
    'https://user:secret@api.example',
    'https://api.example/?a=1',
    'https://api.example/#a',
    `https://api.example/${'a'.repeat(255)}`,
    '',
  ])('is for clients not at "%s"', (url) => {
    expect(() => listenSettings({}, { BILLINGOS_PUBLIC_URL: url })).toThrow(/^BILLINGOS_PUBLIC_URL/);
  });

  it('is nowhere when HOST was left empty: that would be every address', () => {
    expect(() => listenSettings({}, { HOST: '' })).toThrow('HOST is empty');
  });
});

describe('the store', () => {
  it('is embedded, in .billingos, unless it is said', () => {
    expect(storeSettings({}, {})).toEqual({ kind: 'embedded', folder: resolve('.billingos') });
  });

  it('is in the folder that is named', () => {
    expect(dataFolder({ data: '/one' }, { BILLINGOS_DATA: '/two' })).toBe('/one');
    expect(dataFolder({}, { BILLINGOS_DATA: '/two' })).toBe('/two');
  });

  it('is the database that is named, and the same one past a pooler', () => {
    const url = 'postgresql://app@pooler/billing';
    expect(storeSettings({}, { DATABASE_URL: url })).toEqual({ kind: 'postgres', url, directUrl: url });
    const directUrl = 'postgres://app@db/billing';
    expect(storeSettings({}, { DATABASE_URL: url, DATABASE_DIRECT_URL: directUrl })).toMatchObject({
      directUrl,
    });
  });

  it('is not a folder and a database at once', () => {
    expect(() => storeSettings({ data: '/one' }, { DATABASE_URL: 'postgres://db/billing' })).toThrow(
      SettingsError,
    );
  });

  it('is never an embedded one because DATABASE_URL was left empty', () => {
    expect(() => storeSettings({}, { DATABASE_URL: '' })).toThrow('DATABASE_URL is empty');
  });

  it('is not told by its password in an error', () => {
    expect(() => storeSettings({}, { DATABASE_URL: 'mysql://app:secret@db/billing' })).toThrow(
      /^(?!.*secret).*DATABASE_URL/,
    );
  });
});

describe('the ring of signing keys', () => {
  const read = (text: string) => signingKeys({ BILLINGOS_SIGNING_KEYS: text });

  it('is left to the store unless it is said', () => {
    expect(signingKeys({})).toBeUndefined();
  });

  it('is in the order given, the first one to sign', () => {
    const ring = read(`new:${SECRET}=, old_1:${SECRET.replace('a', '_')}`);
    expect(ring?.map(({ kid, secret }) => [kid, secret.byteLength])).toEqual([
      ['new', 32],
      ['old_1', 32],
    ]);
  });

  it.each([
    ['', /empty/],
    [SECRET, /entry 1 is not kid:base64/],
    [`a b:${SECRET}`, /entry 1/],
    [`one:${SECRET},`, /entry 2/],
    [`one:not base64!`, /entry 1/],
    [`one:${SECRET.slice(2)}`, /"one" has 30 bytes.*32 are needed/],
    [`one:${SECRET},one:${SECRET}`, /"one" twice/],
  ])('is not "%s"', (text, message) => {
    expect(() => read(text)).toThrow(message);
  });

  it('is not told by its secrets in an error', () => {
    expect(() => read(`one:${SECRET.slice(9)}`)).toThrow(/^(?!.*aaaa)/);
  });
});

describe('what an operator may set', () => {
  it('is nothing at first: no admin port, a second of grace, the log of what the server does', () => {
    expect([adminSettings({}), graceMs({}), logLevel({})]).toEqual([undefined, 1_000, 'info']);
  });

  it('is a port for metrics, on this machine alone unless an address is given', () => {
    expect(adminSettings({ BILLINGOS_ADMIN_PORT: '9464' })).toEqual({ port: 9464, host: '127.0.0.1' });
    const elsewhere = { BILLINGOS_ADMIN_PORT: '9464', BILLINGOS_ADMIN_HOST: '10.0.0.1' };
    expect(adminSettings(elsewhere)).toEqual({ port: 9464, host: '10.0.0.1' });
    expect(adminSettings({ BILLINGOS_ADMIN_HOST: '10.0.0.1' })).toBeUndefined();
  });

  it.each(['0', '3000'])('is a grace of %s ms', (text) => {
    expect(graceMs({ BILLINGOS_GRACE_MS: text })).toBe(Number(text));
  });

  it.each(['3001', '-1', '1.5', '1s', '1e3', ' 1', ''])('is no grace of "%s" ms', (text) => {
    expect(() => graceMs({ BILLINGOS_GRACE_MS: text })).toThrow(SettingsError);
  });

  it.each(['debug', 'INFO', ''])('is no log of "%s"', (text) => {
    expect(() => logLevel({ BILLINGOS_LOG: text })).toThrow(SettingsError);
  });
});

describe('limits', () => {
  const read = (env: Record<string, string>) => limitSettings(env, { requestsPerSecond: 1_000 });

  it('are the program’s own unless they are said', () => {
    expect(read({}).requestsPerSecond).toBe(1_000);
    expect(read({}).trustedProxies.rules).toEqual([]);
  });

  it.each(['0', '5', '1000000'])('are %s requests a second', (text) => {
    expect(read({ BILLINGOS_RATE_LIMIT: text }).requestsPerSecond).toBe(Number(text));
  });

  it.each(['-1', '1.5', '1e3', 'off', '', '99999999', ' 5'])('are not "%s"', (text) => {
    expect(() => read({ BILLINGOS_RATE_LIMIT: text })).toThrow(/^BILLINGOS_RATE_LIMIT/);
  });

  it('believe proxies by address and by network', () => {
    const { trustedProxies } = read({ BILLINGOS_TRUSTED_PROXIES: '10.0.0.0/8, 192.0.2.1,::1,2001:db8::/32' });
    const trusted = ['10.1.2.3', '192.0.2.1', '192.0.2.2', '11.0.0.1'].map((ip) => trustedProxies.check(ip));
    expect(trusted).toEqual([true, true, false, false]);
    expect(['::1', '2001:db8:1::', '::2'].map((ip) => trustedProxies.check(ip, 'ipv6'))).toEqual([
      true,
      true,
      false,
    ]);
  });

  it.each(['', 'proxy.internal', '10.0.0.0/33', '10.0.0.0/', '10.0.0/8', '::1/129', '10.0.0.1,,10.0.0.2'])(
    'believe no proxies at "%s"',
    (text) => {
      expect(() => read({ BILLINGOS_TRUSTED_PROXIES: text })).toThrow(/^BILLINGOS_TRUSTED_PROXIES/);
    },
  );
});
