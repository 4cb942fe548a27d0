/** A browser with tabs that share locks, channels and a disk, on a clock that the test advances. */
import type { Clock } from '../../client/clock.ts';
import type { BrowserParts, Channel, Locks } from '../browser-parts.ts';
import type { EventStorage, KeptEvent, NewEvent } from '../event-storage.ts';

export interface FakeBrowserOptions {
  clock: Clock;
  /** How long the next step takes, in milliseconds. None unless given. */
  delayMs?: () => number;
  /** Whether the next message between tabs gets lost. None does unless given. */
  isLost?: () => boolean;
}

export class FakeBrowser {
  readonly clock: Clock;
  readonly #delayMs: () => number;
  readonly isLost: () => boolean;
  readonly channels = new Set<FakeChannel>();
  readonly #locks = new Map<string, LockRequest[]>();
  readonly #disk = new Map<number, KeptEvent>();
  /** Everything that was ever on disk, in its order. */
  readonly everKept: KeptEvent[] = [];
  /** The ids of events that were on disk while it could not be read: pages may have sent them past each other. */
  readonly unread = new Set<number>();
  /** Storage fails as long as this is set. */
  isDiskBroken = false;

  constructor({ clock, delayMs = () => 0, isLost = () => false }: FakeBrowserOptions) {
    this.clock = clock;
    this.#delayMs = delayMs;
    this.isLost = isLost;
  }

  /** Everything on disk, in its order. */
  get kept(): KeptEvent[] {
    return [...this.#disk.values()];
  }

  /** How many locks are held. */
  get lockCount(): number {
    return [...this.#locks.values()].filter((queue) => queue.length > 0).length;
  }

  openTab(): FakeTab {
    return new FakeTab(this);
  }

  /** Puts an event on disk, as an earlier page might have. */
  keep(event: NewEvent): void {
    const kept = { ...event, id: this.everKept.length + 1 };
    this.everKept.push(kept);
    this.#disk.set(kept.id, kept);
  }

  /** Does something to a tab that takes time, if the tab is still there by then. */
  later(tab: FakeTab, callback: () => void): void {
    this.clock.schedule(() => tab.run(callback), this.#delayMs());
  }

  /** Does something outside of all tabs, and hands what came of it to the one that asked. */
  ask<T>(tab: FakeTab, action: () => T): Promise<T> {
    return new Promise((resolve, reject) => {
      this.clock.schedule(() => {
        if (this.isDiskBroken) {
          this.later(tab, () => reject(new Error('The disk is broken.')));
          return;
        }
        const result = structuredClone(action());
        this.later(tab, () => resolve(result));
      }, this.#delayMs());
    });
  }

  storageOf(tab: FakeTab): EventStorage {
    const disk = this.#disk;
    return {
      add: (event, countMax) =>
        this.ask(tab, () => {
          this.keep(event);
          const dropped = this.kept.slice(0, Math.max(0, disk.size - countMax));
          for (const { id } of dropped) disk.delete(id);
          return { id: this.everKept.length, dropped };
        }),
      oldest: (customer, countMax) =>
        this.ask(tab, () =>
          this.kept.filter((event) => event.customer === customer).slice(0, countMax),
        ).catch((error: unknown) => {
          for (const { id } of this.kept) this.unread.add(id);
          throw error;
        }),
      remove: (id) => this.ask(tab, () => void disk.delete(id)),
      close: () => undefined,
    };
  }

  locksOf(tab: FakeTab): Locks {
    return {
      request: (name, options, task) =>
        new Promise((resolve, reject) => {
          const lost = new AbortController();
          const request: LockRequest = {
            tab,
            grant: () =>
              this.later(tab, () => {
                const running = task(lost.signal);
                const end = () => this.#release(name, request);
                running.then(end, end);
                resolve(running);
              }),
            lose: () => this.later(tab, () => lost.abort(new Error('The lock was stolen.'))),
          };
          if ('steal' in options) this.#steal(name, request);
          else this.#enqueue(name, request, options.signal, reject);
        }),
    };
  }

  /** Takes a tab's locks and places in queues away. */
  forget(tab: FakeTab): void {
    for (const [name, queue] of this.#locks) {
      for (const request of queue.filter((each) => each.tab === tab)) this.#release(name, request);
    }
    for (const channel of this.channels) if (channel.tab === tab) channel.close();
  }

  /** The first in a queue holds the lock. */
  #queueOf(name: string): LockRequest[] {
    const queue = this.#locks.get(name) ?? [];
    this.#locks.set(name, queue);
    return queue;
  }

  #enqueue(name: string, request: LockRequest, signal: AbortSignal, reject: (error: Error) => void): void {
    const queue = this.#queueOf(name);
    const leave = () => {
      const isWaiting = queue.indexOf(request) > 0;
      if (isWaiting) queue.splice(queue.indexOf(request), 1);
      if (isWaiting || !queue.includes(request)) reject(signal.reason as Error);
    };
    if (signal.aborted) {
      leave();
      return;
    }
    signal.addEventListener('abort', leave, { once: true });
    if (queue.push(request) === 1) request.grant();
  }

  #steal(name: string, request: LockRequest): void {
    const queue = this.#queueOf(name);
    queue.shift()?.lose();
    queue.unshift(request);
    request.grant();
  }

  #release(name: string, request: LockRequest): void {
    const queue = this.#queueOf(name);
    const place = queue.indexOf(request);
    if (place < 0) return;
    queue.splice(place, 1);
    if (place === 0) queue[0]?.grant();
  }
}

