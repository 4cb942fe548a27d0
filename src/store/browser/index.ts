/** The store's parts as browsers have them. Loaded when there is something to keep or to share. */

import type { BrowserParts } from '../browser-parts.ts';
import { openBroadcastChannel } from './channel.ts';
import { openIndexedDb } from './indexed-db.ts';
import { webLocks } from './web-locks.ts';

export const browserParts: BrowserParts = {
  locks: webLocks,
  openChannel: openBroadcastChannel,
  openStorage: openIndexedDb,
};
