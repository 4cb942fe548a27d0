import { afterEach, describe, expect, it, vi } from 'vitest';
import { checkIdempotencyKey, newIdempotencyKey } from './idempotency.ts';

const UUID_V7 = /^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/;

afterEach(() => vi.unstubAllGlobals());

describe('newIdempotencyKey', () => {
  it('is a UUID, and another one each time', () => {
    const keys = Array.from({ length: 1_000 }, () => newIdempotencyKey());
    for (const key of keys) expect(key).toMatch(UUID_V7);
    expect(new Set(keys).size).toBe(1_000);
  });

  it('is one too on pages without crypto.randomUUID', () => {
    vi.stubGlobal('crypto', { getRandomValues: (bytes: Uint8Array) => bytes.fill(0xff) });
    expect(newIdempotencyKey()).toMatch(UUID_V7);
  });

  it('sorts by the time it was made at', () => {
    const keys = [0, 1, 1_000, 1_769_853_600_000, 1_769_853_600_001].map((nowMs) => newIdempotencyKey(nowMs));
    expect(keys.toSorted()).toEqual(keys);
  });
});

describe('checkIdempotencyKey', () => {
  it.each(['request-1', ' ~', 'x'.repeat(255)])('lets %j pass', (key) => {
    expect(() => checkIdempotencyKey(key)).not.toThrow();
  });

  it.each(['', 'é', 'a\nb', 'a\n', 'x'.repeat(256)])('refuses %j', (key) => {
    expect(() => checkIdempotencyKey(key)).toThrow(expect.objectContaining({ name: 'ValidationError' }));
  });
});
