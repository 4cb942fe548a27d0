import { NetworkError } from '../client/errors.ts';
import type { BrowserParts } from './browser-parts.ts';
import { later } from './later.ts';
import type { Line } from './live.ts';
import type { News, SharedLive, SharedLiveOptions } from './shared-live.ts';

export interface OpenLine extends Line {
  /** Tells the other tabs, if they are of this customer. */
  publish(news: News, customer: string | undefined): void;
}

/** Opens the live line, whose code may come first: one for all tabs where they can share it, elsewhere the page's own. */
export function openLine(
  storage: BrowserParts | 'memory' | undefined,
  options: Omit<SharedLiveOptions, 'browser'>,
): OpenLine {
  let line: (Line & Partial<Pick<SharedLive, 'publish'>>) | undefined;
  let isClosed = false;

  function open({ Live, SharedLive, browserParts }: NonNullable<typeof later.parts>): void {
    if (isClosed) return;
    if (storage === 'memory') line = new Live(options);
    else line = new SharedLive({ ...options, browser: storage ?? browserParts });
  }

  if (later.parts !== undefined) open(later.parts);
  else {
    import('./background.ts').then(
      ({ parts }) => open(parts),
      (cause: unknown) => {
        const message = 'The live line could not be loaded.';
        if (!isClosed) options.onGiveUp(new NetworkError(message, { cause }));
      },
    );
  }

  return {
    kick: () => line?.kick(),
    publish: (news, customer) => line?.publish?.(news, customer),
    close() {
      isClosed = true;
      line?.close();
    },
  };
}
