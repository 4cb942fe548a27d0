import { createHash, randomBytes } from 'node:crypto';
import type { Ledger, Mode, SecretKeyRecord } from '../ledger/ledger.ts';

const SECRET_BYTES = 24;
const PATTERN = /^sk_(test|live)_[A-Za-z0-9_-]{16,128}$/;

/** How long a key is trusted without asking the store again: the bound on how late a revocation takes effect. */
const CACHE_MS = 5_000;
const CACHE_KEYS_MAX = 10_000;

/** A new secret key of 192 random bits. It is shown once; only its hash is kept. */
export function generateSecretKey(mode: Mode): string {
  return `sk_${mode}_${randomBytes(SECRET_BYTES).toString('base64url')}`;
}

/** What a key is stored and found by. The key is random, so a plain hash cannot be searched. */
export function hashSecretKey(key: string): string {
  return createHash('sha256').update(key).digest('base64url');
}

export function isSecretKey(text: string): boolean {
  return text.startsWith('sk_');
}

/** Finds the tenant of a secret key, asking the store at most once in {@link CACHE_MS} for each. */
export function secretKeyLookup(
  ledger: Ledger,
  clock: () => number,
): (key: string) => Promise<SecretKeyRecord | null> {
  const cache = new Map<string, { record: SecretKeyRecord; since: number }>();
  return async (key) => {
    if (!PATTERN.test(key)) return null;
    const hash = hashSecretKey(key);
    const now = clock();
    const known = cache.get(hash);
    // An answer from the future is of no known age: the clock has stepped back since.
    if (known !== undefined && known.since <= now && now < known.since + CACHE_MS) return known.record;
    cache.delete(hash);
    const record = await ledger.findSecretKey(hash);
    if (record === null) return null;
    const [oldest] = cache.keys();
    if (cache.size >= CACHE_KEYS_MAX && oldest !== undefined) cache.delete(oldest);
    cache.set(hash, { record, since: now });
    return record;
  };
}
