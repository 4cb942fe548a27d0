import { createClient, type ClientOptions, type UsageClient } from '../client/client.ts';
import { systemClock } from '../client/clock.ts';
import { ConfigurationError } from '../client/errors.ts';
import { loadFromFunction, loadFromRoute } from '../client/session.ts';
import { createTransport } from '../client/transport.ts';
import { getDefaultStore } from '../elements/configure.ts';
import { onServer } from '../elements/internal/environment.ts';
import { pageVisibility } from '../elements/internal/page-visibility.ts';
import { clientOf, createStore, type StoreOptions } from '../store/create-store.ts';
import type { UsageSnapshot, UsageStore } from '../store/types.ts';
import { Session } from './session.ts';

/** What a framework's provider is set up with. Of several ways to a session the first in this order is used. */
export interface BillingSettings {
  /** One fixed session token. */
  sessionToken?: string | undefined;
  /** Does what the session route does, in code. */
  getSessionToken?: ClientOptions['getSessionToken'];
  /** The host page's route that answers `{sessionToken, expiresAt, apiUrl?}` for its logged-in user. */
  sessionTokenUrl?: string | undefined;
  /** The usage API, where the session does not say it. */
  apiUrl?: string | undefined;
  /** How live the numbers are. `stream` unless given. */
  live?: StoreOptions['live'];
  /** Numbers to start with, from the server that rendered the page. */
  initialMetrics?: StoreOptions['initial'];
  /** A store made elsewhere; nothing else counts then. */
  store?: UsageStore | undefined;
}

/** What a provider hands down. */
export interface Billing {
  readonly store: UsageStore;
  /** The picture that a server renders, and that a page begins with before it takes over. */
  readonly initial: UsageSnapshot;
  /** Where tokens come from, unless the store was made elsewhere. */
  readonly session: Session | undefined;
}

/** Sets up store and session. Nothing is fetched before somebody subscribes. */
export function createBilling(settings: BillingSettings): Billing {
  const { store, apiUrl, live, initialMetrics } = settings;
  if (store !== undefined) return { store, initial: NOTHING_YET, session: undefined };
  const session = new Session(loaderOf(settings));
  const token = isGiven(settings.sessionToken)
    ? { sessionToken: settings.sessionToken }
    : { getSessionToken: session.getSessionToken };
  const client = createClient({ ...token, ...(isGiven(apiUrl) ? { apiUrl } : {}) });
  const own = createStore(client, {
    live,
    initial: initialMetrics,
    pageVisibility: onServer ? undefined : pageVisibility,
  });
  return { store: own, initial: own.getSnapshot(), session };
}

/**
 * The page's default store, for components outside of any provider.
 *
 * @throws ConfigurationError when there is none
 */
export function defaultBilling(whatToDo: string): Billing {
  const store = getDefaultStore();
  if (store === undefined) throw new ConfigurationError(`There is no usage store. ${whatToDo}`);
  return { store, initial: NOTHING_YET, session: undefined };
}

/**
 * The client behind a store.
 *
 * @throws ConfigurationError when the store was not made by `createStore`
 */
export function clientBehind(store: UsageStore): UsageClient {
  const client = clientOf(store);
  if (client !== undefined) return client;
  throw new ConfigurationError('This store has no client: make it with createStore(client).');
}

/** Before anything is known. What a page was given does not count: a server may have rendered without it. */
const NOTHING_YET: UsageSnapshot = Object.freeze({
  status: 'pending',
  fetchStatus: 'idle',
  metrics: Object.freeze([]),
  nudges: Object.freeze([]),
  live: false,
  stale: false,
  asOf: null,
  error: null,
});

function loaderOf({ sessionToken, getSessionToken, sessionTokenUrl }: BillingSettings): Session['load'] {
  if (isGiven(sessionToken)) return () => Promise.resolve({ sessionToken });
  if (getSessionToken != null) return loadFromFunction(getSessionToken);
  if (isGiven(sessionTokenUrl)) return loadFromRoute(sessionTokenUrl, createTransport(), systemClock);
  // Applications render before they know who is signed in: that is nobody, and no mistake.
  return loadFromFunction(() => Promise.resolve(null));
}

function isGiven(value: string | null | undefined): value is string {
  return value != null && value !== '';
}
