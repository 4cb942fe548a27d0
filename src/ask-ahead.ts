/** A module of its own, that `cdn.ts` may have it run before the elements are defined. */

import { askAhead } from './elements/internal/ahead.ts';

askAhead();
