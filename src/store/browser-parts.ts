import type { EventStorage } from './event-storage.ts';

/**
 * What the tabs of one browser share. The store knows these and no browser, so that a simulation can take its place:
 * `browser/` has the real ones.
 */
export interface BrowserParts {
  readonly locks: Locks;
  openChannel(name: string): Channel;
  /** @throws when there is none to be had, such as in some private windows */
  openStorage(): Promise<EventStorage>;
}

/** Locks that one tab at a time holds, and that end with their tab. */
export interface Locks {
  /**
   * Waits for the lock, or takes it from its holder with `steal`, and holds it while `task` runs. `lost` aborts when
   * another tab has taken it by force.
   *
   * @throws the signal's reason when it aborts before the lock is had
   */
  request<T>(
    name: string,
    options: { signal: AbortSignal } | { steal: true },
    task: (lost: AbortSignal) => Promise<T>,
  ): Promise<T>;
}

/**
 * The version of what tabs say to each other, in the names of their channels: tabs with another version of this code
 * are not understood, and so not heard. It changes with the messages.
 */
export const TALK_VERSION = 1;

/** What the tabs say to each other. Nothing comes back to who said it. */
export interface Channel {
  post(message: unknown): void;
  /** Calls `listener` with what other tabs say, until the channel is closed. */
  listen(listener: (message: unknown) => void): void;
  close(): void;
}
