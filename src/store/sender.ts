import type { UsageClient } from '../client/client.ts';
import type { Clock } from '../client/clock.ts';
import { isBillingOSError, isOwnWord } from '../client/errors.ts';
import type { BrowserParts } from './browser-parts.ts';
import type { EventStorage, KeptEvent } from './event-storage.ts';
import type { LostEvents } from './lost-events.ts';
import type { Pauses } from './pauses.ts';
import { whileSoleHolder } from './sole-holder.ts';
import type { Outcome, TrackedEvent } from './tracked-event.ts';

/** Counters that are sent for at the same time. Browsers have six connections to a server, and one is the live line. */
const LANES_MAX = 4;
/** Events read from storage at once. */
const BATCH_EVENTS_MAX = 50;
/** How long the word of an event that another tab has sent may take. */
export const HEARSAY_MS = 2_000;

export interface SenderOptions {
  client: Pick<UsageClient, 'trackUsage' | 'customer'>;
  clock: Clock;
  /** Uniform in [0, 1). */
  random: () => number;
  browser?: BrowserParts | undefined;
  storage: EventStorage;
  /** What this page has kept and has no outcome of yet, by id. */
  waiting: ReadonlyMap<number, TrackedEvent>;
  pauses: Pauses;
  lostEvents: LostEvents;
  /** Ends all work. */
  closing: AbortSignal;
  /** Events of this customer are about to be sent. */
  onCustomer: (customer: string) => void;
  /** An event is out of storage, and this is what became of it. */
  onOutcome: (event: KeptEvent, outcome: Outcome) => void;
  /** Nobody is signed in to send for. */
  onNoSession: () => void;
  /** Nothing is left to send. */
  onRest: () => void;
}

/** What sending came to: outcomes, nothing to send, or why it cannot go on now. */
type Verdict = 'settled' | 'empty' | 'unknown' | 'no-session' | 'customer-changed' | 'lock-lost';

/**
 * Sends what is kept: in one tab at a time, each counter's events one after the other, and again until their outcome
 * is known. Of a page that closes only the requests under way go through, one per counter at most; the rest is on
 * disk, for another tab or the next visit. More would arrive in parallel requests, though not in order: of 913 events
 * that closing pages sent so, 20 reached the server before one that was tracked earlier (Chromium, HTTP/1.1).
 */
export class Sender {
  readonly #options: SenderOptions;
  readonly #underWay = new Map<number, Promise<Verdict>>();
  /** What may still be found in a list of kept events that was begun before. */
  readonly #settledIds = new Set<number>();
  #onKept: () => void = () => undefined;
  #isSending = false;
  #isAsked = false;
  #cancelAsking: (() => void) | undefined;
  #isLineDown = false;

