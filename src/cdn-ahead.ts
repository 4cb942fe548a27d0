/**
 * `billingos-ahead.js`, a small script that a page may name before the drop-in: it asks for the session and the numbers
 * while the drop-in is still on its way, which then shows what has come.
 */

import { API_VERSION, TIMEOUT_DEFAULT_MS } from './client/api.ts';
import { readClaims } from './client/claims.ts';
import type { SessionGrant } from './client/session.ts';
import {
  answerFrom,
  awaitedProvider,
  caught,
  fetchSession,
  keyOf,
  pageFetch,
  type Replies,
} from './elements/internal/ahead.ts';

/** Nobody is answered with what was asked for longer ago than this. */
const AHEAD_MAX_MS = 10_000;

/** A page's script tag may name the session in place of a provider. */
const SCRIPT_SELECTOR = 'script[data-session-token-url]:not([data-session-token])';
const USAGE_SELECTOR =
  ':is(billing-usage-display, billing-usage-bar[feature-key]):not(:defined, billing-provider *)';

const provider = awaitedProvider();
if (provider !== null)
  askForAll(provider.getAttribute('session-token-url'), provider.getAttribute('api-url'));
else if (document.querySelector(USAGE_SELECTOR) !== null) {
  const { sessionTokenUrl, apiUrl } = document.querySelector<HTMLElement>(SCRIPT_SELECTOR)?.dataset ?? {};
  askForAll(sessionTokenUrl, apiUrl);
}

/** The session is handed over once the numbers are on their way, so that they are not asked for twice. */
function askForAll(sessionUrl: string | null | undefined, apiUrl: string | null | undefined): void {
  if (!sessionUrl || document.hidden || pageFetch() !== undefined) return;
  const replies: Replies = new Map();
  const keeping = new AbortController();
  const session = fetchSession(sessionUrl, AbortSignal.timeout(TIMEOUT_DEFAULT_MS)).then(async (reply) => {
    // A refusal may have passed by the time the drop-in is there: then it asks for itself.
    if (reply.status !== 200) replies.delete(sessionUrl);
    else await askForNumbers(replies, reply.clone(), apiUrl, keeping.signal).catch(() => undefined);
    return reply;
  });
  replies.set(sessionUrl, caught(session));
  answerFrom(replies);
  const end = () => {
    keeping.abort();
    replies.clear();
  };
  setTimeout(end, AHEAD_MAX_MS);
  // A page that sleeps has no timers.
  document.addEventListener('visibilitychange', end);
}

/** Whatever is wrong with a session's reply, or not to be had from it alone, is left to the client, who gets it next. */
async function askForNumbers(
  replies: Replies,
  reply: Response,
  explicitApiUrl: string | null | undefined,
  keeping: AbortSignal,
): Promise<void> {
  const { sessionToken, apiUrl } = (await reply.json()) as Partial<SessionGrant>;
  if (keeping.aborted || !sessionToken || sessionToken.startsWith('sk_')) return;
  const base = (explicitApiUrl === '' ? undefined : explicitApiUrl) ?? apiUrl ?? readClaims(sessionToken).iss;
  const { protocol, origin, pathname } = new URL(base ?? '');
  if (!/^https?:$/.test(protocol)) return;
  const url = `${(origin + pathname).replace(/\/+$/, '')}/v1/features/usage-metrics`;
  const headers = {
    Accept: 'application/json',
    Authorization: `Bearer ${sessionToken}`,
    'X-BillingOS-Version': API_VERSION,
  };
  const signal = AbortSignal.timeout(TIMEOUT_DEFAULT_MS);
  const numbers = fetch(url, { headers, credentials: 'omit', redirect: 'error', cache: 'no-store', signal });
  replies.set(keyOf(url, headers), caught(numbers));
  // A browser's first number takes it some 15 ms to write, and four times that on a phone. Here nobody waits for it.
  (0).toLocaleString();
}
