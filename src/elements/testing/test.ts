import { expect as chaiExpect } from '@open-wc/testing';

export { fixture, waitUntil } from '@open-wc/testing';

/*
 * The test runner's functions and Chai's `expect`, typed as these tests use them. Mocha's are globals, which would
 * leak into the types of everything else; and the accessibility plugin declares every assertion a promise.
 */

interface Runner {
  describe: (name: string, suite: () => void) => void;
  it: (name: string, test: () => unknown) => void;
  beforeEach: (step: () => unknown) => void;
  afterEach: (step: () => unknown) => void;
}

interface Matchers {
  equal(value: unknown): void;
  match(pattern: RegExp): void;
  contain(part: string): void;
  throw(message: RegExp): void;
  readonly deep: { equal(value: unknown): void };
  readonly have: { length(length: number): void };
  readonly be: {
    greaterThan(value: number): void;
    closeTo(value: number, delta: number): void;
    accessible(): Promise<void>;
    readonly at: { most(value: number): void };
  };
}

export const { describe, it, beforeEach, afterEach } = globalThis as unknown as Runner;

export const expect = chaiExpect as unknown as (value: unknown) => {
  readonly to: Matchers & { readonly not: Matchers };
};
