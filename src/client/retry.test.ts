import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { BillingOSError, NetworkError, RateLimitError } from './errors.ts';
import {
  BACKOFF_BASE_MS,
  BACKOFF_CAP_MS,
  backoffMs,
  parseRetryAfter,
  retryDelayMs,
  withRetries,
} from './retry.ts';
import { ManualClock, SkippingClock } from './testing/clocks.ts';

const random = fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true });

describe('backoffMs', () => {
  it('stays between nothing and the doubling bound, and never above the cap', () => {
    fc.assert(
      fc.property(fc.nat({ max: 2_000 }), random, (retries, chance) => {
        const delayMs = backoffMs(retries, () => chance);
        expect(delayMs).toBeGreaterThanOrEqual(0);
        expect(delayMs).toBeLessThanOrEqual(Math.min(BACKOFF_CAP_MS, BACKOFF_BASE_MS * 2 ** retries));
      }),
    );
  });
});

describe('retryDelayMs', () => {
  it('never comes back earlier than the server asked', () => {
    fc.assert(
      fc.property(fc.nat({ max: 60 }), fc.nat({ max: 9 }), random, (retryAfter, retries, chance) => {
        const error = new RateLimitError('slow down', { retryable: true, retryAfter });
        expect(retryDelayMs(error, retries, () => chance)).toBeGreaterThanOrEqual(retryAfter * 1_000);
      }),
    );
  });

  it('leaves it to the caller when the server asks for more than a minute', () => {
    const error = new RateLimitError('slow down', { retryable: true, retryAfter: 61 });
    expect(retryDelayMs(error, 0, Math.random)).toBeUndefined();
  });
});

describe('parseRetryAfter', () => {
  const now = Date.parse('2026-02-03T00:00:00.000Z');

  it.each([
    ['3', 3],
    [' 120 ', 120],
    ['Tue, 03 Feb 2026 00:00:07 GMT', 7],
    ['Mon, 02 Feb 2026 00:00:00 GMT', 0],
    ['soon', undefined],
    [null, undefined],
  ])('reads %j as %j seconds', (header, seconds) => {
    expect(parseRetryAfter(header, now)).toBe(seconds);
  });
});

describe('withRetries', () => {
  const failing = (error: Error) => {
    const seen = { attempts: 0 };
    return {
      seen,
      attempt: () => {
        seen.attempts += 1;
        return Promise.reject(error);
      },
    };
  };

  it('gives up with the last failure after the retries', async () => {
    const { seen, attempt } = failing(new NetworkError('gone'));
    const result = withRetries(attempt, { maxRetries: 3, clock: new SkippingClock(), random: () => 0.5 });
    await expect(result).rejects.toThrow('gone');
    expect(seen.attempts).toBe(4);
  });

  it('doubles the bound of its waits', async () => {
    const clock = new SkippingClock();
    const { attempt } = failing(new NetworkError('gone'));
    await withRetries(attempt, { maxRetries: 3, clock, random: () => 0.5 }).catch(() => undefined);
    expect(clock.waitsMs).toEqual([250, 500, 1_000]);
  });

  it.each([new BillingOSError('no'), new Error('a bug')])(
    'does not repeat what cannot help: %s',
    async (error) => {
      const { seen, attempt } = failing(error);
      await withRetries(attempt, { maxRetries: 3, clock: new SkippingClock(), random: () => 0 }).catch(
        () => undefined,
      );
      expect(seen.attempts).toBe(1);
    },
  );

  it('stops waiting as soon as the caller aborts', async () => {
    const clock = new ManualClock();
    const controller = new AbortController();
    const { attempt } = failing(new NetworkError('gone'));
    const result = withRetries(attempt, { maxRetries: 3, clock, random: () => 1, signal: controller.signal });
    await clock.advance(0);
    controller.abort(new Error('enough'));
    await expect(result).rejects.toThrow('enough');
    expect(clock.timerCount).toBe(0);
  });
});
