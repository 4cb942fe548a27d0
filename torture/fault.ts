import type { Finding, Invariant } from '../packages/server/src/selftest/check.ts';

/** Something that goes wrong in running servers, again and again, while it is watched what they count. */
export interface Fault {
  readonly name: string;
  readonly title: string;
  /** What one run of it is. */
  readonly unit: string;
  /** How often it happens, with `--quick` and without. */
  readonly runs: { readonly quick: number; readonly full: number };
  /** Why it cannot be had on this machine; `undefined` where it can. */
  readonly obstacle?: () => Promise<string | undefined>;
  /** Makes what it happens to. @returns one run. */
  readonly prepare: (scene: Scene) => Run | Promise<Run>;
}

/** What throws is a violation: the service did not do what it had to. */
export type Run = () => Promise<void>;

/** What a fault draws from, and where it puts what it finds. */
export interface Scene {
  /** From 0 to below 1; another sequence in each run, by the seed. */
  readonly random: () => number;
  /** The URL of a new, empty store on a PostgreSQL that the faults share. */
  newDatabase(): Promise<string>;
  /** Has something done, the latest first: asked for in `prepare` when all runs are over, in a run at its end. */
  atEnd(end: () => unknown): void;
  /** Takes what the checker finds in a history. */
  judge(findings: readonly Finding[]): void;
  /** Holds the service to something that no history shows. */
  expect(aspect: Aspect, violations: readonly string[], checked?: number): void;
  /** Keeps a duration. */
  measure(figure: string, milliseconds: number): void;
  /** Keeps a figure that is no duration, in words. */
  note(text: string): void;
}

/** What must hold besides the checker's invariants. */
export const ASPECTS = {
  streams: 'a stream tells only totals that the counter had, in their order, and ends at the last',
  store: '`billingos verify` finds every counter to be the sum of its events',
  simulation: 'client, network, batches and store, simulated together, count every event once',
  service: 'it does to its clients what the fault allows, and comes back by itself',
} as const;

export type Aspect = keyof typeof ASPECTS;

/** A column of the matrix. */
export type Column = Invariant | Aspect;

/** One of them; there must be one. */
export function anyOf<T>(random: () => number, choices: readonly T[]): T {
  return choices[Math.floor(random() * choices.length)] as T;
}

/** Whole milliseconds, from `min` to `max`. */
export function between(random: () => number, min: number, max: number): number {
  return min + Math.floor(random() * (max - min + 1));
}
