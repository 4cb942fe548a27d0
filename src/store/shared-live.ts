import { abortable, sleep } from '../client/clock.ts';
import { isBillingOSError } from '../client/errors.ts';
import { backoffMs } from '../client/retry.ts';
import type { UsageMetricsReply } from '../client/wire.ts';
import { TALK_VERSION, type BrowserParts, type Channel } from './browser-parts.ts';
import {
  Live,
  RECONNECT_BASE_MS,
  RECONNECT_CAP_MS,
  SNAPSHOT_WAIT_MS,
  type Line,
  type LineEvent,
  type LiveOptions,
} from './live.ts';
import { whileSoleHolder } from './sole-holder.ts';

export interface SharedLiveOptions extends Omit<LiveOptions, 'customer'> {
  browser: BrowserParts;
  /** The customer's numbers at hand, for a tab that has just come, unless they are old. */
  current: (customer: string) => { reply: UsageMetricsReply; isLive: boolean } | undefined;
  /** Another tab has read these. */
  onReading: (reply: UsageMetricsReply, customer: string) => void;
  /** Another tab's person has put a nudge away. */
  onDismissed: (id: string) => void;
}

/** What one tab lets the others of its customer know. */
export type News = { type: 'reading'; reply: UsageMetricsReply } | { type: 'dismissed'; id: string };

type Message =
  | News
  /** Somebody has come, or has lost the thread. */
  | { type: 'hello' }
  /** The leader's answer: how things stand. */
  | { type: 'welcome'; reply: UsageMetricsReply; isLive: boolean }
  | { type: 'event'; event: LineEvent }
  | { type: 'drop'; planned: boolean };

/**
 * One customer's live line, one for all visible tabs of the browser:
 *
 *   following ──(the leader hid, closed or froze)──► leading ──(taken over while frozen)──► following
 *
 * The leader has the line and repeats what it brings to the others. Every tab here is visible: the store closes this
 * when its page hides. Whatever the others say goes through the order of rows, so a leader that was frozen and goes
 * on with old news does no harm.
 */
export class SharedLive implements Line {
  readonly #options: SharedLiveOptions;
  readonly #closing = new AbortController();
  #wake = new AbortController();
  /** The tabs of this customer, once it is known. */
  #tabs: { readonly customer: string; readonly channel: Channel } | undefined;
  /** The line, while this tab leads. */
  #line: Live | undefined;
  /** Nobody has told this tab any numbers yet. */
  #isMissing = false;
  /** By the leader's word. */
  #isLive = false;
  #cancelWait: (() => void) | undefined;

  constructor(options: SharedLiveOptions) {
    this.#options = options;
    void this.#run();
  }

  kick(): void {
    this.#wake.abort();
    this.#line?.kick();
  }

  close(): void {
    this.#closing.abort();
    this.#cancelWait?.();
  }

