import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { CALLERS_MAX, rateLimiter, rateLimitFields } from './rate-limiter.ts';

const POLICY = { name: 'key', perSecond: 10, atOnce: 20 };

function limiterAt(start = 1_000_000) {
  const clock = { now: start };
  return { clock, ...rateLimiter(POLICY, () => clock.now) };
}

const times = <T>(count: number, make: () => T): T[] => Array.from({ length: count }, make);

describe('a rate limiter', () => {
  it('grants so many at once and refuses the next', () => {
    const { take } = limiterAt();
    const taken = times(21, () => take('a'));
    expect(taken.map(({ granted }) => granted)).toEqual([...times(20, () => true), false]);
    expect(taken.slice(0, 2)).toEqual([
      { granted: true, remaining: 19, resetSeconds: 1 },
      { granted: true, remaining: 18, resetSeconds: 1 },
    ]);
    expect(taken.at(-1)).toEqual({ granted: false, remaining: 0, resetSeconds: 2 });
  });

  it('gives back evenly', () => {
    const { clock, take } = limiterAt();
    times(20, () => take('a'));
    clock.now += 99;
    expect(take('a').granted).toBe(false);
    clock.now += 1;
    expect([take('a').granted, take('a').granted]).toEqual([true, false]);
  });

  it('takes nothing for what it refuses', () => {
    const { clock, take } = limiterAt();
    times(1_000, () => take('a'));
    clock.now += 100;
    expect(take('a').granted).toBe(true);
  });

  it('takes nothing from one caller for another', () => {
    const { take } = limiterAt();
    times(21, () => take('a'));
    expect(take('b')).toMatchObject({ granted: true, remaining: 19 });
  });

  it('says whether there is one left without taking it', () => {
    const { take, has } = limiterAt();
    times(19, () => take('a'));
    expect([has('a'), has('a')]).toEqual([true, true]);
    take('a');
    expect(has('a')).toBe(false);
  });

  it('does not lock anybody out because the clock stepped back', () => {
    const { clock, take } = limiterAt();
    times(20, () => take('a'));
    clock.now -= 3_600_000;
    expect(take('a').granted).toBe(false);
    clock.now += 100;
    expect(take('a').granted).toBe(true);
  });

  it('remembers a bounded number of callers, the latest ones', () => {
    const { take } = limiterAt();
    times(20, () => take('first'));
    times(20, () => take('second'));
    for (let n = 0; n < CALLERS_MAX - 1; n += 1) take(`caller ${n}`);
    expect([take('second').granted, take('first').granted]).toEqual([false, true]);
  });

  it('never grants more than the rate and what may come at once, whatever the pace', () => {
    fc.assert(
      fc.property(fc.array(fc.nat({ max: 500 }), { maxLength: 200 }), (pauses) => {
        const { clock, take } = limiterAt(0);
        const granted = pauses.filter((pauseMs) => {
          clock.now += pauseMs;
          return take('a').granted;
        });
        expect(granted.length).toBeLessThanOrEqual(POLICY.atOnce + (clock.now / 1000) * POLICY.perSecond);
      }),
    );
  });

  it('is told in fields of a reply', () => {
    const { take, policy } = limiterAt();
    expect(rateLimitFields(policy, take('a'))).toEqual({
      'RateLimit-Policy': '"key";q=20;w=2',
      RateLimit: '"key";r=19;t=1',
    });
  });
});
