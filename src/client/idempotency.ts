import { ValidationError } from './errors.ts';

/** The longest idempotency key the usage API takes (wire contract §3). */
export const IDEMPOTENCY_KEY_LENGTH_MAX = 255;

/** A key for one logical call: a random UUID. Works on `http:` pages, where `crypto.randomUUID` is missing. */
export function newIdempotencyKey(): string {
  const source = crypto as Partial<Crypto> & Pick<Crypto, 'getRandomValues'>;
  return source.randomUUID?.() ?? uuidFromBytes(source.getRandomValues(new Uint8Array(16)));
}

/**
 * Checks a key that a caller brought.
 *
 * @throws ValidationError unless it is 1–255 printable ASCII characters
 */
export function checkIdempotencyKey(key: string): void {
  if (/^[\x20-\x7e]+$/.test(key) && key.length <= IDEMPOTENCY_KEY_LENGTH_MAX) return;
  throw new ValidationError(
    `An idempotency key is 1 to ${IDEMPOTENCY_KEY_LENGTH_MAX} printable ASCII characters.`,
    { code: 'validation_failed' },
  );
}

/** Version 4, variant 1 (RFC 9562 §5.4). */
function uuidFromBytes(bytes: Uint8Array): string {
  const hex = Array.from(bytes, (byte, index) => {
    if (index === 6) return ((byte & 0x0f) | 0x40).toString(16).padStart(2, '0');
    if (index === 8) return ((byte & 0x3f) | 0x80).toString(16).padStart(2, '0');
    return byte.toString(16).padStart(2, '0');
  }).join('');
  return hex.replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5');
}
