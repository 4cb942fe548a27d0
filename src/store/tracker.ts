import type { UsageClient } from '../client/client.ts';
import type { Clock } from '../client/clock.ts';
import { NetworkError } from '../client/errors.ts';
import { newIdempotencyKey } from '../client/idempotency.ts';
import { checkTrackInput } from '../client/track-input.ts';
import type { BrowserParts } from './browser-parts.ts';
import type { KeyedInput } from './event-storage.ts';
import type { UsageModel } from './model.ts';
import type { Outbox } from './outbox.ts';
import type { Outcome } from './tracked-event.ts';
import type { TrackUsageInput, TrackUsageResult } from './types.ts';

export interface TrackerOptions {
  client: UsageClient;
  clock: Clock;
  /** Uniform in [0, 1). */
  random: () => number;
  /** How long a caller waits for the outcome before it is told `queued`, in milliseconds. */
  waitMs: number;
  /** The browser's own unless given. */
  storage: BrowserParts | 'memory' | undefined;
  model: UsageModel;
  /** The outcome of an event of the customer whose numbers are at hand. */
  onOutcome: (input: KeyedInput, outcome: Outcome) => void;
  /** An event does not count, and nobody waits to hear it. */
  onUnheard: (error: Error) => void;
}

/** Tracks usage: on the screen at once, and through an outbox that is loaded when it is first needed. */
export class Tracker {
  readonly #options: TrackerOptions;
  #outbox: Promise<Outbox> | undefined;
  #isClosed = false;

  constructor(options: TrackerOptions) {
    this.#options = options;
  }

  async track(input: TrackUsageInput): Promise<TrackUsageResult> {
    const { client, model, onOutcome } = this.#options;
    checkTrackInput(input);
    const keyed = { ...input, idempotencyKey: input.idempotencyKey ?? newIdempotencyKey() };
    const { customerEpoch } = model;
    const onSettled = (outcome: Outcome, whose?: string) => {
      // Somebody else's numbers may have come meanwhile, also as the first that this page has.
      if (customerEpoch === model.customerEpoch && model.mayBeOf(whose)) onOutcome(keyed, outcome);
    };
    model.begin(keyed);
    // Asked at once: by the time the outbox is open somebody else may be signed in.
    const customer = client.customer();
    customer.then(
      (whose) => {
        if (!model.mayBeOf(whose)) model.refused(keyed, undefined);
      },
      () => undefined,
    );
    const outbox = await this.#open().catch((cause: unknown) => {
      const message = 'The part of the store that keeps events could not be loaded.';
      const error = new NetworkError(message, { cause });
      onSettled({ error });
      throw error;
    });
    return outbox.send(keyed, { customer, hasOwnKey: input.idempotencyKey === undefined, onSettled });
  }

  /** What waits is sent now; what earlier pages have left, too. */
  resume(): void {
    if (this.#outbox === undefined && this.#options.storage === 'memory') return;
    void this.#open().then(
      (outbox) => outbox.resume(),
      () => undefined,
    );
  }

  /** The page is hidden, and may never be seen again. */
  flush(): void {
    void this.#outbox?.then((outbox) => outbox.flush());
  }

  close(): void {
    this.#isClosed = true;
    void this.#outbox?.then((outbox) => outbox.close());
  }

  #open(): Promise<Outbox> {
    this.#outbox ??= this.#load().catch((error: unknown) => {
      this.#outbox = undefined;
      throw error;
    });
    return this.#outbox;
  }

  async #load(): Promise<Outbox> {
    const { openOutbox, browserParts } = (await import('./background.ts')).parts;
    const { client, clock, random, waitMs, storage, model, onOutcome, onUnheard } = this.#options;
    const outbox = await openOutbox({
      client,
      clock,
      random,
      waitMs,
      browser: storage === 'memory' ? undefined : (storage ?? browserParts),
      onForeign: ({ customer, input }, outcome) => {
        if (customer === model.customer) onOutcome(input, outcome);
      },
      onUnheard,
    });
    if (this.#isClosed) outbox.close();
    return outbox;
  }
}
