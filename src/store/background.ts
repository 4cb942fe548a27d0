/**
 * What the store loads after the page has what it shows first: the outbox, and what the tabs of a browser share. One
 * module, so that it is one file of the drop-in.
 */

export { browserParts } from './browser/index.ts';
export { openOutbox } from './outbox.ts';
export { SharedLive } from './shared-live.ts';
