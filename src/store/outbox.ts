import type { UsageClient } from '../client/client.ts';
import { abortable, sleep, type Clock } from '../client/clock.ts';
import { BillingOSError, isBillingOSError } from '../client/errors.ts';
import { backoffMs } from '../client/retry.ts';
import type { TrackReply } from '../client/wire.ts';
import type { TrackUsageInput, TrackUsageResult } from './types.ts';

/** Events whose outcome is not known yet, at most. One more is refused to the caller: it could not be kept. */
export const OUTBOX_EVENTS_MAX = 1_000;
/** The longest wait before the first repetition of an event; each further one may be twice as long. */
export const OUTBOX_BACKOFF_BASE_MS = 1_000;
/** No wait between two repetitions is longer, unless the server asks for more. */
export const OUTBOX_BACKOFF_CAP_MS = 60_000;

/** An event with its key. */
export type KeyedInput = TrackUsageInput & { idempotencyKey: string };

/** What became of an event: recorded, or not. */
export type Outcome = { reply: TrackReply } | { error: Error };

export interface OutboxOptions {
  client: Pick<UsageClient, 'trackUsage' | 'customer'>;
  clock: Clock;
  /** Uniform in [0, 1). */
  random: () => number;
  /** How long a caller waits for the outcome before it is told `queued`, in milliseconds. */
  waitMs: number;
}

/** What an attempt came to: an outcome, none yet, or none before somebody signs in. */
type Verdict = 'settled' | 'ready' | 'unknown' | 'signed-out' | 'parked';

interface Entry {
  readonly input: KeyedInput;
  /** Aborted with the outbox. One per event: a signal shared by a thousand calls looks like a leak. */
  readonly closing: AbortController;
  /** Whom it was tracked for. `undefined` until known, and for tokens that do not tell. */
  customer: string | undefined;
  /** The caller has been told `queued`: a missing session is no reason to give the event up any more. */
  queued: boolean;
  /** Waits for its customer to come back, while another one is signed in. */
  parked: boolean;
  settle: (outcome: Outcome) => void;
}

/**
 * Events from their call until their outcome is known, in memory. A new event goes out at once; one whose outcome
 * stays unknown joins a queue that is sent in order, one at a time, with the key it began with. An event only ever
 * goes out as the customer it was tracked for.
 */
export class Outbox {
  readonly #options: OutboxOptions;
  readonly #entries = new Set<Entry>();
  readonly #queue: Entry[] = [];
  #closed = false;
  #wake = new AbortController();
  #notBeforeMs = 0;
  #draining = false;

  constructor(options: OutboxOptions) {
    this.#options = options;
  }