interface LockRequest {
  readonly tab: FakeTab;
  grant(): void;
  lose(): void;
}

/** One tab: what happens to it waits while it is frozen, and never happens once it is closed. */
export class FakeTab implements BrowserParts {
  readonly #browser: FakeBrowser;
  readonly locks: Locks;
  readonly clock: Clock;
  isClosed = false;
  #frozen: (() => void)[] | undefined;

  constructor(browser: FakeBrowser) {
    this.#browser = browser;
    this.locks = browser.locksOf(this);
    this.clock = {
      now: () => browser.clock.now(),
      schedule: (callback, delayMs) => {
        let isCancelled = false;
        const cancel = browser.clock.schedule(() => {
          this.run(() => {
            if (!isCancelled) callback();
          });
        }, delayMs);
        return () => {
          isCancelled = true;
          cancel();
        };
      },
    };
  }

  get isFrozen(): boolean {
    return this.#frozen !== undefined;
  }

  run(callback: () => void): void {
    if (this.isClosed) return;
    if (this.#frozen === undefined) callback();
    else this.#frozen.push(callback);
  }

  openChannel = (name: string): Channel => new FakeChannel(this.#browser, this, name);

  openStorage = (): Promise<EventStorage> =>
    this.#browser.ask(this, () => undefined).then(() => this.#browser.storageOf(this));

  freeze(): void {
    this.#frozen ??= [];
  }

  thaw(): void {
    const missed = this.#frozen ?? [];
    this.#frozen = undefined;
    for (const callback of missed) this.#browser.later(this, callback);
  }

  /** Closes the tab, or crashes it: that is the same to the others. */
  close(): void {
    this.isClosed = true;
    this.#browser.forget(this);
  }
}

class FakeChannel implements Channel {
  readonly tab: FakeTab;
  readonly #browser: FakeBrowser;
  readonly #name: string;
  readonly #listeners: ((message: unknown) => void)[] = [];

  constructor(browser: FakeBrowser, tab: FakeTab, name: string) {
    this.#browser = browser;
    this.tab = tab;
    this.#name = name;
    browser.channels.add(this);
  }

  post(message: unknown): void {
    const { channels } = this.#browser;
    if (!channels.has(this)) return;
    for (const other of channels) {
      if (other === this || other.#name !== this.#name || this.#browser.isLost()) continue;
      const copy: unknown = structuredClone(message);
      this.#browser.later(other.tab, () => {
        if (channels.has(other)) for (const listener of other.#listeners) listener(copy);
      });
    }
  }

  listen(listener: (message: unknown) => void): void {
    this.#listeners.push(listener);
  }

  close(): void {
    this.#browser.channels.delete(this);
  }
}
