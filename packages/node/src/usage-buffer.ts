import type { Api } from '../../../src/client/api.ts';
import { sleep, type Clock } from '../../../src/client/clock.ts';
import { BillingOSError, errorFromReply, isBillingOSError } from '../../../src/client/errors.ts';
import { backoffMs } from '../../../src/client/retry.ts';
import { checkTrackInput, type ServerTrackInput } from '../../../src/client/track-input.ts';
import {
  BATCH_EVENTS_MAX,
  nextBatch,
  sendBatch,
  withKey,
  type BatchResult,
  type KeyedInput,
} from './batch.ts';
import { memoryQueue, queuedEvent, type EventQueue, type QueuedEvent } from './event-queue.ts';
import { tell } from './tell.ts';

/** Events that wait at the same time, unless the caller says otherwise. */
export const BUFFER_EVENTS_DEFAULT = 10_000;
/** How long an event waits for others to be sent with, unless the caller says otherwise. */
export const BUFFER_WAIT_DEFAULT_MS = 1_000;
/** How long `close` tries to send what waits, unless the caller says otherwise. */
export const CLOSE_TIMEOUT_DEFAULT_MS = 10_000;
/** The longest wait before the first repetition of a batch; each further one may be twice as long. */
export const BUFFER_BACKOFF_BASE_MS = 1_000;
/** No wait between two repetitions is longer, unless the server asks for more. */
export const BUFFER_BACKOFF_CAP_MS = 60_000;
/** What a server asks for beyond this is not waited for. */
export const BUFFER_RETRY_AFTER_MAX_MS = 3_600_000;
/** An event without an outcome is given up at this age: keys are kept for 36 days, and then it might count twice. */
export const EVENT_AGE_MAX_MS = 34 * 86_400_000;

/** Usage that is kept and sent later, many events to a request. */
export interface BufferOptions {
  /**
   * Told of every event that does not count: it was refused, or given up after 34 days. Without an event it tells why
   * nothing can be sent at all, such as a revoked key; what waits goes on waiting.
   */
  onError: (error: BillingOSError, event?: ServerTrackInput) => void;
  /**
   * Keeps the events in this file as well, so that they outlive the process, even `kill -9`. For one process at a
   * time, on a local disk of Linux or macOS.
   */
  file?: string | undefined;
  /** Events that wait at the same time, at most; one more is refused. 10 000 unless given. */
  maxEvents?: number | undefined;
  /** How long an event waits for others to be sent with, in milliseconds. 1 000 unless given. */
  maxWaitMs?: number | undefined;
}

/** The event is kept and will be sent. */
export interface QueuedUsage {
  status: 'queued';
  idempotencyKey: string;
}

/** What a buffer works with. */
interface BufferParts {
  api: Api;
  clock: Clock;
  /** Uniform in [0, 1). */
  random: () => number;
}

/**
 * Events from the moment they are buffered until their outcome is known. They are sent in order, one batch at a time,
 * with the keys they began with; a batch whose outcome is not known is sent again until it is.
 */
export class UsageBuffer {
  readonly #options: BufferOptions;
  readonly #parts: BufferParts;
  readonly #flushes = new Map<QueuedEvent, Deferred>();
  readonly #ending = new AbortController();
  #queue: Promise<EventQueue> | undefined;
  /** Events that were accepted and have no outcome, kept or about to be. */
  #heldCount = 0;
  #lastAdd: Promise<void> = Promise.resolve();
  #cancelStart: (() => void) | undefined;
  #sending: Promise<void> | undefined;
  #wake = new AbortController();
  #notBeforeMs = 0;
  #closing: Promise<void> | undefined;

  constructor(options: BufferOptions, parts: BufferParts) {
    this.#options = options;
    this.#parts = parts;
    if (options.file !== undefined) void this.#sendLeftovers();
  }

