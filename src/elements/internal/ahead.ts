/** Who will ask for the session as soon as it is defined: nobody on a page that another copy of this serves already. */
const PROVIDER_SELECTOR =
  'billing-provider[session-token-url]:not(:defined, [session-token]):has(:is(billing-usage-display, billing-usage-bar[feature-key]))';

/** What fetches for the page's stores where something was asked for ahead, by whichever script of the page. */
const FETCH = Symbol.for('billingos:fetch');
const page = globalThis as { [FETCH]?: typeof fetch | undefined };

/** Replies that were asked for ahead, by URL and authorization. */
export type Replies = Map<string, Promise<Response>>;

export function pageFetch(): typeof fetch | undefined {
  return page[FETCH];
}

/** The provider whose session the page's elements will need. */
export function awaitedProvider(): Element | null {
  return document.querySelector(PROVIDER_SELECTOR);
}

/** Asks for the session that the page's elements will need, while what defines them is still being evaluated. */
export function askAhead(): void {
  if (typeof document === 'undefined' || page[FETCH]) return;
  const url = awaitedProvider()?.getAttribute('session-token-url');
  if (!url || document.hidden) return;
  const replies: Replies = new Map([[url, fetchSession(url)]]);
  answerFrom(replies);
  // Elements ask in the task that defines them. Whoever asks later wants a session of then.
  setTimeout(() => replies.clear());
}

/** As the client does. */
export function fetchSession(url: string, signal: AbortSignal | null = null): Promise<Response> {
  const headers = { Accept: 'application/json' };
  return caught(fetch(url, { headers, credentials: 'include', cache: 'no-store', signal }));
}

/** Who gets the reply hears of the failure. */
export function caught<T>(reply: Promise<T>): Promise<T> {
  reply.catch(() => undefined);
  return reply;
}

/** Has the page's stores take each of these replies once, in place of their own request. */
export function answerFrom(replies: Replies): void {
  page[FETCH] = (url, init) => {
    const key = keyOf(url as string, init?.headers as Record<string, string> | undefined);
    const reply = replies.get(key);
    replies.delete(key);
    return reply ?? fetch(url, init);
  };
}

export function keyOf(url: string, { Authorization = '' }: Record<string, string> = {}): string {
  return url + Authorization;
}