  /**
   * Keeps and sends one event. Resolves with its outcome, or with `queued` after the wait. `onSettled` is called
   * once, before that, whenever the outcome becomes known.
   *
   * @throws the server's refusal; AuthenticationError when nobody is signed in; BillingOSError `outbox_full`
   */
  send(input: KeyedInput, onSettled: (outcome: Outcome) => void): Promise<TrackUsageResult> {
    return new Promise((resolve) => {
      const entry = this.#newEntry(input, resolve, onSettled);
      const isFull = this.#entries.size >= OUTBOX_EVENTS_MAX;
      this.#entries.add(entry);
      if (this.#closed) entry.settle({ error: closedError(input.idempotencyKey) });
      else if (isFull) entry.settle({ error: fullError() });
      else void this.#start(entry);
    });
  }

  /** The line or the session may be back: what waits is sent now. */
  resume(): void {
    for (const entry of this.#queue) entry.parked = false;
    if (this.#options.clock.now() >= this.#notBeforeMs) this.#wake.abort();
    void this.#drain(0);
  }

  /** Ends all work. Callers that still wait are told that the outcome is not known. */
  close(): void {
    this.#closed = true;
    this.#wake.abort();
    for (const entry of this.#entries) {
      entry.settle({ error: closedError(entry.input.idempotencyKey) });
      entry.closing.abort();
    }
  }

  #newEntry(
    input: KeyedInput,
    answer: (result: TrackUsageResult | Promise<never>) => void,
    onSettled: (outcome: Outcome) => void,
  ): Entry {
    const { idempotencyKey } = input;
    const cancelWait = this.#options.clock.schedule(() => {
      entry.queued = true;
      answer({ status: 'queued', idempotencyKey });
    }, this.#options.waitMs);
    const entry: Entry = {
      input,
      closing: new AbortController(),
      customer: undefined,
      queued: false,
      parked: false,
      settle: (outcome) => {
        if (!this.#entries.delete(entry)) return;
        cancelWait();
        onSettled(outcome);
        if ('reply' in outcome) answer({ status: 'recorded', idempotencyKey, ...outcome.reply });
        // A caller that was told `queued` has its answer; nobody is left to hear of the refusal.
        else if (!entry.queued) answer(Promise.reject(outcome.error));
      },
    };
    return entry;
  }

  async #start(entry: Entry): Promise<void> {
    // While the queue is being sent a new event waits its turn; whose it is must be known from the beginning.
    const verdict = await this.#judge(this.#draining ? this.#identify(entry) : this.#deliver(entry), entry);
    if (verdict === 'settled') return;
    this.#queue.push(entry);
    if (verdict === 'ready') void this.#drain(0);
    if (verdict === 'unknown') void this.#drain(1);
  }

  /** Sends the queue from its head, until it is empty or only a new session could help. */
  async #drain(failuresBefore: number): Promise<void> {
    if (this.#draining) return;
    this.#draining = true;
    for (let failures = failuresBefore; ;) {
      await this.#pause(failures);
      const entry = this.#queue.find(({ parked }) => !parked);
      if (entry === undefined || this.#closed) break;
      const verdict = await this.#judge(this.#deliver(entry), entry);
      if (verdict === 'signed-out') break;
      failures = verdict === 'unknown' ? failures + 1 : 0;
      if (verdict === 'settled') this.#queue.splice(this.#queue.indexOf(entry), 1);
    }
    this.#draining = false;
  }

  async #pause(failures: number): Promise<void> {
    const { clock, random } = this.#options;
    const backoff =
      failures === 0 ? 0 : backoffMs(failures - 1, random, OUTBOX_BACKOFF_BASE_MS, OUTBOX_BACKOFF_CAP_MS);
    const delayMs = Math.max(backoff, this.#notBeforeMs - clock.now());
    if (delayMs <= 0) return;
    this.#wake = new AbortController();
    await sleep(delayMs, clock, this.#wake.signal).catch(() => undefined);
  }

  async #identify(entry: Entry): Promise<Verdict> {
    entry.customer ??= await abortable(this.#options.client.customer(), entry.closing.signal);
    return 'ready';
  }

  async #deliver(entry: Entry): Promise<Verdict> {
    await this.#identify(entry);
    const { input, customer } = entry;
    const { signal } = entry.closing;
    entry.settle({ reply: await this.#options.client.trackUsage(input, { signal, customer }) });
    return 'settled';
  }

  async #judge(step: Promise<Verdict>, entry: Entry): Promise<Verdict> {
    try {
      return await step;
    } catch (error) {
      if (isBillingOSError(error) && error.retryable) {
        this.#notBeforeMs = this.#options.clock.now() + (error.retryAfter ?? 0) * 1_000;
        return 'unknown';
      }
      if (isBillingOSError(error, 'AuthenticationError') && entry.queued && entry.customer !== undefined) {
        entry.parked = error.code === 'customer_changed';
        return entry.parked ? 'parked' : 'signed-out';
      }
      entry.settle({ error: error as Error });
      return 'settled';
    }
  }
}

function fullError(): BillingOSError {
  return new BillingOSError(
    `${OUTBOX_EVENTS_MAX} usage events are still waiting for the usage API; this one could not be kept.`,
    { code: 'outbox_full' },
  );
}

function closedError(idempotencyKey: string): BillingOSError {
  return new BillingOSError('The store is closed; it is not known whether the event was recorded.', {
    code: 'store_closed',
    idempotencyKey,
  });
}
