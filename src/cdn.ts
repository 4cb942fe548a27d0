/**
 * The script-tag drop-in: `<script type="module" src="…/billingos.js"></script>`. Registers all elements, and
 * configures the page when its script tag carries `data-session-token-url`.
 */

import './ask-ahead.ts';
import { configureFromScript } from './elements/configure.ts';
import './elements/provider/provider.define.ts';
import { BillingProvider } from './elements/provider/provider.ts';
import './elements/usage-display/usage-display.define.ts';
import './elements/usage-bar/usage-bar.define.ts';
import { firstPicture } from './store/painted.ts';

export { createClient } from './client/index.ts';
export { configure, getDefaultStore } from './elements/configure.ts';
export { registerMessages } from './elements/messages.ts';
export { createStore } from './store/index.ts';

/** The nudge comes after this where the page shows no usage that it could wait for. */
const NUDGE_WAIT_MS = 3_000;
const USAGE_SELECTOR = 'billing-usage-display, billing-usage-bar[feature-key]';

configureFromScript();

// All elements of a page are of one copy.
if (customElements.get('billing-provider') === BillingProvider) {
  void usageShown().then(() => import('./elements/upgrade-nudge/upgrade-nudge.define.ts'));
}

/** The first usage on screen comes before the first nudge about it; a server has rendered both. */
async function usageShown(): Promise<void> {
  if (typeof document === 'undefined' || document.querySelector(USAGE_SELECTOR) === null) return;
  if (document.querySelector('billing-upgrade-nudge')?.shadowRoot) return;
  await Promise.race([firstPicture, new Promise((resolve) => setTimeout(resolve, NUDGE_WAIT_MS))]);
}
