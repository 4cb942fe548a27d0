/** Who will ask for the session as soon as it is defined: nobody on a page that another copy of this serves already. */
const PROVIDER_SELECTOR =
  'billing-provider[session-token-url]:not(:defined, [session-token]):has(:is(billing-usage-display, billing-usage-bar[feature-key]))';

let ahead: { readonly url: string; readonly reply: Promise<Response> } | undefined;

/** Asks for the session that the page's elements will need, while what defines them is still being evaluated. */
export function askAhead(): void {
  if (typeof document === 'undefined' || document.hidden) return;
  const url = document.querySelector(PROVIDER_SELECTOR)?.getAttribute('session-token-url');
  if (!url) return;
  const headers = { Accept: 'application/json' };
  ahead = { url, reply: fetch(url, { headers, credentials: 'include', cache: 'no-store' }) };
  ahead.reply.catch(() => undefined);
  // Elements ask in the task that defines them. Whoever asks later wants a session of then.
  setTimeout(() => (ahead = undefined));
}

/** `fetch`, and once the reply that was asked for ahead. */
export const fetchOrAhead: typeof fetch = (url, init) => {
  if (ahead?.url !== url) return fetch(url, init);
  const { reply } = ahead;
  ahead = undefined;
  return reply;
};
