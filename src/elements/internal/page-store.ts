import { type ClientOptions, createClient } from '../../client/index.ts';
import { createStore, type StoreOptions } from '../../store/index.ts';
import type { UsageStore } from '../../store/types.ts';
import { pageFetch } from './ahead.ts';
import { onServer } from './environment.ts';
import { pageVisibility } from './page-visibility.ts';

/** How live the numbers are: pushed, asked for now and then, or read once. */
export type Live = 'stream' | 'poll' | 'off';

/** Where a page's store gets its session and its numbers from. One of the three session members is needed. */
export interface StoreSettings {
  /** The host page's route that answers `{sessionToken, expiresAt, apiUrl?}` for its logged-in user. */
  sessionTokenUrl?: string | undefined;
  /** Does what that route does, in code. */
  getSessionToken?: ClientOptions['getSessionToken'];
  /** One fixed token. */
  sessionToken?: string | undefined;
  /** The usage API, where the session does not say it. */
  apiUrl?: string | undefined;
  /** `stream` unless given. */
  live?: Live | undefined;
  /** Numbers to start with, from the server that rendered the page. */
  initialMetrics?: StoreOptions['initial'];
}

/** Whether the settings name a session at all. */
export function isConfigured({ sessionTokenUrl, getSessionToken, sessionToken }: StoreSettings): boolean {
  return getSessionToken != null || isGiven(sessionTokenUrl) || isGiven(sessionToken);
}

/** A store for these settings. It does nothing before somebody subscribes. */
export function createPageStore(settings: StoreSettings): UsageStore {
  const { sessionTokenUrl, getSessionToken, sessionToken, apiUrl, live, initialMetrics } = settings;
  const client = createClient({
    fetch: pageFetch(),
    ...(getSessionToken == null ? {} : { getSessionToken }),
    ...(isGiven(sessionToken) ? { sessionToken } : {}),
    ...(isGiven(sessionTokenUrl) ? { sessionTokenUrl } : {}),
    ...(isGiven(apiUrl) ? { apiUrl } : {}),
  });
  return createStore(client, {
    live: toLive(live),
    ...(onServer ? {} : { pageVisibility }),
    ...(initialMetrics == null ? {} : { initial: initialMetrics }),
  });
}

function toLive(value: string | null | undefined): Live {
  return value === 'poll' || value === 'off' ? value : 'stream';
}

function isGiven(value: string | null | undefined): value is string {
  return value !== undefined && value !== null && value !== '';
}
