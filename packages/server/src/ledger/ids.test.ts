import { expect, it } from 'vitest';
import { newId } from './ids.ts';

/** More than are drawn at once. */
const MANY = 1_000;

it('makes ids of a prefix, the time and 80 random bits, no two of them alike', () => {
  const ids = Array.from({ length: MANY }, () => newId('evt', 0x19a_bcde_f012));
  for (const id of ids) expect(id).toMatch(/^evt_019abcdef012[0-9a-f]{20}$/);
  expect(new Set(ids.map((id) => id.slice(-20))).size).toBe(MANY);
});

it('makes ids that sort by their time', () => {
  const ids = [1, 15, 16, 255, 1_769_853_600_000].map((now) => newId('evt', now));
  expect(ids.toSorted()).toEqual(ids);
});