  /** Tells the other tabs, if they are of this customer. */
  publish(news: News, customer: string | undefined): void {
    if (customer === this.#tabs?.customer) this.#post(news);
  }

  async #run(): Promise<void> {
    const { client, clock, random, onMissing, onGiveUp } = this.#options;
    const { signal } = this.#closing;
    for (let failures = 0; !signal.aborted; failures += 1) {
      try {
        const customer = await abortable(client.customer(), signal);
        failures = 0;
        if (customer === undefined) await this.#lead(undefined, signal);
        else await this.#share(customer);
      } catch (error) {
        if (this.#closing.signal.aborted) return;
        if (!isBillingOSError(error) || !error.retryable) {
          onGiveUp(error);
          return;
        }
        onMissing();
        this.#wake = new AbortController();
        const delayMs = backoffMs(failures, random, RECONNECT_BASE_MS, RECONNECT_CAP_MS);
        await sleep(delayMs, clock, AbortSignal.any([this.#wake.signal, signal])).catch(() => undefined);
      }
    }
  }

  /** Follows and leads in turn, as long as it is this customer who is signed in. */
  async #share(customer: string): Promise<void> {
    const { browser, clock, random } = this.#options;
    const { signal } = this.#closing;
    // Tabs that do not understand each other each have a leader of their own.
    const name = `billingos:live:${TALK_VERSION}:${customer}`;
    const channel = browser.openChannel(name);
    channel.listen((message) => this.#hear(message as Message, customer));
    this.#tabs = { customer, channel };
    try {
      for (let isTheirs = true; isTheirs && !signal.aborted;) {
        this.#isMissing = true;
        this.#isLive = false;
        this.#greet();
        const lead = (lost: AbortSignal) => this.#lead(customer, lost);
        isTheirs = await whileSoleHolder(name, { browser, clock, random }, signal, lead);
      }
    } finally {
      this.#cancelWait?.();
      this.#tabs = undefined;
      channel.close();
    }
  }

  /** Keeps the line up until another tab takes over. Resolves with whether the customer is still the one. */
  async #lead(customer: string | undefined, lost: AbortSignal): Promise<boolean> {
    const { onEvent, onDrop, onGiveUp } = this.#options;
    this.#cancelWait?.();
    // Not live until the own line is: the leader before is gone.
    onDrop(true);
    const over = AbortSignal.any([lost, this.#closing.signal]);
    if (over.aborted) return true;
    const isTheirs = await new Promise<boolean>((resolve) => {
      over.addEventListener('abort', () => resolve(true), { once: true });
      this.#line = new Live({
        ...this.#options,
        customer,
        onEvent: (event, whose) => {
          onEvent(event, whose);
          this.#post({ type: 'event', event });
        },
        onDrop: (planned) => {
          onDrop(planned);
          this.#post({ type: 'drop', planned });
        },
        // Where lines do not get through this tab goes on leading: it reads for all.
        onGiveUp: (error) => {
          if (isBillingOSError(error) && error.code === 'customer_changed') resolve(false);
          else onGiveUp(error);
        },
      });
    });
    this.#line?.close();
    this.#line = undefined;
    return isTheirs;
  }

  #hear(message: Message, customer: string): void {
    if (this.#closing.signal.aborted) return;
    const { onReading, onDismissed } = this.#options;
    if (message.type === 'reading') {
      this.#isMissing = false;
      onReading(message.reply, customer);
    } else if (message.type === 'dismissed') {
      onDismissed(message.id);
    } else if (this.#line === undefined) {
      this.#follow(message, customer);
    } else if (message.type === 'hello') {
      // A leader takes no other leader's word: that one was frozen, and does not know yet that it was replaced.
      const numbers = this.#options.current(customer);
      if (numbers !== undefined) this.#post({ type: 'welcome', ...numbers });
    }
  }

  /** Takes the leader's word. */
  #follow(message: Message, customer: string): void {
    const { onEvent, onDrop, onReading } = this.#options;
    switch (message.type) {
      case 'welcome':
        this.#cancelWait?.();
        this.#isLive = message.isLive;
        if (message.isLive) onEvent({ event: 'snapshot', data: message.reply }, customer);
        else onReading(message.reply, customer);
        break;
      case 'event':
        onEvent(message.event, customer);
        if (message.event.event === 'snapshot') {
          this.#cancelWait?.();
          this.#isLive = true;
        } else if (!this.#isLive) {
          // The line lives, though this tab has missed how it began.
          this.#greet();
        }
        break;
      case 'drop':
        this.#isLive = false;
        onDrop(message.planned);
        // A leader that was frozen may speak of a line that is long replaced; the present one then says so.
        this.#greet();
        break;
    }
  }

  /** Asks the leader how things stand, again and again until it says so. */
  #greet(): void {
    this.#cancelWait?.();
    this.#post({ type: 'hello' });
    this.#cancelWait = this.#options.clock.schedule(() => {
      if (this.#isMissing) this.#options.onMissing();
      this.#isMissing = false;
      this.#greet();
    }, SNAPSHOT_WAIT_MS);
  }

  #post(message: Message): void {
    this.#tabs?.channel.post(message);
  }
}
