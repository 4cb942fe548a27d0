import type { UsageClient } from '../client/client.ts';
import { sleep, type Clock } from '../client/clock.ts';
import { BillingOSError, errorOf, factsOf, isBillingOSError, isOwnWord } from '../client/errors.ts';
import { backoffMs } from '../client/retry.ts';
import type { TrackReply } from '../client/wire.ts';
import type { BrowserParts, Channel } from './browser-parts.ts';
import {
  isDurable,
  memoryStorage,
  openSparedStorage,
  type EventStorage,
  type KeptEvent,
  type KeyedInput,
  type NewEvent,
} from './event-storage.ts';
import { whileSoleHolder } from './sole-holder.ts';
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

/** Events kept at once, of all customers of the browser. Beyond it the oldest go. */
export const OUTBOX_EVENTS_MAX = 5_000;
/** Older events are given up: the server is only sure to know their keys for 36 days (wire contract §3). */
export const EVENT_AGE_MAX_MS = 34 * 86_400_000;
/** An event from further in the future was stamped by a clock that was wrong; its age could be anything. */
export const EVENT_AHEAD_MAX_MS = 2 * 86_400_000;
/** The longest wait before the first repetition; each further one may be twice as long. */
export const OUTBOX_BACKOFF_BASE_MS = 1_000;
/** No wait between two repetitions is longer, unless the server asks for more. */
export const OUTBOX_BACKOFF_CAP_MS = 60_000;
/** Counters that are sent for at the same time. Browsers have six connections to a server, and one is the live line. */
const LANES_MAX = 4;
/** Events read from storage at once. */
const BATCH_EVENTS_MAX = 50;
/** What a closing page may still send: browsers allow 64 KiB, and the host wants some of it. */
export const FLUSH_BYTES_MAX = 48 * 1024;
/** A request is larger than its event by about this much. */
const REQUEST_OVERHEAD_BYTES = 128;
/** How long the word of an event that another tab has sent may take. */
export const HEARSAY_MS = 2_000;

export interface OutboxOptions {
  client: Pick<UsageClient, 'trackUsage' | 'customer'>;
  clock: Clock;
  /** Uniform in [0, 1). */
  random: () => number;
  /** How long a caller waits for the outcome before it is told `queued`, in milliseconds. */
  waitMs: number;
  /** What the tabs share. Without it events live as long as this page. */
  browser?: BrowserParts | undefined;
  /** An event counts that this page has not tracked. */
  onForeign: (event: KeptEvent, outcome: Outcome) => void;
  /** An event does not count, and nobody waits to hear it. */
  onUnheard: (error: Error) => void;
}

/** What sending came to: outcomes, nothing to send, or why it cannot go on now. */
type Verdict = 'settled' | 'empty' | 'unknown' | 'no-session' | 'customer-changed' | 'lock-lost';

/** What tabs tell each other. */
type Message =
  /** The line or the session may be back. */
  { type: 'resume' } | { type: 'outcome'; id: number; outcome: OutcomeData };
