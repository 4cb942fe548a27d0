import type { Connection } from './connection.ts';

/**
 * What connects a bar to its store, once it is there: it comes with the display and the nudge, which are nothing
 * without a store, or is loaded by the first bar that asks for a feature.
 */
export const connector: { Connection?: typeof Connection } = {};
