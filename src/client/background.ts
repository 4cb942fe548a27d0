/**
 * What the client loads after what a page reads first: ofetch, and the reading of live streams. One module, so that it
 * is one file of the drop-in.
 */

export { overOfetch } from './over-ofetch.ts';
export { streamEvents } from './stream-events.ts';
