import type { BrowserContext, Page } from 'playwright-core';
import type { UsageStore } from '../../src/store/types.ts';
import type { DevProcess } from './dev-server.ts';
import type { FaultProxy } from './fault-proxy.ts';

/** A page that uses the built drop-in's store and nothing else, served by the host. */

const PAGE_PATH = '/store-page';
const SESSION_PATH = '/store-session';

/** What the page's script puts on `window` for the test. */
declare global {
  interface Window {
    store: UsageStore;
    /** Hides or shows the page, as far as its store knows. */
    setHidden: (hidden: boolean) => void;
    /** What every call of `track` came to, by key. */
    told: Record<string, string>;
    /** Tracks one event and leaves its outcome in `told`. */
    track: (featureKey: string, key: string) => void;
    errors: string[];
  }
}

interface SessionToken {
  sessionToken: string;
  tokenId: string;
}

export interface StorePageOptions {
  /** How many times faster than real the store's waits pass. */
  speed?: number;
  /** How long a request may take, in milliseconds of real time. */
  timeoutMs?: number;
  waitMs?: number;
}

/** Lets the host serve the page and a session route, for whoever is signed in. Counts the sessions it gives. */
export function serveStorePages(
  host: FaultProxy,
  api: Pick<DevProcess, 'post'>,
  signedIn: () => string | null,
): { readonly count: number; readonly last: SessionToken } {
  const session = { count: 0, last: { sessionToken: '', tokenId: '' } };
  host.hostRoutes.set(PAGE_PATH, () => ({
    type: 'text/html',
    body: `<!doctype html><script type="module">${SCRIPT}</script>`,
  }));
  host.hostRoutes.set(SESSION_PATH, async () => {
    session.count += 1;
    const externalUserId = signedIn();
    if (externalUserId === null) return { status: 401, type: 'text/plain', body: '' };
    const { text, body } = await api.post('/v1/session-tokens', { externalUserId });
    session.last = body as unknown as SessionToken;
    return { type: 'application/json', body: text };
  });
  return session;
}

export async function openStorePage(
  context: BrowserContext,
  host: FaultProxy,
  { speed = 1, timeoutMs = 30_000, waitMs = 10_000 }: StorePageOptions = {},
): Promise<Page> {
  const page = await context.newPage();
  const query = new URLSearchParams({ speed: `${speed}`, timeoutMs: `${timeoutMs}`, waitMs: `${waitMs}` });
  await page.goto(`${host.url}${PAGE_PATH}?${query}`);
  await page.waitForFunction(() => 'store' in window);
  return page;
}

/** Opens pages one after the other, each once its numbers are live. The first has the line. */
export async function openLivePages(
  context: BrowserContext,
  host: FaultProxy,
  count: number,
  options?: StorePageOptions,
): Promise<Page[]> {
  const pages: Page[] = [];
  while (pages.length < count) {
    const page = await openStorePage(context, host, options);
    await page.waitForFunction(() => window.store.getSnapshot().live);
    pages.push(page);
  }
  return pages;
}

/** What the page shows of a feature; `undefined` before it shows anything. */
export function shown(page: Page, featureKey: string): Promise<number | undefined> {
  return page.evaluate((key) => window.store.feature(key)?.consumed, featureKey);
}

const SCRIPT = `
  import { createClient, createStore } from '/billingos.js';
  const query = new URLSearchParams(location.search);
  const [speed, timeoutMs, waitMs] = ['speed', 'timeoutMs', 'waitMs'].map((name) => Number(query.get(name)));
  const clock = {
    now: () => Date.now(),
    schedule(callback, delayMs) {
      const timer = setTimeout(callback, delayMs / speed);
      return () => clearTimeout(timer);
    },
  };
  const listeners = new Set();
  let isHidden = false;
  const pageVisibility = {
    get hidden() { return isHidden || document.visibilityState === 'hidden'; },
    subscribe(listener) {
      listeners.add(listener);
      document.addEventListener('visibilitychange', listener);
      return () => { listeners.delete(listener); document.removeEventListener('visibilitychange', listener); };
    },
  };
  const client = createClient(
    { apiUrl: location.origin, sessionTokenUrl: '${SESSION_PATH}', timeout: timeoutMs * speed },
    { clock },
  );
  const store = createStore(client, { clock, pageVisibility, waitMs: waitMs * speed });
  window.told = {};
  window.errors = [];
  window.setHidden = (hidden) => { isHidden = hidden; for (const listener of listeners) listener(); };
  window.track = (featureKey, idempotencyKey) => {
    store.trackUsage({ featureKey, quantity: 1, idempotencyKey }).then(
      ({ status }) => { window.told[idempotencyKey] = status; },
      (error) => { window.told[idempotencyKey] = error.name + ': ' + error.message; },
    );
  };
  store.subscribe(() => {
    const { error } = store.getSnapshot();
    if (error !== null && window.errors.at(-1) !== error.code) window.errors.push(error.code);
  });
  window.store = store;
`;
