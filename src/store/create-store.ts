import type { UsageClient } from '../client/client.ts';
import { abortable, systemClock, type Clock } from '../client/clock.ts';
import { BillingOSError, isBillingOSError, NetworkError } from '../client/errors.ts';
import { newIdempotencyKey } from '../client/idempotency.ts';
import { checkTrackInput } from '../client/track-input.ts';
import type { UsageMetricsReply, UsageSummary } from '../client/wire.ts';
import type { BrowserParts } from './browser-parts.ts';
import type { KeyedInput } from './event-storage.ts';
import { Live, type Line, type LineEvent } from './live.ts';
import { UsageModel } from './model.ts';
import type { Outbox } from './outbox.ts';
import { PeriodTimer } from './period-timer.ts';
import { rerun } from './rerun.ts';
import type { News, SharedLive } from './shared-live.ts';
import type { Outcome } from './tracked-event.ts';
import type {
  FetchStatus,
  SubscribeOptions,
  TrackUsageInput,
  TrackUsageResult,
  UsageMetric,
  UsageSnapshot,
  UsageStore,
} from './types.ts';
import type { PageVisibility } from './visibility.ts';

/** Work goes on this long after the last subscriber: pages replace one element by another. */
export const LINGER_MS = 1_000;
/** How often numbers are read where they do not arrive live, give or take a tenth. */
export const POLL_MS = 30_000;
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
  readonly #waitMs: number;
  readonly #model: UsageModel;
  readonly #periodTimer: PeriodTimer;
  readonly #readMetrics = rerun(() => this.#readMetricsOnce());
  readonly #readNudges = rerun(() => this.#readNudgesOnce());

  #closed = false;
  /** Somebody subscribes, or did a moment ago. */
  #started = false;
  /** Numbers are being kept fresh: not while hidden, signed out or set up wrongly. */
  #working = false;
  #signedOut = false;
  #outbox: Promise<Outbox> | undefined;
  #live: (Line & Partial<Pick<SharedLive, 'publish'>>) | undefined;
  /** The live line is about to bring the first numbers. */
  #expecting = false;
  #readsUnderWay = 0;
  /** Ends with the work, and with the customer, that it was started for. */
  #reads = new AbortController();
  /** Counts customers, so that what was begun for one is not shown to the next. */
  #customerEpoch = 0;
  #dismissals = 0;
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
    this.#waitMs = options.waitMs ?? TRACK_WAIT_DEFAULT_MS;
    this.#model = new UsageModel(options.initial);
    const [clock, random] = [this.#clock, this.#random];
    this.#periodTimer = new PeriodTimer({ clock, random, onEnd: () => this.#readAll() });
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

  readonly trackUsage = async (input: TrackUsageInput): Promise<TrackUsageResult> => {
    checkTrackInput(input);
    const keyed = { ...input, idempotencyKey: input.idempotencyKey ?? newIdempotencyKey() };
    const epoch = this.#customerEpoch;
    let isShown = true;
    const onSettled = (outcome: Outcome) => {
      if (isShown && epoch === this.#customerEpoch) this.#settle(keyed, outcome);
    };
    this.#model.begin(keyed);
    // Asked at once: by the time the outbox is open somebody else may be signed in.
    const customer = this.#client.customer();
    customer.then(
      (whose) => {
        isShown = this.#model.customer === undefined || this.#model.customer === whose;
        if (!isShown) this.#model.refused(keyed, undefined);
      },
      () => undefined,
    );
    const outbox = await this.#openOutbox().catch((cause: unknown) => {
      const error = new NetworkError('The part of the store that keeps events could not be loaded.', {
        cause,
      });
      onSettled({ error });
      throw error;
    });
    return outbox.send(keyed, { customer, hasOwnKey: input.idempotencyKey === undefined, onSettled });
  };

  readonly dismissNudge = async (id: string, options: { snoozeSeconds?: number } = {}): Promise<void> => {
    this.#model.hideNudge(id, true);
    try {
      await this.#client.dismissNudge(id, options);
    } catch (error) {
      this.#model.hideNudge(id, false);
      throw error;
    }
    this.#dropNudge(id);
    this.#publish({ type: 'dismissed', id });
    void this.#readNudges();
  };

  readonly refetch = async (): Promise<void> => {
    if (this.#closed) return;
    this.#tryAgain();
    await this.#readAll();
  };

  readonly close = (): void => {
    this.#closed = true;
    this.#cancelEnd?.();
    this.#end();
    void this.#outbox?.then((outbox) => outbox.close());
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
      void this.#readNudges();
      if (this.#mode === 'stream') this.#openLive();
      else if (this.#mode === 'poll') void this.#poll();
      else void this.#readMetrics();
      this.#periodTimer.arm(this.#model.rows);
    }
    this.#showWork();
  }

  /** Stops that work. Numbers stay. */
  #pause(): void {
    this.#working = false;
    this.#live?.close();
    this.#live = undefined;
    this.#expecting = false;
    this.#cancelPoll?.();
    this.#periodTimer.cancel();
    this.#abortReads();
    this.#model.setFlags({ live: false });
    this.#showWork();
  }

  #isHidden(): boolean {
    return this.#visibility?.hidden === true;
  }

  #onVisibility(): void {
    if (this.#isHidden()) {
      this.#pause();
      void this.#outbox?.then((outbox) => outbox.flush());
      return;
    }
    // A nudge may have been dismissed in another page meanwhile, which the live line does not tell.
    if (this.#working) void this.#readNudges();
    this.#tryAgain();
    if (this.#model.flags.error !== null) void this.#readMetrics();
  }

  /** Somebody asks or is back: what waits is tried now. */
  #tryAgain(): void {
    if (this.#started && !this.#working) this.#begin();
    else if (!this.#model.flags.live) this.#live?.kick();
    this.#resumeOutbox();
  }

  #openLive(): void {
    this.#expecting = true;
    const options = {
      client: this.#client,
      clock: this.#clock,
      random: this.#random,
      onEvent: (event: LineEvent, customer: string | undefined) => this.#onEvent(event, customer),
      onDrop: (planned: boolean) => {
        const { status, stale } = this.#model.flags;
        this.#model.setFlags({ live: false, stale: stale || (!planned && status === 'ready') });
      },
      onMissing: () => void this.#readMetrics(),
      onGiveUp: (error: unknown) => this.#onGiveUp(error),
    };
    if (this.#storage === 'memory') this.#live = new Live(options);
    else void this.#openSharedLive(options);
  }

  async #openSharedLive(options: ConstructorParameters<typeof Live>[0]): Promise<void> {
    const { signal } = this.#reads;
    const background = await import('./background.ts').catch(() => undefined);
    if (signal.aborted) return;
    if (background === undefined || this.#storage === 'memory') {
      this.#live = new Live(options);
      return;
    }
    this.#live = new background.SharedLive({
      ...options,
      browser: this.#storage ?? background.browserParts,
      current: (whose) => {
        const { customer, flags, reading } = this.#model;
        const isTheirs = customer === whose && !flags.stale;
        return isTheirs && reading !== undefined ? { reply: reading, isLive: flags.live } : undefined;
      },
      onReading: (reply, customer) => this.#takeReading(reply, customer, 'tab'),
      onDismissed: (id) => this.#dropNudge(id),
    });
  }

  /** The outbox, opened when it is first needed. */
  #openOutbox(): Promise<Outbox> {
    this.#outbox ??= this.#loadOutbox().catch((error: unknown) => {
      this.#outbox = undefined;
      throw error;
    });
    return this.#outbox;
  }

  async #loadOutbox(): Promise<Outbox> {
    const { openOutbox, browserParts } = await import('./background.ts');
    const outbox = await openOutbox({
      client: this.#client,
      clock: this.#clock,
      random: this.#random,
      waitMs: this.#waitMs,
      browser: this.#storage === 'memory' ? undefined : (this.#storage ?? browserParts),
      onForeign: ({ customer, input }, outcome) => {
        if (customer === this.#model.customer) this.#settle(input, outcome);
      },
      onUnheard: (error) => this.#model.setFlags({ error: asBillingOSError(error) }),
    });
    if (this.#closed) outbox.close();
    return outbox;
  }

  /** What waits is sent now; what earlier pages have left, too. */
  #resumeOutbox(): void {
    if (this.#outbox === undefined && this.#storage === 'memory') return;
    void this.#openOutbox().then(
      (outbox) => outbox.resume(),
      () => undefined,
    );
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
    if (nudges) void this.#readNudges();
  }

  /** A line that something between here and the API does not let through is replaced by reading. */
  #onGiveUp(error: unknown): void {
    const isHopeless =
      isBillingOSError(error, 'AuthenticationError') || isBillingOSError(error, 'ConfigurationError');
    if (isHopeless) this.#onFailure(error);
    else void this.#poll();
  }

  async #poll(): Promise<void> {
    const { signal } = this.#reads;
    await this.#readMetrics();
    if (signal.aborted) return;
    const delayMs = POLL_MS * (0.9 + 0.2 * this.#random());
    this.#cancelPoll = this.#clock.schedule(() => void this.#poll(), delayMs);
  }

  async #readAll(): Promise<void> {
    await Promise.all([this.#readMetrics(), this.#readNudges()]);
  }

  async #readMetricsOnce(): Promise<void> {
    if (this.#closed) return;
    const { signal } = this.#reads;
    this.#readsUnderWay += 1;
    this.#showWork();
    try {
      const customer = await abortable(this.#client.customer(), signal);
      const reply = await abortable(this.#client.usageMetrics({ signal, customer }), signal);
      this.#takeReading(reply, customer, 'read');
    } catch (error) {
      if (isCustomerChanged(error)) void this.#readMetrics();
      else if (!signal.aborted) this.#onFailure(error);
    }
    this.#readsUnderWay -= 1;
    this.#showWork();
  }

  /** Nudges are an extra: when they cannot be read the numbers still stand, and the next change asks again. */
  async #readNudgesOnce(): Promise<void> {
    if (this.#closed) return;
    const { signal } = this.#reads;
    const dismissals = this.#dismissals;
    const { customer } = this.#model;
    const nudges = await abortable(this.#client.nudges({ signal, customer }), signal).catch(
      (error: unknown) => {
        if (isCustomerChanged(error)) void this.#readMetrics();
      },
    );
    if (nudges !== undefined && dismissals === this.#dismissals) this.#model.setNudges(nudges);
  }

  /** Takes numbers in that came over the line, were read, or were read by another tab. */
  #takeReading(reply: UsageMetricsReply, customer: string | undefined, from: 'line' | 'read' | 'tab'): void {
    const isForeign = this.#model.isForeign(reply, customer);
    if (isForeign) {
      this.#customerEpoch += 1;
      this.#abortReads();
    }
    const nudges = this.#model.takeReading(reply, customer);
    this.#expecting = false;
    this.#periodTimer.observe(reply);
    if (from === 'read') this.#publish({ type: 'reading', reply });
    if (isForeign && from === 'read' && this.#working) {
      // The line is still the former customer's.
      this.#pause();
      this.#begin();
    } else if (isForeign || nudges) {
      void this.#readNudges();
    }
    if (this.#working) this.#periodTimer.arm(this.#model.rows);
    if (from !== 'tab') this.#resumeOutbox();
    this.#showWork();
  }

  /** Lets the other tabs of the customer know. */
  #publish(news: News): void {
    this.#live?.publish?.(news, this.#model.customer);
  }

  #dropNudge(id: string): void {
    // A list that was read before the dismissal must not bring it back.
    this.#dismissals += 1;
    this.#model.dropNudge(id);
  }

  #settle(input: KeyedInput, outcome: Outcome): void {
    if ('reply' in outcome) {
      const { nudges, outdated } = this.#model.recorded(input, outcome.reply);
      if (this.#working && outdated && this.#model.flags.status === 'ready') void this.#readAll();
      else if (this.#working && nudges) void this.#readNudges();
    } else {
      const { error } = outcome;
      const refusal = isBillingOSError(error, 'QuotaExceededError') ? error : undefined;
      this.#model.refused(input, refusal?.details['usage'] as UsageSummary | undefined);
      if (refusal !== undefined) void this.#readNudges();
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

  #abortReads(): void {
    this.#reads.abort();
    this.#reads = new AbortController();
  }

  #showWork(): void {
    this.#model.setFlags({ fetchStatus: this.#fetchStatus() });
  }

  #fetchStatus(): FetchStatus {
    if (this.#readsUnderWay > 0 || this.#expecting) return 'fetching';
    return this.#signedOut || (this.#started && this.#isHidden()) ? 'paused' : 'idle';
  }
}

/** Whether tabs have everything to share what they share. `http:` pages have no locks. */
function hasSharedParts(): boolean {
  const { indexedDB, BroadcastChannel, navigator } = globalThis as Partial<typeof globalThis>;
  const { locks } = (navigator ?? {}) as Partial<Navigator>;
  return indexedDB !== undefined && BroadcastChannel !== undefined && locks !== undefined;
}

function isCustomerChanged(error: unknown): boolean {
  return isBillingOSError(error) && error.code === 'customer_changed';
}

function asBillingOSError(cause: unknown): BillingOSError {
  return isBillingOSError(cause) ? cause : new BillingOSError('The store failed.', { cause });
}