  /**
   * Keeps an event. Resolves when it is kept: with a `file`, when it is on the disk.
   *
   * @throws ValidationError; BillingOSError `buffer_full`, `buffer_closed`, `buffer_unusable`; ConfigurationError
   *   `buffer_in_use` while another process has the file
   */
  async add(input: ServerTrackInput): Promise<QueuedUsage> {
    if (this.#closing !== undefined) throw closedError();
    const event = this.#toEvent(input);
    const queue = await this.#open();
    this.#refuseOverflow();
    this.#heldCount += 1;
    try {
      this.#lastAdd = queue.add(event);
      await this.#lastAdd;
    } catch (error) {
      this.#heldCount -= 1;
      throw unusable(error);
    }
    this.#schedule(queue);
    return { status: 'queued', idempotencyKey: event.input.idempotencyKey };
  }

  /**
   * Sends what waits. Resolves when all that was buffered before has its outcome.
   *
   * @throws when nothing can be sent, and trying again will not help: what waits goes on waiting
   */
  async flush(): Promise<void> {
    const queue = await this.#open();
    await this.#lastAdd.catch(() => undefined);
    const last = queue.events.at(-1);
    if (last === undefined) return;
    if (this.#ending.signal.aborted) throw closedError();
    const flush = this.#flushes.get(last) ?? newDeferred();
    this.#flushes.set(last, flush);
    if (this.#parts.clock.now() >= this.#notBeforeMs) this.#wake.abort();
    this.#start(queue);
    await flush.promise;
  }

  /**
   * Takes no more events, and tries for `timeoutMs` to send what waits. What is left then stays in the file; without
   * one, `onError` is told of each. Never rejects.
   */
  close(timeoutMs: number): Promise<void> {
    this.#closing ??= this.#close(timeoutMs);
    return this.#closing;
  }

  async #close(timeoutMs: number): Promise<void> {
    const queue = await this.#open().catch(() => undefined);
    if (queue === undefined) return;
    const cancel = this.#parts.clock.schedule(() => this.#stop(), timeoutMs);
    await this.flush().catch(() => undefined);
    cancel();
    this.#stop();
    await this.#sending;
    if (this.#options.file === undefined) {
      for (const { input } of queue.events) this.#report(closedError(input.idempotencyKey), input);
    }
    await queue.close();
  }

  #stop(): void {
    this.#ending.abort(closedError());
    this.#wake.abort();
    this.#cancelStart?.();
    this.#rejectFlushes(closedError());
  }

  /** As it would come back from a file, so that the host may change what it gave. */
  #toEvent(input: ServerTrackInput): QueuedEvent {
    checkTrackInput(input);
    const nowMs = this.#parts.clock.now();
    // The host may bring its key again with a later call, which must not differ in a time that the host did not give.
    const isStamped = input.idempotencyKey === undefined && input.action !== 'set';
    const timestamp = input.timestamp ?? (isStamped ? new Date(nowMs) : undefined);
    const snapshot = JSON.stringify(withKey({ ...input, timestamp }));
    return queuedEvent(JSON.parse(snapshot) as KeyedInput, nowMs);
  }

  #refuseOverflow(): void {
    const { maxEvents = BUFFER_EVENTS_DEFAULT } = this.#options;
    if (this.#heldCount < maxEvents) return;
    throw new BillingOSError(`${maxEvents} events wait for the usage API already; this one was not kept.`, {
      code: 'buffer_full',
      retryable: true,
    });
  }