type OutcomeData =
  Extract<Outcome, { reply: unknown }> | { message: string; facts: ReturnType<typeof factsOf> };

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
  /** What this page has tracked and has no outcome yet, in its order. */
  readonly #events = new Set<TrackedEvent>();
  /** The part of it that is kept, by id. */
  readonly #waiting = new Map<number, TrackedEvent>();
  /** The part of it that waits to be kept. */
  #fresh: TrackedEvent[] = [];
  readonly #underWay = new Map<number, Promise<Verdict>>();
  /** What may still be found in a list of kept events that was begun before. */
  readonly #settledIds = new Set<number>();
  #onKept: () => void = () => undefined;
  readonly #pauses = new Set<AbortController>();
  readonly #closing = new AbortController();
  #channel: { readonly customer: string; readonly line: Channel } | undefined;
  #isKeeping = false;
  #isSending = false;
  #isAsked = false;
  #cancelAsking: (() => void) | undefined;
  #notBeforeMs = 0;
  /** The last attempt came to nothing. */
  #isLineDown = false;
  /** Earlier pages or other tabs have kept events that are still to be sent; so it is taken until storage was read. */
  #hasBacklog = true;
  #lostCount = 0;

  constructor(options: OutboxOptions, storage: EventStorage) {
    this.#options = options;
    this.#storage = storage;
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
      if (oldest !== undefined) this.#settle(oldest, { error: this.#fullError(oldest) });
      this.#fresh.push(event);
      void this.#keepFresh();
    }
    return event.result;
  }

  /** The line or the session may be back: what waits is sent now, by whichever tab it is that sends. */
  resume(): void {
    this.#post({ type: 'resume' });
    this.#wake();
    void this.#sendKept();
  }

  /** The page is hidden, and may never be seen again: sends what it has tracked, as far as such a page may. */
  flush(): void {
    let leftBytes = FLUSH_BYTES_MAX;
    for (const { kept, record } of this.#events) {
      if (record === undefined) continue;
      // What is kept can wait: for a line that is down, and for its turn behind what was kept before by others.
      const canWait = this.#isLineDown || this.#hasBacklog;
      if (kept !== undefined && (canWait || this.#underWay.has(kept.id))) continue;
      leftBytes -= new TextEncoder().encode(JSON.stringify(record.input)).length + REQUEST_OVERHEAD_BYTES;
      if (leftBytes < 0) return;
      if (kept !== undefined) void this.#deliver(kept, this.#closing.signal, true);
      // The disk may be too slow for a page that closes. Should it not, the event is sent again, and counts once.
      else void this.#call(record, { keepalive: true }).catch(() => undefined);
    }
  }

  /** Ends all work. Callers that still wait are told whether their events are kept. */
  close(): void {
    this.#closing.abort();
    this.#cancelAsking?.();
    for (const event of this.#events) {
      if (event.kept !== undefined && isDurable(event.kept.id)) event.answerQueued();
      else this.#settle(event, { error: closedError(event) });
    }
    this.#events.clear();
    this.#waiting.clear();
    this.#fresh = [];
    this.#leave();
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
          await this.#pause((failures += 1));
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
    event.record = record;
    this.#join(customer);
    const { id, dropped } = await this.#storage.add(record, OUTBOX_EVENTS_MAX);
    if (this.#isClosed) return;
    event.keepAs({ ...record, id });
    this.#waiting.set(id, event);
    this.#onKept();
    for (const oldest of dropped) this.#tell(oldest, { error: this.#fullError(oldest) });
    void this.#sendKept();
  }

  /** Sends what is kept, until nothing is left, or nobody is signed in to send it for. */
  async #sendKept(): Promise<void> {
    this.#isAsked = true;
    if (this.#isSending) return;
    this.#isSending = true;
    for (let failures = 0; this.#isAsked && !this.#isClosed;) {
      this.#isAsked = false;
      const verdict = await this.#takeTurn();
      if (verdict === 'no-session') for (const event of this.#waiting.values()) event.answerQueued();
      this.#isAsked ||= verdict !== 'empty' && verdict !== 'no-session';
      failures = verdict === 'unknown' ? failures + 1 : 0;
      if (failures > 0) await this.#pause(failures);
    }
    this.#isSending = false;
    if (this.#waiting.size === 0) this.#leave();
  }

  /** Waits until no other tab sends, and sends. */
  async #takeTurn(): Promise<Verdict> {
    const { client, browser, clock, random } = this.#options;
    try {
      const customer = await client.customer();
      const send = (lost: AbortSignal) => this.#sendAll(customer ?? '', lost);
      this.#join(customer ?? '');
      if (browser === undefined || customer === undefined) return await send(this.#closing.signal);
      const lock = `billingos:sending:${customer}`;
      return await whileSoleHolder(lock, { browser, clock, random }, this.#closing.signal, send);
    } catch (error) {
      return verdictOf(error) ?? 'unknown';
    }
  }

  /** Sends until nothing is left, and tries again where the outcome is not known. */
  async #sendAll(customer: string, lost: AbortSignal): Promise<Verdict> {
    for (let failures = 0; ;) {
      const settledBefore = this.#settledIds.size;
      const verdict = await this.#sendInLanes(customer, lost);
      if (verdict === 'empty') this.#settledIds.clear();
      if (verdict !== 'unknown') return verdict;
      failures = this.#settledIds.size > settledBefore ? 1 : failures + 1;
      // The lock is kept meanwhile: while the line is down one tab tries, not all.
      await this.#pause(failures, lost);
      if (this.#isClosed || lost.aborted) return 'lock-lost';
    }
  }

  /** Sends each counter's events one after the other, several counters' side by side, until one cannot be sent. */
  async #sendInLanes(customer: string, lost: AbortSignal): Promise<Verdict> {
    const lanes = new Map<string, Promise<void>>();
    const stop: { verdict?: Verdict } = {};
    const sendLane = async (events: readonly KeptEvent[]) => {
      for (const event of events) {
        if (stop.verdict !== undefined) break;
        const verdict = await this.#deliver(event, lost);
        if (verdict !== 'settled') stop.verdict ??= verdict;
      }
    };

    for (;;) {
      const nextKept = new Promise<void>((resolve) => (this.#onKept = resolve));
      const events = stop.verdict === undefined ? await this.#next(customer) : [];
      for (const [featureKey, lane] of byCounter(events)) {
        if (lanes.has(featureKey) || lanes.size === LANES_MAX) continue;
        lanes.set(
          featureKey,
          sendLane(lane).then(() => void lanes.delete(featureKey)),
        );
      }
      if (lanes.size === 0) return stop.verdict ?? 'empty';
      await Promise.race(stop.verdict === undefined ? [...lanes.values(), nextKept] : lanes.values());
    }
  }

  /** The next events to send, without those that are too old for it. */
  async #next(customer: string): Promise<KeptEvent[]> {
    for (;;) {
      const stored = await this.#storage.oldest(customer, BATCH_EVENTS_MAX);
      const kept = stored.filter(({ id }) => !this.#settledIds.has(id));
      this.#hasBacklog = kept.some(({ id }) => !this.#waiting.has(id));
      const expired = kept.filter((event) => this.#isExpired(event));
      for (const event of expired) {
        await this.#storage.remove(event.id);
        this.#tell(event, { error: this.#expiredError(event) });
      }
      if (kept.length === 0) return this.#unheardOf(customer);
      if (expired.length < kept.length) return kept.filter((event) => !expired.includes(event));
    }
  }

  /** Events that somebody has taken out of storage without telling this page what became of them. */
  #unheardOf(customer: string): KeptEvent[] {
    const nowMs = this.#options.clock.now();
    const events = [...this.#waiting.values()].filter(
      ({ kept }) => kept?.customer === customer && !this.#underWay.has(kept.id),
    );
    for (const event of events) event.missedAtMs ??= nowMs;
    const missed = events.filter(({ missedAtMs }) => nowMs - (missedAtMs ?? nowMs) >= HEARSAY_MS);
    if (events.length > missed.length) {
      this.#cancelAsking?.();
      this.#cancelAsking = this.#options.clock.schedule(() => void this.#sendKept(), HEARSAY_MS);
    }
    return missed.flatMap(({ kept }) => (kept === undefined || this.#isExpired(kept) ? [] : [kept]));
  }

  #isExpired({ trackedAtMs }: KeptEvent): boolean {
    const ageMs = this.#options.clock.now() - trackedAtMs;
    return ageMs > EVENT_AGE_MAX_MS || ageMs < -EVENT_AHEAD_MAX_MS;
  }

  /** Sends one event, unless it is under way already. */
  #deliver(event: KeptEvent, lost: AbortSignal, keepalive = false): Promise<Verdict> {
    const { id } = event;
    const running = this.#underWay.get(id);
    if (running !== undefined) return running;
    const attempt = this.#attempt(event, lost, keepalive).finally(() => this.#underWay.delete(id));
    this.#underWay.set(id, attempt);
    return attempt;
  }

  async #attempt(event: KeptEvent, lost: AbortSignal, keepalive: boolean): Promise<Verdict> {
    const signal = AbortSignal.any([lost, this.#closing.signal]);
    let outcome: Outcome;
    try {
      outcome = { reply: await this.#call(event, { signal, keepalive }) };
    } catch (error) {
      if (signal.aborted) return 'lock-lost';
      const verdict = verdictOf(error);
      this.#isLineDown = verdict === 'unknown';
      if (verdict !== undefined) {
        const { retryAfter = 0 } = error as BillingOSError;
        this.#notBeforeMs = this.#options.clock.now() + retryAfter * 1_000;
        return verdict;
      }
      // While a page closes another tab may be sending the same: that one's word is the last.
      if (keepalive) return 'unknown';
      outcome = { error: error as Error };
    }
    if (signal.aborted) return 'lock-lost';
    this.#isLineDown = false;
    try {
      // Before anybody is told: a refused event that stays could be sent again, and count.
      await this.#storage.remove(event.id);
    } catch {
      // One that counts may stay: it would only be told again that it does.
      if ('error' in outcome) return 'unknown';
    }
    this.#tell(event, outcome);
    return 'settled';
  }

  #call(
    { input, customer }: NewEvent,
    options: { signal?: AbortSignal; keepalive: boolean },
  ): Promise<TrackReply> {
    const whose = customer === '' ? undefined : customer;
    return this.#options.client.trackUsage(input, { ...options, customer: whose });
  }

  /** Tells the outcome to whoever has tracked the event. */
  #tell(event: KeptEvent, outcome: Outcome): void {
    this.#settledIds.add(event.id);
    const own = this.#waiting.get(event.id);
    if (own !== undefined) {
      this.#settle(own, outcome);
      return;
    }
    if (this.#isClosed) return;
    if (this.#channel?.customer === event.customer) {
      this.#post({ type: 'outcome', id: event.id, outcome: toData(outcome) });
    }
    this.#options.onForeign(event, outcome);
    if ('error' in outcome) this.#options.onUnheard(outcome.error);
  }

  #settle(event: TrackedEvent, outcome: Outcome): void {
    this.#events.delete(event);
    if (event.kept !== undefined) this.#waiting.delete(event.kept.id);
    const isHeard = event.settle(outcome);
    if (!isHeard && 'error' in outcome) this.#options.onUnheard(outcome.error);
    if (this.#waiting.size === 0 && !this.#isSending) this.#leave();
  }

  /** Speaks and listens to the other tabs of this customer, and of nobody else. */
  #join(customer: string): void {
    const { browser } = this.#options;
    if (browser === undefined || customer === '' || this.#channel?.customer === customer) return;
    this.#leave();
    const line = browser.openChannel(`billingos:outbox:${customer}`);
    line.listen((message) => this.#hear(message));
    this.#channel = { customer, line };
  }

  #leave(): void {
    this.#channel?.line.close();
    this.#channel = undefined;
  }

  #post(message: Message): void {
    this.#channel?.line.post(message);
  }

  #hear(heard: unknown): void {
    const message = heard as Message;
    if (message.type === 'resume') this.#wake();
    if (message.type !== 'outcome' || this.#underWay.has(message.id)) return;
    const event = this.#waiting.get(message.id);
    if (event !== undefined) this.#settle(event, fromData(message.outcome));
  }

  async #pause(failures: number, lost?: AbortSignal): Promise<void> {
    const { clock, random } = this.#options;
    const backoff = backoffMs(failures - 1, random, OUTBOX_BACKOFF_BASE_MS, OUTBOX_BACKOFF_CAP_MS);
    const delayMs = Math.max(backoff, this.#notBeforeMs - clock.now());
    const pause = new AbortController();
    this.#pauses.add(pause);
    const ends = [pause.signal, this.#closing.signal, ...(lost === undefined ? [] : [lost])];
    await sleep(delayMs, clock, AbortSignal.any(ends)).catch(() => undefined);
    this.#pauses.delete(pause);
  }

  #wake(): void {
    if (this.#options.clock.now() < this.#notBeforeMs) return;
    for (const pause of this.#pauses) pause.abort();
  }

  #fullError(event: LostEvent): BillingOSError {
    return this.#lostError(
      event,
      'outbox_full',
      `More than ${OUTBOX_EVENTS_MAX} usage events wait to be sent`,
    );
  }

  #expiredError(event: LostEvent): BillingOSError {
    const days = EVENT_AGE_MAX_MS / 86_400_000;
    return this.#lostError(event, 'outbox_expired', `A usage event could not be sent for ${days} days`);
  }

  /** An event that is let go may have been sent before: it carries its key, as all that are not known do. */
  #lostError({ input: { idempotencyKey } }: LostEvent, code: string, why: string): BillingOSError {
    const details = { lost: (this.#lostCount += 1) };
    return new BillingOSError(`${why}; the oldest is given up.`, { code, details, idempotencyKey });
  }
}

type LostEvent = Pick<KeptEvent, 'input'>;

function byCounter(events: readonly KeptEvent[]): Map<string, KeptEvent[]> {
  const counters = new Map<string, KeptEvent[]>();
  for (const event of events) {
    const { featureKey } = event.input;
    counters.set(featureKey, [...(counters.get(featureKey) ?? []), event]);
  }
  return counters;
}

function isRetryable(error: unknown): boolean {
  return isBillingOSError(error) && error.retryable;
}

/** Why an event could not be sent now; `undefined` when the error is the answer to it. */
function verdictOf(error: unknown): Verdict | undefined {
  if (!isBillingOSError(error)) return undefined;
  if (error.retryable || !isOwnWord(error)) return 'unknown';
  if (error.code === 'customer_changed') return 'customer-changed';
  // A broken session route is none of the event's fault: it waits for the route to be mended.
  const isSession = error.name === 'AuthenticationError' || error.name === 'ConfigurationError';
  return isSession ? 'no-session' : undefined;
}

function toData(outcome: Outcome): OutcomeData {
  if ('reply' in outcome) return outcome;
  const { error } = outcome;
  return { message: error.message, facts: isBillingOSError(error) ? factsOf(error) : {} };
}

function fromData(data: OutcomeData): Outcome {
  return 'reply' in data ? data : { error: errorOf(data.message, data.facts) };
}

function closedError({ input }: TrackedEvent): BillingOSError {
  return new BillingOSError('The store is closed; it is not known whether the event was recorded.', {
    code: 'store_closed',
    idempotencyKey: input.idempotencyKey,
  });
}
