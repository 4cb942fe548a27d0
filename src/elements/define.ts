/** Registers all elements: the provider before its consumers, so that none of them asks in vain. */

import './provider/provider.define.ts';
import './usage-display/usage-display.define.ts';
import './usage-bar/usage-bar.define.ts';
import './upgrade-nudge/upgrade-nudge.define.ts';
