import type { UsageClient } from '../client/client.ts';
import type { Clock } from '../client/clock.ts';
import { BillingOSError, isBillingOSError } from '../client/errors.ts';
import type { BrowserParts } from './browser-parts.ts';
import {
  isDurable,
  memoryStorage,
  openSparedStorage,
  type EventStorage,
  type KeptEvent,
  type KeyedInput,
} from './event-storage.ts';
import { LostEvents, OUTBOX_EVENTS_MAX } from './lost-events.ts';
import { OutboxChannel } from './outbox-channel.ts';
import { Pauses } from './pauses.ts';
import { Sender } from './sender.ts';
import { TrackedEvent, type Outcome, type TrackedEventOptions } from './tracked-event.ts';
import type { TrackUsageResult } from './types.ts';

/*
 * Every usage event, from its call until its outcome is known:
 *
 *   tracked ──► kept ──► sent ──► recorded | refused    taken out of storage, then told to the caller
 *      │          │        └────► unknown               stays, and is sent again with the same key
 *      │          └─────────────► lost                  one too many, or older than the server knows its key
 *      └────────────────────────► not kept              nobody is signed in: refused to the caller
 *
 * Kept means written down under its customer, before anything is sent. Of all tabs one at a time sends, as long as it
 * holds the customer's lock: the events of each counter in their order, also those of other tabs and of earlier
 * pages, but only the signed-in customer's. The others hear the outcome over the customer's channel. A tab that has
 * not heard, though its event is gone from storage, asks the server itself: the key makes that harmless.
 */

/** What a closing page may still send: browsers allow 64 KiB, and the host wants some of it. */
export const FLUSH_BYTES_MAX = 48 * 1024;
/** A request is larger than its event by about this much. */
const REQUEST_OVERHEAD_BYTES = 128;

export interface OutboxOptions {
  client: Pick<UsageClient, 'trackUsage' | 'customer'>;
  clock: Clock;
  /** Uniform in [0, 1). */
  random: () => number;
  /** How long a caller waits for the outcome before it is told `queued`, in milliseconds. */
  waitMs: number;
  /** What the tabs share. Without it events live as long as this page. */
  browser?: BrowserParts | undefined;
  /** An event counts, or not, that this page has not tracked. */
  onForeign: (event: KeptEvent, outcome: Outcome) => void;
  /** An event does not count, and nobody waits to hear it. */
  onUnheard: (error: Error) => void;
}

/** Opens the outbox of this page, and with it what other pages have left. */
export async function openOutbox(options: OutboxOptions): Promise<Outbox> {
  const { browser, clock } = options;
  const storage =
    browser === undefined ? memoryStorage() : await openSparedStorage(() => browser.openStorage(), clock);
  return new Outbox(options, storage);
}

export class Outbox {
  readonly #options: OutboxOptions;
  readonly #storage: EventStorage;
  readonly #closing = new AbortController();
  /** What this page has tracked and has no outcome yet, in its order. */
  readonly #events = new Set<TrackedEvent>();
  /** The part of it that is kept, by id. */
  readonly #waiting = new Map<number, TrackedEvent>();
  /** The part of it that waits to be kept. */
  #fresh: TrackedEvent[] = [];
  #isKeeping = false;
  readonly #pauses: Pauses;
  readonly #lostEvents: LostEvents;
  readonly #channel: OutboxChannel;
  readonly #sender: Sender;

