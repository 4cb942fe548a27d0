import { hash, randomBytes } from 'node:crypto';
import { crc32 } from 'node:zlib';
import type { Ledger, Mode, SecretKeyRecord } from '../ledger/ledger.ts';

const SECRET_BYTES = 24;
const CHECKSUM_CHARS = 6;
const PATTERN = /^sk_(?:test|live)_[A-Za-z0-9_-]{38}$/;

/** How long a key is trusted without asking the store again: the bound on how late a revocation takes effect. */
const CACHE_MS = 5_000;
const CACHE_KEYS_MAX = 10_000;

/** A new secret key: 192 random bits and a checksum. It is shown once; only its hash is kept. */
export function generateSecretKey(mode: Mode): string {
  const key = `sk_${mode}_${randomBytes(SECRET_BYTES).toString('base64url')}`;
  return key + checksumOf(key);
}

/** What a key is stored and found by. The key is random, so a plain hash cannot be searched. */
export function hashSecretKey(key: string): string {
  return hash('sha256', key, 'base64url');
}

export function isSecretKey(text: string): boolean {
  return text.startsWith('sk_');
}

/** Whether a text has the form and the checksum of a key. A slip of the pen has not, and the store is not asked. */
export function isIntactKey(text: string): boolean {
  return PATTERN.test(text) && checksumOf(text.slice(0, -CHECKSUM_CHARS)) === text.slice(-CHECKSUM_CHARS);
}

/** @param mayAsk whether the store is to be asked for a key that has not been seen working lately. */
export type FindSecretKey = (key: string, mayAsk: () => boolean) => Promise<SecretKeyRecord | null>;

/** Finds the tenant of a secret key, asking the store at most once in {@link CACHE_MS} for each. */
export function secretKeyLookup(ledger: Ledger, clock: () => number): FindSecretKey {
  const cache = new Map<string, { record: Promise<SecretKeyRecord | null>; since: number }>();
  return async (key, mayAsk) => {
    const keyHash = hashSecretKey(key);
    const now = clock();
    const known = cache.get(keyHash);
    // An answer from the future is of no known age: the clock has stepped back since.
    if (known !== undefined && known.since <= now && now < known.since + CACHE_MS) return known.record;
    if (known === undefined && !(isIntactKey(key) && mayAsk())) return null;
    const entry = { record: ledger.findSecretKey(keyHash), since: now };
    cache.delete(keyHash);
    const [oldest] = cache.keys();
    if (cache.size >= CACHE_KEYS_MAX && oldest !== undefined) cache.delete(oldest);
    cache.set(keyHash, entry);
    const forget = (): void => {
      if (cache.get(keyHash) === entry) cache.delete(keyHash);
    };
    // Whoever is refused may be let in the next time, and an answer that did not come must not stand for one.
    entry.record.then((record) => record ?? forget(), forget);
    return entry.record;
  };
}

function checksumOf(text: string): string {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(crc32(text));
  return bytes.toString('base64url');
}
