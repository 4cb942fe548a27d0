/** A usage API for simulations, and a client to it over a network that misbehaves as it is told. */
import type { CallOptions, StreamEvent, UsageClient } from '../../client/client.ts';
import { abortable, type Clock } from '../../client/clock.ts';
import {
  AuthenticationError,
  NetworkError,
  QuotaExceededError,
  RateLimitError,
  ServerError,
  TimeoutError,
} from '../../client/errors.ts';
import type { TrackReply, UsageMetric, UsageMetricsReply } from '../../client/wire.ts';
import type { KeyedInput } from '../event-storage.ts';
import type { FakeTab } from './fake-browser.ts';
import { reading, recorded, wireRow } from './fake-client.ts';

export const FEATURES = ['calls', 'mails', 'files'] as const;
const LIMITED = 'calls';
const LIMIT_FIRST = 12;
const LIMIT_STEP = 12;
const TIMEOUT_MS = 5_000;
const HEARTBEAT_MS = 15_000;

interface Counter {
  consumed: number;
  sequence: number;
}

/** What happened to one event at the server. */
export interface Commit {
  readonly customer: string;
  readonly key: string;
  readonly featureKey: string;
  readonly quantity: number;
}

export class SimApi {
  readonly #clock: Clock;
  readonly commits: Commit[] = [];
  /** Keys that were refused at least once. */
  readonly refused = new Set<string>();
  readonly lines = new Set<SimLine>();
  readonly #replies = new Map<string, TrackReply>();
  readonly #counters = new Map<string, Counter>();
  #period = 0;
  #revision = 1;
  #limit = LIMIT_FIRST;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  track(customer: string, input: KeyedInput): TrackReply {
    const { idempotencyKey: key, featureKey, quantity } = input;
    const known = this.#replies.get(`${customer} ${key}`);
    if (known !== undefined) return known;
    const counter = this.#counter(customer, featureKey);
    if (featureKey === LIMITED && counter.consumed + quantity > this.#limit) {
      this.refused.add(key);
      throw new QuotaExceededError('full', { status: 402, code: 'quota_exceeded' });
    }
    counter.consumed += quantity;
    counter.sequence += 1;
    this.commits.push({ customer, key, featureKey, quantity });
    const row = this.row(customer, featureKey);
    const { consumed, sequence, revision } = row;
    const usage = {
      ...recorded(consumed).usage,
      limit_units: row.limit,
      remaining_units: row.remaining,
      period_start: row.period_start,
      period_end: row.period_end,
    };
    const facts = { feature_key: featureKey, quantity, usage, sequence, revision, recorded_at: row.as_of };
    const reply = recorded(consumed, facts);
    this.#replies.set(`${customer} ${key}`, reply);
    this.#tellLines(customer, { event: 'usage', data: row });
    return reply;
  }

  metrics(customer: string): UsageMetricsReply {
    return reading(
      FEATURES.map((featureKey) => this.row(customer, featureKey)),
      customer,
    );
  }

  row(customer: string, featureKey: string): UsageMetric {
    return wireRow({
      ...this.#counter(customer, featureKey),
      feature_key: featureKey,
      // So that a row tells whose it is.
      product_name: customer,
      limit: featureKey === LIMITED ? this.#limit : null,
      period_start: new Date(Date.UTC(2026, this.#period)).toISOString(),
      period_end: null,
      revision: this.#revision,
      as_of: new Date(this.#clock.now()).toISOString(),
    });
  }

  /** Everybody gets a larger plan. */
  upgrade(): void {
    this.#limit += LIMIT_STEP;
    this.#revision += 1;
    for (const { customer } of this.lines)
      this.#tellLines(customer, { event: 'snapshot', data: this.metrics(customer) });
  }

  /** A new period begins for everybody. */
  rollOver(): void {
    this.#period += 1;
    for (const { customer } of this.lines) {
      for (const featureKey of FEATURES) {
        this.#tellLines(customer, { event: 'usage', data: this.row(customer, featureKey) });
      }
    }
  }

  open(line: SimLine): void {
    this.lines.add(line);
    line.push({ event: 'snapshot', data: this.metrics(line.customer) });
    const beat = () => {
      if (!this.lines.has(line)) return;
      line.push({ event: 'heartbeat' });
      this.#clock.schedule(beat, HEARTBEAT_MS);
    };
    beat();
  }

  #tellLines(customer: string, event: StreamEvent): void {
    for (const line of this.lines) if (line.customer === customer) line.push(event);
  }

  #counter(customer: string, featureKey: string): Counter {
    const id = `${customer} ${featureKey} ${this.#period}`;
    const counter = this.#counters.get(id) ?? { consumed: 0, sequence: 0 };
    this.#counters.set(id, counter);
    return counter;
  }
}

/** How the network treats the next request. */
export type Fate =
  'fine' | 'request lost' | 'reply lost' | 'delivered twice' | 'reset' | 'overloaded' | 'throttled';

export interface SimNetwork {
  isOnline: boolean;
  /** How long the next way takes, in milliseconds. */
  delayMs(): number;
  fate(): Fate;
}

/** One live connection. */
export class SimLine {
  readonly customer: string;
  readonly #tab: FakeTab;
  readonly #network: SimNetwork;
  readonly #clock: Clock;
  readonly #arrived: (StreamEvent | Error)[] = [];
  #wake: () => void = () => undefined;
  #lastArrivalMs = 0;
  /** Nothing gets through any more, and nobody says so. */
  isBlackHole = false;