  /** The queue. What keeps it from opening may pass, so the next call tries again. */
  #open(): Promise<EventQueue> {
    this.#queue ??= this.#load().catch((error: unknown) => {
      this.#queue = undefined;
      throw unusable(error);
    });
    return this.#queue;
  }

  async #load(): Promise<EventQueue> {
    const { file } = this.#options;
    if (file === undefined) return memoryQueue();
    // Loaded when it is needed: where there are no files, the rest still works.
    const { openFileQueue } = await import('./file-queue.ts');
    const queue = await openFileQueue(file);
    this.#heldCount = queue.events.length;
    return queue;
  }

  async #sendLeftovers(): Promise<void> {
    try {
      this.#start(await this.#open());
    } catch (error) {
      this.#report(unusable(error));
    }
  }

  #schedule(queue: EventQueue): void {
    if (queue.events.length >= BATCH_EVENTS_MAX) {
      this.#start(queue);
      return;
    }
    const { maxWaitMs = BUFFER_WAIT_DEFAULT_MS } = this.#options;
    this.#cancelStart ??= this.#parts.clock.schedule(() => this.#start(queue), maxWaitMs);
  }

  #start(queue: EventQueue): void {
    this.#cancelStart?.();
    this.#cancelStart = undefined;
    if (queue.events.length > 0) this.#sending ??= this.#sendAll(queue);
  }

  async #sendAll(queue: EventQueue): Promise<void> {
    for (let failures = 0; queue.events.length > 0 && !this.#ending.signal.aborted;) {
      try {
        await this.#sendNext(queue);
        failures = 0;
      } catch (error) {
        failures += 1;
        await this.#recover(error, failures);
      }
    }
    this.#sending = undefined;
  }

  async #sendNext(queue: EventQueue): Promise<void> {
    const [oldest] = queue.events;
    const tooOldMs = this.#parts.clock.now() - EVENT_AGE_MAX_MS;
    if (oldest !== undefined && oldest.bufferedAtMs <= tooOldMs) {
      this.#report(expiredError(oldest.input.idempotencyKey), oldest.input);
      return this.#settle(queue, [oldest]);
    }
    const batch = nextBatch(queue.events);
    for (const { event, result } of await sendBatch(this.#parts.api, batch, this.#ending.signal)) {
      if ('error' in result) this.#report(refusal(result), event.input);
    }
    await this.#settle(queue, batch);
  }

  async #settle(queue: EventQueue, events: readonly QueuedEvent[]): Promise<void> {
    await queue.settle(events.length);
    this.#heldCount -= events.length;
    for (const event of events) {
      this.#flushes.get(event)?.resolve();
      this.#flushes.delete(event);
    }
  }

  /** Waits before the next attempt, and says so where waiting alone will not help. */
  async #recover(error: unknown, failures: number): Promise<void> {
    if (this.#ending.signal.aborted) return;
    const { clock, random } = this.#parts;
    const known = isBillingOSError(error) ? error : new BillingOSError(String(error), { cause: error });
    if (!known.retryable) {
      this.#report(known);
      this.#rejectFlushes(known);
    }
    const askedMs = Math.min((known.retryAfter ?? 0) * 1_000, BUFFER_RETRY_AFTER_MAX_MS);
    this.#notBeforeMs = clock.now() + askedMs;
    this.#wake = new AbortController();
    const delayMs = askedMs + backoffMs(failures - 1, random, BUFFER_BACKOFF_BASE_MS, BUFFER_BACKOFF_CAP_MS);
    await sleep(delayMs, clock, this.#wake.signal).catch(() => undefined);
  }

  #rejectFlushes(error: Error): void {
    for (const flush of this.#flushes.values()) flush.reject(error);
    this.#flushes.clear();
  }

  #report(error: BillingOSError, event?: ServerTrackInput): void {
    tell(() => this.#options.onError(error, event));
  }
}

interface Deferred {
  readonly promise: Promise<void>;
  readonly resolve: () => void;
  readonly reject: (error: Error) => void;
}

function newDeferred(): Deferred {
  let resolve!: Deferred['resolve'];
  let reject!: Deferred['reject'];
  const promise = new Promise<void>((...settlers) => {
    [resolve, reject] = settlers;
  });
  return { promise, resolve, reject };
}

/** The error that `trackUsage` would have rejected with. */
function refusal({ outcome, error }: Extract<BatchResult, { error: unknown }>): BillingOSError {
  return errorFromReply(statusOf(outcome, error.code), { detail: error.message, error }, {});
}

function statusOf(outcome: BatchResult['outcome'], code: string): number {
  if (code === 'quota_exceeded') return 402;
  if (outcome === 'rejected') return 403;
  return code.endsWith('not_found') ? 404 : 422;
}

function unusable(error: unknown): BillingOSError {
  if (isBillingOSError(error)) return error;
  return new BillingOSError(`buffer.file cannot be used: ${String(error)}.`, {
    code: 'buffer_unusable',
    retryable: true,
    cause: error,
  });
}

function closedError(idempotencyKey?: string): BillingOSError {
  return new BillingOSError(
    idempotencyKey === undefined
      ? 'The buffer is closed and takes no more events.'
      : 'The buffer was closed before it was known whether the event was recorded.',
    { code: 'buffer_closed', idempotencyKey },
  );
}

function expiredError(idempotencyKey: string): BillingOSError {
  return new BillingOSError('The event was given up after 34 days without an answer from the usage API.', {
    code: 'event_expired',
    idempotencyKey,
  });
}