  constructor(options: OutboxOptions, storage: EventStorage) {
    this.#options = options;
    this.#storage = storage;
    this.#lostEvents = new LostEvents(options.clock);
    this.#pauses = new Pauses(options, this.#closing.signal);
    this.#channel = new OutboxChannel({
      browser: options.browser,
      onResume: () => this.#pauses.wake(),
      onOutcome: (id, outcome) => this.#hear(id, outcome),
    });
    this.#sender = new Sender({
      ...options,
      storage,
      waiting: this.#waiting,
      pauses: this.#pauses,
      lostEvents: this.#lostEvents,
      closing: this.#closing.signal,
      onCustomer: (customer) => this.#channel.join(customer),
      onOutcome: (event, outcome) => this.#tell(event, outcome),
      onNoSession: () => {
        for (const event of this.#waiting.values()) event.answerQueued();
      },
      onRest: () => this.#leaveAtRest(),
    });
  }

  /**
   * Keeps and sends one event. Resolves with its outcome, or with `queued` after the wait. `onSettled` is called
   * once, before that, whenever the outcome becomes known.
   *
   * @throws the server's refusal; AuthenticationError when nobody is signed in; BillingOSError `outbox_full`
   */
  send(
    input: KeyedInput,
    facts: Pick<TrackedEventOptions, 'customer' | 'hasOwnKey' | 'onSettled'>,
  ): Promise<TrackUsageResult> {
    const { clock, waitMs } = this.#options;
    const event = new TrackedEvent(input, { clock, waitMs, ...facts });
    this.#events.add(event);
    if (this.#isClosed) {
      this.#settle(event, { error: closedError(event) });
    } else {
      const oldest = this.#fresh.length < OUTBOX_EVENTS_MAX ? undefined : this.#fresh.shift();
      if (oldest !== undefined) this.#settle(oldest, { error: this.#lostEvents.crowdedOut(oldest) });
      this.#fresh.push(event);
      void this.#keepFresh();
    }
    return event.result;
  }

  /** The line or the session may be back: what waits is sent now, by whichever tab it is that sends. */
  resume(): void {
    this.#channel.askToResume();
    this.#pauses.wake();
    void this.#sender.send();
  }

  /**
   * The page is hidden, and may never be seen again: sends what would be gone with it, as far as such a page may. What
   * is on disk waits its turn.
   */
  flush(): void {
    if (this.#sender.isLineDown) return;
    let leftBytes = FLUSH_BYTES_MAX;
    for (const { kept } of this.#events) {
      if (kept === undefined || isDurable(kept.id) || this.#sender.isUnderWay(kept.id)) continue;
      leftBytes -= new TextEncoder().encode(JSON.stringify(kept.input)).length + REQUEST_OVERHEAD_BYTES;
      if (leftBytes < 0) return;
      void this.#sender.deliver(kept);
    }
  }

  /** Ends all work. Callers that still wait are told whether their events are kept. */
  close(): void {
    this.#closing.abort();
    for (const event of this.#events) {
      if (event.kept !== undefined && isDurable(event.kept.id)) event.answerQueued();
      else this.#settle(event, { error: closedError(event) });
    }
    this.#events.clear();
    this.#waiting.clear();
    this.#fresh = [];
    this.#channel.leave();
    this.#storage.close();
  }

  get #isClosed(): boolean {
    return this.#closing.signal.aborted;
  }

  /** Writes down what was tracked, as soon as it is known for whom. */
  async #keepFresh(): Promise<void> {
    if (this.#isKeeping) return;
    this.#isKeeping = true;
    for (let failures = 0; !this.#isClosed;) {
      const [event] = this.#fresh;
      if (event === undefined) break;
      try {
        const customer = await this.#customerOf(event);
        if (this.#fresh[0] !== event) continue;
        this.#fresh.shift();
        // Not awaited: the next event is written at once, in case the page closes.
        void this.#keep(event, customer);
        failures = 0;
      } catch (error) {
        if (isRetryable(error)) {
          for (const waiting of this.#fresh) waiting.delay();
          await this.#pauses.wait((failures += 1));
        } else {
          this.#fresh = this.#fresh.filter((other) => other !== event);
          this.#settle(event, { error: error as Error });
        }
      }
    }
    this.#isKeeping = false;
  }

  /** Whom an event was tracked for. Where that could not be told at once, it is the first who can be. */
  #customerOf(event: TrackedEvent): Promise<string | undefined> {
    return event.customer.catch((error: unknown) => {
      if (!isRetryable(error)) throw error;
      return this.#options.client.customer();
    });
  }

  async #keep(event: TrackedEvent, customer = ''): Promise<void> {
    const { input, trackedAtMs, hasOwnKey } = event;
    // A repeat must give the same time again, and only of our own keys is it certain that it does. A session that
    // does not tell its customer may be a server's, whose times pick the period.
    const isStamped = hasOwnKey && customer !== '';
    const timestamp = new Date(trackedAtMs).toISOString();
    const record = { customer, input: isStamped ? { ...input, timestamp } : input, trackedAtMs };
    event.whose = customer;
    this.#channel.join(customer);
    const { id, dropped } = await this.#storage.add(record, OUTBOX_EVENTS_MAX);
    if (this.#isClosed) return;
    event.keepAs({ ...record, id });
    this.#waiting.set(id, event);
    for (const oldest of dropped) this.#tell(oldest, { error: this.#lostEvents.crowdedOut(oldest) });
    this.#sender.takeKept();
  }

  /** Tells the outcome to whoever has tracked the event. */
  #tell(event: KeptEvent, outcome: Outcome): void {
    this.#sender.forget(event.id);
    const own = this.#waiting.get(event.id);
    if (own !== undefined) {
      this.#settle(own, outcome);
      return;
    }
    if (this.#isClosed) return;
    // What is in memory nobody else knows, and its id means another event to them.
    if (isDurable(event.id) && this.#channel.customer === event.customer)
      this.#channel.tell(event.id, outcome);
    this.#options.onForeign(event, outcome);
    if ('error' in outcome) this.#options.onUnheard(outcome.error);
  }

  #settle(event: TrackedEvent, outcome: Outcome): void {
    this.#events.delete(event);
    if (event.kept !== undefined) this.#waiting.delete(event.kept.id);
    const isHeard = event.settle(outcome);
    if (!isHeard && 'error' in outcome) this.#options.onUnheard(outcome.error);
    if (!this.#sender.isSending) this.#leaveAtRest();
  }

  /** Another tab knows what became of an event. */
  #hear(id: number, outcome: Outcome): void {
    const event = this.#waiting.get(id);
    if (event !== undefined && !this.#sender.isUnderWay(id)) this.#settle(event, outcome);
  }

  #leaveAtRest(): void {
    if (this.#waiting.size === 0) this.#channel.leave();
  }
}

function isRetryable(error: unknown): boolean {
  return isBillingOSError(error) && error.retryable;
}

function closedError({ input }: TrackedEvent): BillingOSError {
  return new BillingOSError('The store is closed; it is not known whether the event was recorded.', {
    code: 'store_closed',
    idempotencyKey: input.idempotencyKey,
  });
}
