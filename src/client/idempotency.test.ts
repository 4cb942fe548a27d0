import { afterEach, describe, expect, it, vi } from 'vitest';
import { checkIdempotencyKey, newIdempotencyKey } from './idempotency.ts';

const UUID_V4 = /^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/;

afterEach(() => vi.unstubAllGlobals());

describe('newIdempotencyKey', () => {
  it('is a random UUID', () => {
    expect(newIdempotencyKey()).toMatch(UUID_V4);
  });

  it('is one too on pages without crypto.randomUUID', () => {
    vi.stubGlobal('crypto', { getRandomValues: (bytes: Uint8Array) => bytes.fill(0xff) });
    expect(newIdempotencyKey()).toMatch(UUID_V4);
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