  constructor(options: SenderOptions) {
    this.#options = options;
    options.closing.addEventListener('abort', () => this.#cancelAsking?.(), { once: true });
  }

  get isSending(): boolean {
    return this.#isSending;
  }

  /** The last attempt came to nothing. */
  get isLineDown(): boolean {
    return this.#isLineDown;
  }

  isUnderWay(id: number): boolean {
    return this.#underWay.has(id);
  }

  /** The event has gone from storage. */
  forget(id: number): void {
    this.#settledIds.add(id);
  }

  /** Another event is kept. */
  takeKept(): void {
    this.#onKept();
    void this.send();
  }

  /** Sends what is kept, until nothing is left, or nobody is signed in to send it for. */
  async send(): Promise<void> {
    const { pauses, onNoSession, onRest } = this.#options;
    this.#isAsked = true;
    if (this.#isSending) return;
    this.#isSending = true;
    for (let failures = 0; this.#isAsked && !this.#isClosed;) {
      this.#isAsked = false;
      const verdict = await this.#takeTurn();
      if (verdict === 'no-session') onNoSession();
      this.#isAsked ||= verdict !== 'empty' && verdict !== 'no-session';
      failures = verdict === 'unknown' ? failures + 1 : 0;
      if (failures > 0) await pauses.wait(failures);
    }
    this.#isSending = false;
    onRest();
  }

  /** Sends one event, unless it is under way already. */
  deliver(event: KeptEvent, lost: AbortSignal = this.#options.closing): Promise<Verdict> {
    const { id } = event;
    const running = this.#underWay.get(id);
    if (running !== undefined) return running;
    const attempt = this.#attempt(event, lost).finally(() => this.#underWay.delete(id));
    this.#underWay.set(id, attempt);
    return attempt;
  }

  get #isClosed(): boolean {
    return this.#options.closing.aborted;
  }

  /** Waits until no other tab sends, and sends. */
  async #takeTurn(): Promise<Verdict> {
    const { client, browser, clock, random, closing, onCustomer } = this.#options;
    try {
      const customer = await client.customer();
      const send = (lost: AbortSignal) => this.#sendAll(customer ?? '', lost);
      onCustomer(customer ?? '');
      if (browser === undefined || customer === undefined) return await send(closing);
      // The same for all versions of this code, so that their events keep one order.
      const lock = `billingos:sending:${customer}`;
      return await whileSoleHolder(lock, { browser, clock, random }, closing, send);
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
      await this.#options.pauses.wait(failures, lost);
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
        const verdict = await this.deliver(event, lost);
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
    const { storage, lostEvents, onOutcome } = this.#options;
    for (;;) {
      const stored = await storage.oldest(customer, BATCH_EVENTS_MAX);
      const kept = stored.filter(({ id }) => !this.#settledIds.has(id));
      const expired = kept.filter((event) => lostEvents.isExpired(event));
      for (const event of expired) {
        await storage.remove(event.id);
        onOutcome(event, { error: lostEvents.expired(event) });
      }
      if (kept.length === 0) return this.#unheardOf(customer);
      if (expired.length < kept.length) return kept.filter((event) => !expired.includes(event));
    }
  }

  /** Events that somebody has taken out of storage without telling this page what became of them. */
  #unheardOf(customer: string): KeptEvent[] {
    const { clock, waiting, lostEvents } = this.#options;
    const nowMs = clock.now();
    const events = [...waiting.values()].filter(
      ({ kept }) => kept?.customer === customer && !this.#underWay.has(kept.id),
    );
    for (const event of events) event.missedAtMs ??= nowMs;
    const missed = events.filter(({ missedAtMs }) => nowMs - (missedAtMs ?? nowMs) >= HEARSAY_MS);
    if (events.length > missed.length) {
      this.#cancelAsking?.();
      this.#cancelAsking = clock.schedule(() => void this.send(), HEARSAY_MS);
    }
    return missed.flatMap(({ kept }) => (kept === undefined || lostEvents.isExpired(kept) ? [] : [kept]));
  }

  async #attempt(event: KeptEvent, lost: AbortSignal): Promise<Verdict> {
    const { client, storage, pauses, closing, onOutcome } = this.#options;
    const { input, customer } = event;
    const signal = AbortSignal.any([lost, closing]);
    const whose = customer === '' ? undefined : customer;
    let outcome: Outcome;
    try {
      outcome = { reply: await client.trackUsage(input, { signal, customer: whose, keepalive: true }) };
    } catch (error) {
      if (signal.aborted) return 'lock-lost';
      const verdict = verdictOf(error);
      this.#isLineDown = verdict === 'unknown';
      if (verdict !== undefined) {
        pauses.ask(isBillingOSError(error) ? (error.retryAfter ?? 0) : 0);
        return verdict;
      }
      outcome = { error: error as Error };
    }
    if (signal.aborted) return 'lock-lost';
    this.#isLineDown = false;
    try {
      // Before anybody is told: a refused event that stays could be sent again, and count.
      await storage.remove(event.id);
    } catch {
      // One that counts may stay: it would only be told again that it does.
      if ('error' in outcome) return 'unknown';
    }
    onOutcome(event, outcome);
    return 'settled';
  }
}

function byCounter(events: readonly KeptEvent[]): Map<string, KeptEvent[]> {
  const counters = new Map<string, KeptEvent[]>();
  for (const event of events) {
    const { featureKey } = event.input;
    counters.set(featureKey, [...(counters.get(featureKey) ?? []), event]);
  }
  return counters;
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
