import type { UsageClient } from '../client/client.ts';
import { sleep, systemClock, type Clock } from '../client/clock.ts';
import { BillingOSError, isBillingOSError } from '../client/errors.ts';
import type { UsageMetricsReply, UsageSummary } from '../client/wire.ts';
import type { BrowserParts } from './browser-parts.ts';
import type { KeyedInput } from './event-storage.ts';
import { later } from './later.ts';
import type { LineEvent } from './live.ts';
import { openLine, type OpenLine } from './open-line.ts';
import { UsageModel } from './model.ts';
import { painted } from './painted.ts';
import { PeriodTimer } from './period-timer.ts';
import { Reader } from './reader.ts';
import type { Outcome } from './tracked-event.ts';
import { Tracker } from './tracker.ts';
import type { FetchStatus, SubscribeOptions, UsageMetric, UsageSnapshot, UsageStore } from './types.ts';
import type { PageVisibility } from './visibility.ts';

/** Work goes on this long after the last subscriber: pages replace one element by another. */
export const LINGER_MS = 1_000;
/** How often numbers are read where they do not arrive live, give or take a tenth. */
export const POLL_MS = 30_000;
/** The live line is opened without the first reading when that takes longer: something may hold it up. */
export const FIRST_READING_WAIT_MS = 3_000;
/** How long `trackUsage` waits for the outcome, unless told otherwise (UI contract §7). */
export const TRACK_WAIT_DEFAULT_MS = 10_000;

export interface StoreOptions {
  /** Numbers to begin with, as the metrics reply on the wire, such as from server rendering. */
  initial?: UsageMetricsReply | undefined;
  /** How numbers stay fresh: over the live stream (default), by reading every 30 s, or only when asked. */
  live?: 'stream' | 'poll' | 'off' | undefined;
  /** How long `trackUsage` waits for the outcome before it answers `queued`, in milliseconds. 10 000 unless given. */
  waitMs?: number | undefined;
  /** Whether the page can be seen. Without it the store takes it that somebody looks. */
  pageVisibility?: PageVisibility | undefined;
  /**
   * What the tabs of a browser share: the disk that unsent events wait on, and one live line. The browser's own
   * unless given, where it has all of that, which it does on `https:` pages. `memory`: the page stands alone.
   */
  storage?: BrowserParts | 'memory' | undefined;
  clock?: Clock | undefined;
  /** Uniform in [0, 1). */
  random?: (() => number) | undefined;
}

/** Creates the store of one customer's usage. It does nothing before the first subscriber or call. */
export function createStore(client: UsageClient, options: StoreOptions = {}): UsageStore {
  const store = new Store(client, options);
  clients.set(store, client);
  return store;
}

const clients = new WeakMap<UsageStore, UsageClient>();

/** The client that a store of ours was made with. */
export function clientOf(store: UsageStore): UsageClient | undefined {
  return clients.get(store);
}

class Store implements UsageStore {
  readonly #client: UsageClient;
  readonly #clock: Clock;
  readonly #random: () => number;
  readonly #mode: 'stream' | 'poll' | 'off';
  readonly #visibility: PageVisibility | undefined;
  readonly #storage: StoreOptions['storage'];
  readonly #model: UsageModel;
  readonly #periodTimer: PeriodTimer;
  readonly #reader: Reader;
  readonly #tracker: Tracker;

  #closed = false;
  /** Somebody subscribes, or did a moment ago. */
  #started = false;
  /** Numbers are being kept fresh: not while hidden, signed out or set up wrongly. */
  #working = false;
  #signedOut = false;
  #line: OpenLine | undefined;
  /** The live line is about to bring the first numbers. */
  #expecting = false;
  #cancelPoll: (() => void) | undefined;
  #cancelEnd: (() => void) | undefined;
  #leaveVisibility: (() => void) | undefined;

