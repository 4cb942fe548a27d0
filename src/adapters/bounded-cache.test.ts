import { expect, test } from 'vitest';
import { BoundedCache } from './bounded-cache.ts';

test('a bounded cache keeps no more than it may', () => {
  const cache = new BoundedCache<number>(2);
  let made = 0;
  const make = () => (made += 1);
  for (const key of ['a', 'b', 'c', 'a']) cache.get(key, make);
  expect(made).toBe(4);
});
