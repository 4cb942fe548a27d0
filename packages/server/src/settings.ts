import { BlockList, isIP } from 'node:net';
import { resolve } from 'node:path';
import { SIGNING_KEY_BYTES } from './auth/session-tokens.ts';
import { LOG_LEVELS, type LogLevel } from './log.ts';
import type { SigningKey } from './ledger/ledger.ts';
import type { LimitSettings } from './limits/request-limits.ts';

/** What the programs are told by flags and environment; flags win (wire contract §10). */

type Values = Readonly<Record<string, string | undefined>>;

export interface ListenSettings {
  /** 0 picks a free one. */
  readonly port: number;
  readonly host: string;
  /** The address clients reach the API at; `undefined`: the one it listens on. */
  readonly publicUrl: string | undefined;
}

/** Where metrics are served. */
export interface AdminSettings {
  readonly port: number;
  readonly host: string;
}

/** Where the ledger is kept. */
export type StoreSettings =
  { readonly kind: 'embedded'; readonly folder: string } | ({ readonly kind: 'postgres' } & DatabaseSettings);

export interface DatabaseSettings {
  readonly url: string;
  /** Past any pooler. */
  readonly directUrl: string;
}

/** A setting that cannot be used; the message says which and what to give instead. */
export class SettingsError extends Error {
  override readonly name = 'SettingsError';
}

const PORT_DEFAULT = '4242';
const HOST_DEFAULT = '127.0.0.1';
const DATA_DEFAULT = '.billingos';
const GRACE_DEFAULT = '1000';
/** With the time that requests may take to finish, an orderly stop stays within ten seconds. */
const GRACE_MS_MAX = 3_000;

/** Every session token carries the API's URL, and has 2 KiB at most. */
const URL_CHARS_MAX = 255;

/** @throws SettingsError for a value that cannot be used. */
export function listenSettings(flags: Values, env: Values): ListenSettings {
  return {
    port: readPort(given(flags, '--port') ?? given(env, 'PORT') ?? PORT_DEFAULT),
    host: given(flags, '--host') ?? given(env, 'HOST') ?? HOST_DEFAULT,
    publicUrl: readUrl(env, 'BILLINGOS_PUBLIC_URL'),
  };
}

/** The operator's port; `undefined` where there is none. */
export function adminSettings(env: Values): AdminSettings | undefined {
  const port = given(env, 'BILLINGOS_ADMIN_PORT');
  const host = given(env, 'BILLINGOS_ADMIN_HOST');
  return port === undefined ? undefined : { port: readPort(port), host: host ?? HOST_DEFAULT };
}

/** How long requests are still taken after `/readyz` has said no, for load balancers to look and turn away. */
export function graceMs(env: Values): number {
  const text = given(env, 'BILLINGOS_GRACE_MS') ?? GRACE_DEFAULT;
  if (/^\d{1,4}$/.test(text) && Number(text) <= GRACE_MS_MAX) return Number(text);
  throw new SettingsError(`BILLINGOS_GRACE_MS is "${text}"; give milliseconds from 0 to ${GRACE_MS_MAX}.`);
}

export function logLevel(env: Values): LogLevel {
  const text = given(env, 'BILLINGOS_LOG') ?? 'info';
  const level = LOG_LEVELS.find((name) => name === text);
  if (level !== undefined) return level;
  throw new SettingsError(`BILLINGOS_LOG is "${text}"; give ${LOG_LEVELS.join(', ')}.`);
}

/** The embedded store's folder. */
export function dataFolder(flags: Values, env: Values): string {
  return resolve(given(flags, '--data') ?? given(env, 'BILLINGOS_DATA') ?? DATA_DEFAULT);
}

/** PostgreSQL where `DATABASE_URL` names it, else the embedded store. */
export function storeSettings(flags: Values, env: Values): StoreSettings {
  const url = readDatabaseUrl(env, 'DATABASE_URL');
  if (url === undefined) return { kind: 'embedded', folder: dataFolder(flags, env) };
  if (given(flags, '--data') !== undefined) {
    throw new SettingsError(
      'Both --data and DATABASE_URL are given, and a ledger has one store. Leave one of them out.',
    );
  }
  return { kind: 'postgres', url, directUrl: readDatabaseUrl(env, 'DATABASE_DIRECT_URL') ?? url };
}

/** The ring of session-token keys, the signing one first; `undefined` where the store is to keep it. */
export function signingKeys(env: Values): SigningKey[] | undefined {
  const text = given(env, 'BILLINGOS_SIGNING_KEYS');
  if (text === undefined) return undefined;
  const ring = text.split(',').map((entry, index) => readSigningKey(entry.trim(), index + 1));
  const repeated = ring.find(({ kid }, index) => ring.findIndex((other) => other.kid === kid) !== index);
  if (repeated === undefined) return ring;
  throw new SettingsError(
    `BILLINGOS_SIGNING_KEYS names the key "${repeated.kid}" twice. Give each a kid of its own.`,
  );
}

