import { ValidationError } from './errors.ts';

/** The longest idempotency key the usage API takes (wire contract §3). */
export const IDEMPOTENCY_KEY_LENGTH_MAX = 255;

/**
 * A key for one logical call: a UUID that begins with the time (RFC 9562 §5.7, version 7), so that a store finds keys
 * made together beside each other.
 */
export function newIdempotencyKey(nowMs = Date.now()): string {
  const random = crypto.getRandomValues(new Uint8Array(10));
  const digits = nowMs.toString(16).padStart(12, '0') + Array.from(random, toHex).join('');
  return digits.replace(
    /^(.{8})(.{4}).(.{3})(.)(.{3})(.{12})$/,
    (_, a: string, b: string, c: string, variant: string, d: string, e: string) =>
      `${a}-${b}-7${c}-${((parseInt(variant, 16) & 0x3) | 0x8).toString(16)}${d}-${e}`,
  );
}

function toHex(byte: number): string {
  return byte.toString(16).padStart(2, '0');
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
