import { ContextProvider } from '@lit/context';
import type { UsageStore } from '../store/types.ts';
import { storeContext } from './context.ts';
import { onServer } from './internal/environment.ts';
import { createPageStore, isConfigured, type Live, type StoreSettings } from './internal/page-store.ts';

export type { Live, StoreSettings } from './internal/page-store.ts';

/** A script tag that carries settings. A module cannot ask for its own tag. */
const SCRIPT_SELECTOR = 'script[data-session-token-url], script[data-session-token]';

let provider: ContextProvider<typeof storeContext, HTMLElement> | undefined;
let defaultStore: UsageStore | undefined;

/**
 * Sets up the page's default store, which serves every element outside of a provider, and returns it. Nothing is
 * fetched before an element or a subscriber needs it. Called again, it replaces and closes the one before.
 *
 * @throws ConfigurationError when no session is given
 */
export function configure(settings: StoreSettings): UsageStore {
  const store = createPageStore(settings);
  const previous = defaultStore;
  defaultStore = store;
  if (!onServer) provide(store);
  previous?.close();
  return store;
}

/** The page's default store, or `undefined` before `configure`. */
export function getDefaultStore(): UsageStore | undefined {
  return defaultStore;
}

/** Configures the page from the `data-*` attributes of its script tag, where there are any. */
export function configureFromScript(): void {
  if (typeof document === 'undefined') return;
  const script = document.currentScript ?? document.querySelector<HTMLScriptElement>(SCRIPT_SELECTOR);
  if (script === null || defaultStore !== undefined) return;
  const { sessionTokenUrl, sessionToken, apiUrl, live } = script.dataset;
  const settings = { sessionTokenUrl, sessionToken, apiUrl, live: live as Live | undefined };
  if (isConfigured(settings)) configure(settings);
}

/** The root element is the outermost provider, so a real provider's answer comes before this one. */
function provide(store: UsageStore): void {
  provider ??= new ContextProvider(document.documentElement, { context: storeContext });
  provider.setValue(store);
  provider.hostConnected();
}