/** @param defaults what a program limits where it is not told. */
export function limitSettings(env: Values, defaults: { requestsPerSecond: number }): LimitSettings {
  const text = given(env, 'BILLINGOS_RATE_LIMIT');
  const requestsPerSecond = text === undefined ? defaults.requestsPerSecond : Number(text);
  if (text !== undefined && !/^\d{1,7}$/.test(text)) {
    throw new SettingsError(
      `BILLINGOS_RATE_LIMIT is "${text}"; give a whole number of requests a second for each key, 0 for no limit.`,
    );
  }
  return { requestsPerSecond, trustedProxies: trustedProxies(env) };
}

function trustedProxies(env: Values): BlockList {
  const trusted = new BlockList();
  for (const entry of given(env, 'BILLINGOS_TRUSTED_PROXIES')?.split(',') ?? []) {
    const [, address = '', bits] = /^([^/]*)(?:\/(\d{1,3}))?$/.exec(entry.trim()) ?? [];
    const family = isIP(address) === 6 ? 'ipv6' : 'ipv4';
    const bitsMax = family === 'ipv6' ? 128 : 32;
    const prefix = Number(bits ?? bitsMax);
    if (isIP(address) === 0 || prefix > bitsMax) {
      throw new SettingsError(
        `BILLINGOS_TRUSTED_PROXIES: "${entry.trim()}" is no address and no network. Give them as 10.0.0.1 or 10.0.0.0/8.`,
      );
    }
    trusted.addSubnet(address, prefix, family);
  }
  return trusted;
}

/** An http(s) URL of the environment, without a slash at its end. */
export function readUrl(env: Values, name: string): string | undefined {
  const text = given(env, name);
  if (text === undefined) return undefined;
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (url === undefined || !/^https?:$/.test(url.protocol)) {
    throw new SettingsError(`${name} is "${text}"; give an http or https URL.`);
  }
  if (text.length > URL_CHARS_MAX) {
    throw new SettingsError(`${name} is longer than ${URL_CHARS_MAX} characters; give a shorter one.`);
  }
  if (url.username !== '' || url.password !== '' || url.search !== '' || url.hash !== '') {
    throw new SettingsError(`${name} may have a host and a path only: no user, no "?" and no "#".`);
  }
  return (url.origin + url.pathname).replace(/\/+$/, '');
}

/** A value that is set but empty is a mistake, most often a variable that was not filled in, and never a default. */
function given(values: Values, name: string): string | undefined {
  const value = values[name.replace(/^--/, '')];
  if (value === '') throw new SettingsError(`${name} is empty. Give it a value, or leave it out.`);
  return value;
}

function readPort(text: string): number {
  const port = Number(text);
  if (/^\d{1,5}$/.test(text) && port <= 65_535) return port;
  throw new SettingsError(`The port is "${text}"; give a whole number from 0 to 65535.`);
}

/** Never printed: it may hold a password. */
function readDatabaseUrl(env: Values, name: string): string | undefined {
  const url = given(env, name);
  if (url === undefined || (/^postgres(ql)?:\/\//.test(url) && URL.canParse(url))) return url;
  throw new SettingsError(`${name} is no PostgreSQL URL; give postgres://user:password@host:port/database.`);
}

/** Base64 of at least 32 bytes, in either alphabet. No secret is repeated in an error. */
function readSigningKey(entry: string, position: number): SigningKey {
  const [, kid, encoded] = /^([A-Za-z0-9_-]{1,64}):([A-Za-z0-9+/_-]+={0,2})$/.exec(entry) ?? [];
  if (kid === undefined || encoded === undefined) {
    throw new SettingsError(
      `BILLINGOS_SIGNING_KEYS: entry ${position} is not kid:base64. A kid has letters, digits, "_" and "-". ` +
        'Make one with: echo "key1:$(openssl rand -base64 32)"',
    );
  }
  const secret = Buffer.from(encoded, 'base64');
  if (secret.byteLength >= SIGNING_KEY_BYTES) return { kid, secret };
  throw new SettingsError(
    `BILLINGOS_SIGNING_KEYS: the key "${kid}" has ${secret.byteLength} bytes and could be guessed; ` +
      `${SIGNING_KEY_BYTES} are needed. Make one with: openssl rand -base64 ${SIGNING_KEY_BYTES}`,
  );
}
