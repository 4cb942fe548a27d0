import type { BrowserParts } from './browser-parts.ts';
import { Live, type Line } from './live.ts';
import type { News, SharedLive, SharedLiveOptions } from './shared-live.ts';

export interface OpenLine extends Line {
  /** Tells the other tabs, if they are of this customer. */
  publish(news: News, customer: string | undefined): void;
}

/** Opens the live line: one for all tabs where they can share it, which is loaded first, and the page's own elsewhere. */
export function openLine(
  storage: BrowserParts | 'memory' | undefined,
  options: Omit<SharedLiveOptions, 'browser'>,
): OpenLine {
  let line: (Line & Partial<Pick<SharedLive, 'publish'>>) | undefined;
  let isClosed = false;

  async function openShared(): Promise<void> {
    const background = await import('./background.ts').catch(() => undefined);
    if (isClosed) return;
    if (background === undefined || storage === 'memory') line = new Live(options);
    else line = new background.SharedLive({ ...options, browser: storage ?? background.browserParts });
  }

  if (storage === 'memory') line = new Live(options);
  else void openShared();

  return {
    kick: () => line?.kick(),
    publish: (news, customer) => line?.publish?.(news, customer),
    close() {
      isClosed = true;
      line?.close();
    },
  };
}
