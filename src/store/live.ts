import type { StreamEvent, UsageClient } from '../client/client.ts';
import { abortable, sleep, type Clock } from '../client/clock.ts';
import { isBillingOSError, TimeoutError, type BillingOSError } from '../client/errors.ts';
import { backoffMs } from '../client/retry.ts';

/**
 * A line this silent is dead: the server comments every 15 s (wire contract §6), so two were missed. With the wait
 * before the next connection it is replaced within 40 s (UI contract §7).
 */
export const WATCHDOG_MS = 35_000;
/** A line without its first snapshot by now may never bring one: some proxies hold streams back. */
export const SNAPSHOT_WAIT_MS = 3_000;
/** The longest wait before the first reconnection; each further one may be twice as long. */
export const RECONNECT_BASE_MS = 1_000;
/** No wait before a reconnection is longer. */
export const RECONNECT_CAP_MS = 10_000;
/** A line that lived this long was a good one: the next wait is short again. */
export const STABLE_LINE_MS = 10_000;

/** Numbers from the line. */
export type LineEvent = Extract<StreamEvent, { event: 'snapshot' | 'usage' }>;

export interface LiveOptions {
  client: Pick<UsageClient, 'stream' | 'customer'>;
  /** Whose line it is. Without it, that of whoever is signed in when it connects. */
  customer?: string | undefined;
  clock: Clock;
  /** Uniform in [0, 1). */
  random: () => number;
  onEvent: (event: LineEvent, customer: string | undefined) => void;
  /** A line that brought numbers has ended, by a `bye` or a clean end (`planned`), or because it broke. */
  onDrop: (planned: boolean) => void;
  /** The line brings no numbers, or takes suspiciously long: they must come another way. */
  onMissing: () => void;
  /** The line cannot work. Nothing more is tried. */
  onGiveUp: (error: unknown) => void;
}

/** What keeps numbers live for the store. */
export interface Line {
  /** Reconnects now instead of after the present wait. */
  kick(): void;
  close(): void;
}

/** One customer's live line, opened at once and kept up until it is closed. */
export class Live implements Line {
  readonly #options: LiveOptions;
  #closed = false;
  #line = new AbortController();
  #wake = new AbortController();
  #baseMs = RECONNECT_BASE_MS;

  constructor(options: LiveOptions) {
    this.#options = options;
    void this.#run();
  }

  kick(): void {
    this.#wake.abort();
  }

  close(): void {
    this.#closed = true;
    this.#line.abort();
    this.#wake.abort();
  }

  async #run(): Promise<void> {
    const { clock, random } = this.#options;
    let openedAtMs = clock.now();
    for (let failures = 0; await this.#connect(); failures += 1) {
      if (clock.now() - openedAtMs >= STABLE_LINE_MS) failures = 0;
      this.#wake = new AbortController();
      const delayMs = backoffMs(failures, random, this.#baseMs, RECONNECT_CAP_MS);
      await sleep(delayMs, clock, this.#wake.signal).catch(() => undefined);
      openedAtMs = clock.now();
    }
  }

  /** One connection, to its end. Resolves with whether there is to be another. */
  async #connect(): Promise<boolean> {
    if (this.#closed) return false;
    const { client, clock, onMissing, onEvent } = this.#options;
    const line = new AbortController();
    this.#line = line;
    const watch = () => clock.schedule(() => line.abort(silence()), WATCHDOG_MS);
    let cancelWatch = watch();
    const cancelWait = clock.schedule(onMissing, SNAPSHOT_WAIT_MS);
    let hasNumbers = false;
    let failure: unknown;
    try {
      const customer = this.#options.customer ?? (await abortable(client.customer(), line.signal));
      for await (const event of client.stream({ signal: line.signal, customer })) {
        cancelWatch();
        cancelWatch = watch();
        if (event.event === 'bye') break;
        if (event.event === 'snapshot') {
          hasNumbers = true;
          cancelWait();
        }
        if (line.signal.aborted) break;
        if (event.event === 'snapshot' || event.event === 'usage') onEvent(event, customer);
        // The server may ask for longer waits, never for a hammering.
        if (event.event === 'retry') {
          this.#baseMs = Math.min(RECONNECT_CAP_MS, Math.max(RECONNECT_BASE_MS, event.delayMs));
        }
      }
    } catch (error) {
      failure = error;
    }
    cancelWatch();
    cancelWait();
    return this.#goesOn(hasNumbers, failure);
  }

  #goesOn(hadNumbers: boolean, failure: unknown): boolean {
    if (this.#closed) return false;
    if (hadNumbers) this.#options.onDrop(failure === undefined);
    const mayPass = isBillingOSError(failure) && (failure.retryable || this.#isForAnybody(failure));
    if (failure !== undefined && !mayPass) {
      this.#options.onGiveUp(failure);
      return false;
    }
    if (!hadNumbers) this.#options.onMissing();
    return true;
  }

  /** Whether somebody else signed in while it connected, and it is theirs as well. */
  #isForAnybody({ code }: BillingOSError): boolean {
    return this.#options.customer === undefined && code === 'customer_changed';
  }
}

function silence(): TimeoutError {
  return new TimeoutError(`The live line was silent for ${WATCHDOG_MS} ms.`);
}
