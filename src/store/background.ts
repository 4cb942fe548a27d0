/**
 * What the store loads after the page has what it shows first: the live line, the outbox, and what the tabs of a
 * browser share. One module, so that it is one file of the drop-in.
 */

import { browserParts } from './browser/index.ts';
import { later } from './later.ts';
import { Live } from './live.ts';
import { openOutbox } from './outbox.ts';
import { SharedLive } from './shared-live.ts';

export const parts = { browserParts, Live, openOutbox, SharedLive };

later.parts = parts;