  constructor(client: UsageClient, options: StoreOptions) {
    this.#client = client;
    this.#clock = options.clock ?? systemClock;
    this.#random = options.random ?? Math.random;
    this.#mode = options.live ?? 'stream';
    this.#visibility = options.pageVisibility;
    this.#storage = options.storage ?? (hasSharedParts() ? undefined : 'memory');
    this.#model = new UsageModel(options.initial);
    const parts = { client, clock: this.#clock, random: this.#random, model: this.#model };
    this.#periodTimer = new PeriodTimer({ ...parts, onEnd: () => this.#reader.all() });
    this.#reader = new Reader({
      ...parts,
      onReading: (reply, customer) => this.#takeReading(reply, customer, 'read'),
      onFailure: (error) => this.#onFailure(error),
      onWork: () => this.#showWork(),
    });
    this.#tracker = new Tracker({
      ...parts,
      waitMs: options.waitMs ?? TRACK_WAIT_DEFAULT_MS,
      storage: this.#storage,
      onOutcome: (input, outcome) => this.#settle(input, outcome),
      onUnheard: (error) => this.#model.setFlags({ error: asBillingOSError(error) }),
    });
  }

  // Fields, not methods: frameworks take them off the store and call them alone.

  readonly subscribe = (listener: () => void, options: SubscribeOptions = {}): (() => void) => {
    const { signal, featureKey } = options;
    if (this.#closed || signal?.aborted === true) return () => undefined;
    const stopListening = this.#model.board.listen(listener, featureKey);
    const leave = () => {
      stopListening();
      signal?.removeEventListener('abort', leave);
      if (!this.#model.board.hasListeners) this.#endSoon();
    };
    signal?.addEventListener('abort', leave, { once: true });
    this.#cancelEnd?.();
    if (!this.#started) this.#start();
    return leave;
  };

  readonly getSnapshot = (): UsageSnapshot => this.#model.board.snapshot;

  readonly feature = (key: string): UsageMetric | undefined => this.#model.shown(key);

  readonly checkFeature: UsageStore['checkFeature'] = (key, options) =>
    this.#client.checkFeature(key, options);

  readonly trackUsage: UsageStore['trackUsage'] = (input) => this.#tracker.track(input);

  readonly dismissNudge: UsageStore['dismissNudge'] = async (id, options = {}) => {
    await this.#reader.dismiss(id, options);
    this.#line?.publish({ type: 'dismissed', id }, this.#model.customer);
    void this.#reader.nudges();
  };

  readonly refetch = async (): Promise<void> => {
    if (this.#closed) return;
    this.#tryAgain();
    await this.#reader.all();
  };

  readonly close = (): void => {
    this.#closed = true;
    this.#cancelEnd?.();
    this.#end();
    this.#reader.close();
    this.#tracker.close();
  };

  #start(): void {
    this.#started = true;
    this.#leaveVisibility = this.#visibility?.subscribe(() => this.#onVisibility());
    this.#begin();
  }

  #endSoon(): void {
    if (!this.#started) return;
    this.#cancelEnd?.();
    this.#cancelEnd = this.#clock.schedule(() => this.#end(), LINGER_MS);
  }

  #end(): void {
    this.#started = false;
    this.#leaveVisibility?.();
    this.#leaveVisibility = undefined;
    this.#pause();
  }

  /** Starts the work that keeps numbers fresh, if anybody can see them. */
  #begin(): void {
    this.#signedOut = false;
    this.#working = !this.#isHidden();
    if (this.#working) {
      if (this.#mode === 'stream') void this.#goLive();
      else if (this.#mode === 'poll') void this.#poll();
      else void this.#reader.metrics();
      // After the numbers: what is asked for first is there first.
      void this.#reader.nudges();
      this.#periodTimer.arm(this.#model.rows);
    }
    this.#showWork();
  }

  /** Stops that work. Numbers stay. */
  #pause(): void {
    this.#working = false;
    this.#line?.close();
    this.#line = undefined;
    this.#expecting = false;
    this.#cancelPoll?.();
    this.#periodTimer.cancel();
    this.#reader.abort();
    this.#model.setFlags({ live: false });
    this.#showWork();
  }

  #isHidden(): boolean {
    return this.#visibility?.hidden === true;
  }

  #onVisibility(): void {
    if (this.#isHidden()) {
      this.#pause();
      this.#tracker.flush();
      return;
    }
    // A nudge may have been dismissed in another page meanwhile, which the live line does not tell.
    if (this.#working) void this.#reader.nudges();
    this.#tryAgain();
    if (this.#model.flags.error !== null) void this.#reader.metrics();
  }

  /** Somebody asks or is back: what waits is tried now. */
  #tryAgain(): void {
    if (this.#started && !this.#working) this.#begin();
    else if (!this.#model.flags.live) this.#line?.kick();
    this.#tracker.resume();
  }

  /** Opens the live line. Before its code has come the first numbers are read, and it comes after their picture. */
  async #goLive(): Promise<void> {
    const { signal } = this.#reader;
    const isFirst = this.#model.flags.status === 'pending' && later.parts === undefined;
    this.#expecting = true;
    if (isFirst) {
      const tooLong = sleep(FIRST_READING_WAIT_MS, this.#clock, signal).catch(() => undefined);
      await Promise.race([this.#reader.metrics().then(painted), tooLong]);
    }
    if (!signal.aborted) this.#openLine();
  }

  #openLine(): void {
    this.#line = openLine(this.#storage, {
      client: this.#client,
      clock: this.#clock,
      random: this.#random,
      onEvent: (event, customer) => this.#onEvent(event, customer),
      onDrop: (planned) => {
        const { status, stale } = this.#model.flags;
        this.#model.setFlags({ live: false, stale: stale || (!planned && status === 'ready') });
      },
      onMissing: () => void this.#reader.metrics(),
      onGiveUp: (error) => this.#onGiveUp(error),
      current: (whose) => {
        const { customer, flags, reading } = this.#model;
        const isTheirs = customer === whose && !flags.stale;
        return isTheirs && reading !== undefined ? { reply: reading, isLive: flags.live } : undefined;
      },
      onReading: (reply, customer) => this.#takeReading(reply, customer, 'tab'),
      onDismissed: (id) => this.#reader.dropNudge(id),
    });
  }

  #onEvent(event: LineEvent, customer: string | undefined): void {
    if (event.event === 'snapshot') {
      this.#model.setFlags({ live: true });
      this.#takeReading(event.data, customer, 'line');
      return;
    }

    // A tab that has just come may hear of one meter before it knows any, or still knows somebody else's.
    if (customer !== this.#model.customer) return;
    const nudges = this.#model.takeRow(event.data);
    this.#periodTimer.arm(this.#model.rows);
    if (nudges) void this.#reader.nudges();
  }

  /** A line that something between here and the API does not let through is replaced by reading. */
  #onGiveUp(error: unknown): void {
    const isHopeless =
      isBillingOSError(error, 'AuthenticationError') || isBillingOSError(error, 'ConfigurationError');
    if (isHopeless) this.#onFailure(error);
    else void this.#poll();
  }

  async #poll(): Promise<void> {
    const { signal } = this.#reader;
    await this.#reader.metrics();
    if (signal.aborted) return;
    const delayMs = POLL_MS * (0.9 + 0.2 * this.#random());
    this.#cancelPoll = this.#clock.schedule(() => void this.#poll(), delayMs);
  }

  /** Takes numbers in that came over the line, were read, or were read by another tab. */
  #takeReading(reply: UsageMetricsReply, customer: string | undefined, from: 'line' | 'read' | 'tab'): void {
    const isForeign = this.#model.isForeign(reply, customer);
    if (isForeign) this.#reader.abort();
    const nudges = this.#model.takeReading(reply, customer);
    this.#expecting = false;
    this.#periodTimer.observe(reply);
    if (from === 'read') this.#line?.publish({ type: 'reading', reply }, this.#model.customer);
    if (isForeign && from === 'read' && this.#working) {
      // The line is still the former customer's.
      this.#pause();
      this.#begin();
    } else if (isForeign || nudges) {
      void this.#reader.nudges();
    }
    if (this.#working) this.#periodTimer.arm(this.#model.rows);
    if (from !== 'tab') void painted().then(() => this.#tracker.resume());
    this.#showWork();
  }

  #settle(input: KeyedInput, outcome: Outcome): void {
    if ('reply' in outcome) {
      const { nudges, outdated } = this.#model.recorded(input, outcome.reply);
      if (this.#working && outdated && this.#model.flags.status === 'ready') void this.#reader.all();
      else if (this.#working && nudges) void this.#reader.nudges();
    } else {
      const { error } = outcome;
      const refusal = isBillingOSError(error, 'QuotaExceededError') ? error : undefined;
      this.#model.refused(input, refusal?.details['usage'] as UsageSummary | undefined);
      if (refusal !== undefined) void this.#reader.nudges();
    }
    if (this.#working) this.#periodTimer.arm(this.#model.rows);
  }

  #onFailure(cause: unknown): void {
    const error = asBillingOSError(cause);
    const isSignedOut = error.name === 'AuthenticationError';
    const { status } = this.#model.flags;
    this.#expecting = false;
    this.#model.setFlags({
      error,
      status: status === 'pending' && !isSignedOut ? 'error' : status,
      stale: status === 'ready',
    });
    if (error.retryable) return;
    this.#signedOut = isSignedOut;
    this.#pause();
  }

  #showWork(): void {
    this.#model.setFlags({ fetchStatus: this.#fetchStatus() });
  }

  #fetchStatus(): FetchStatus {
    if (this.#reader.isReading || this.#expecting) return 'fetching';
    return this.#signedOut || (this.#started && this.#isHidden()) ? 'paused' : 'idle';
  }
}

/** Whether tabs have everything to share what they share. `http:` pages have no locks. */
function hasSharedParts(): boolean {
  const { indexedDB, BroadcastChannel, navigator } = globalThis as Partial<typeof globalThis>;
  const { locks } = (navigator ?? {}) as Partial<Navigator>;
  return indexedDB !== undefined && BroadcastChannel !== undefined && locks !== undefined;
}

function asBillingOSError(cause: unknown): BillingOSError {
  return isBillingOSError(cause) ? cause : new BillingOSError('The store failed.', { cause });
}
