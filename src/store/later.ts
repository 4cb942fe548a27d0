import type { parts } from './background.ts';

/**
 * What the store does without until its first numbers show. `background.ts` puts it here when it has come; a store
 * that finds it begins with the live line, which saves a reading.
 */
export const later: { parts?: typeof parts } = {};