  constructor(customer: string, tab: FakeTab, network: SimNetwork, clock: Clock) {
    this.customer = customer;
    this.#tab = tab;
    this.#network = network;
    this.#clock = clock;
  }

  get isOpen(): boolean {
    return !this.#tab.isClosed;
  }

  push(event: StreamEvent | Error): void {
    if (this.isBlackHole) return;
    // A connection keeps its order.
    this.#lastArrivalMs = Math.max(this.#lastArrivalMs, this.#clock.now() + this.#network.delayMs());
    this.#clock.schedule(
      () => this.#tab.run(() => this.#arrive(event)),
      this.#lastArrivalMs - this.#clock.now(),
    );
  }

  async *read(signal: AbortSignal | undefined): AsyncGenerator<StreamEvent, void, undefined> {
    signal?.throwIfAborted();
    signal?.addEventListener('abort', () => this.#arrive(signal.reason as Error));
    for (;;) {
      const next = this.#arrived.shift();
      if (next instanceof Error) throw next;
      if (next === undefined) await new Promise<void>((resolve) => (this.#wake = resolve));
      else yield next;
    }
  }

  #arrive(event: StreamEvent | Error): void {
    this.#arrived.push(event);
    this.#wake();
  }
}

/** The client of one tab. Its session is the tab's, until the tab learns of another. */
export class SimClient implements UsageClient {
  session: string | undefined;
  readonly #api: SimApi;
  readonly #network: SimNetwork;
  readonly #tab: FakeTab;
  readonly #clock: Clock;

  constructor(api: SimApi, network: SimNetwork, tab: FakeTab, clock: Clock) {
    this.#api = api;
    this.#network = network;
    this.#tab = tab;
    this.#clock = clock;
  }

  customer: UsageClient['customer'] = () =>
    this.session === undefined ? Promise.reject(signedOut()) : Promise.resolve(this.session);

  trackUsage: UsageClient['trackUsage'] = (input, options) =>
    this.#call(options, (customer) => this.#api.track(customer, input as KeyedInput));

  usageMetrics: UsageClient['usageMetrics'] = (options) =>
    this.#call(options, (customer) => this.#api.metrics(customer));

  nudges: UsageClient['nudges'] = (options) => this.#call(options, () => []);

  async *stream(options: CallOptions = {}): AsyncGenerator<StreamEvent, void, undefined> {
    let opened: SimLine | undefined;
    let isOver = false;
    const hangUp = () => {
      if (opened !== undefined) this.#api.lines.delete(opened);
    };
    try {
      const line = await this.#call(options, (customer) => {
        hangUp();
        opened = new SimLine(customer, this.#tab, this.#network, this.#clock);
        if (!isOver && opened.isOpen) this.#api.open(opened);
        return opened;
      });
      yield* line.read(options.signal);
    } finally {
      isOver = true;
      hangUp();
    }
  }

  dismissNudge: UsageClient['dismissNudge'] = () => Promise.reject(new Error('not simulated'));
  checkFeature: UsageClient['checkFeature'] = () => Promise.reject(new Error('not simulated'));
  entitlements: UsageClient['entitlements'] = () => Promise.reject(new Error('not simulated'));
  products: UsageClient['products'] = () => Promise.reject(new Error('not simulated'));
  checkUsage: UsageClient['checkUsage'] = () => Promise.reject(new Error('not simulated'));

  #call<T>({ signal, customer }: CallOptions = {}, action: (customer: string) => T): Promise<T> {
    const { session } = this;
    if (session === undefined) return Promise.reject(signedOut());
    if (customer !== undefined && customer !== session) {
      return Promise.reject(new AuthenticationError('not theirs', { code: 'customer_changed' }));
    }
    const exchange = new Promise<T>((resolve, reject) => {
      this.#tab.clock.schedule(() => reject(new TimeoutError('no answer')), TIMEOUT_MS);
      const answer = (settle: () => void) =>
        void this.#clock.schedule(() => this.#tab.run(settle), this.#network.delayMs());
      const fate = this.#network.isOnline ? this.#network.fate() : 'reset';
      if (fate === 'reset') answer(() => reject(new NetworkError('reset')));
      if (fate === 'reset' || fate === 'request lost') return;
      this.#clock.schedule(() => {
        const settle = this.#serve(fate, () => action(session), resolve, reject);
        if (fate !== 'reply lost') answer(settle);
      }, this.#network.delayMs());
    });
    return abortable(exchange, signal);
  }

  /** What the server does with a request that has arrived, and what it answers. */
  #serve<T>(
    fate: Fate,
    action: () => T,
    resolve: (result: T) => void,
    reject: (error: Error) => void,
  ): () => void {
    if (fate === 'overloaded')
      return () => reject(new ServerError('later', { status: 503, retryable: true }));
    if (fate === 'throttled') {
      return () => reject(new RateLimitError('slower', { status: 429, retryable: true, retryAfter: 2 }));
    }
    const attempt = (): (() => void) => {
      try {
        const result = action();
        return () => resolve(result);
      } catch (error) {
        return () => reject(error as Error);
      }
    };
    if (fate === 'delivered twice') this.#clock.schedule(attempt, this.#network.delayMs());
    return attempt();
  }
}

function signedOut(): AuthenticationError {
  return new AuthenticationError('nobody', { code: 'signed_out' });
}
