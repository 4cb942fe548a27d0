/**
 * The script-tag drop-in: `<script type="module" src="…/billingos.js"></script>`. Registers all elements, and
 * configures the page when its script tag carries `data-session-token-url`.
 */

import { configureFromScript } from './elements/configure.ts';
import './elements/provider/provider.define.ts';
import { BillingProvider } from './elements/provider/provider.ts';
import './elements/usage-display/usage-display.define.ts';
import './elements/usage-bar/usage-bar.define.ts';

export { createClient } from './client/index.ts';
export { configure, getDefaultStore } from './elements/configure.ts';
export { registerMessages } from './elements/messages.ts';
export { createStore } from './store/index.ts';

configureFromScript();

// The first usage on screen comes before the first nudge about it. All elements of a page are of one copy.
if (customElements.get('billing-provider') === BillingProvider) {
  void import('./elements/upgrade-nudge/upgrade-nudge.define.ts');
}
