import type { Clock } from '../client/clock.ts';
import type { TrackReply } from '../client/wire.ts';
import type { KeptEvent, KeyedInput } from './event-storage.ts';
import type { TrackUsageResult } from './types.ts';

/** What became of an event: recorded, or not. */
export type Outcome = { reply: TrackReply } | { error: Error };

export interface TrackedEventOptions {
  clock: Clock;
  /** How long the caller waits for the outcome before it is told `queued`, in milliseconds. */
  waitMs: number;
  /** Whom it is tracked for. Rejects while that cannot be told. */
  customer: Promise<string | undefined>;
  /** The key was made for this event. One that the host brought may come again with another call, at another time. */
  hasOwnKey: boolean;
  /**
   * Called once, before the caller is told, when the outcome becomes known; with whom the event was for, where it came
   * as far as that.
   */
  onSettled: (outcome: Outcome, customer: string | undefined) => void;
}

/** One event that this page has tracked, and the caller who waits for its outcome. */
export class TrackedEvent {
  readonly input: KeyedInput;
  readonly trackedAtMs: number;
  readonly customer: Promise<string | undefined>;
  readonly hasOwnKey: boolean;
  /** What the caller gets. */
  readonly result: Promise<TrackUsageResult>;
  /** Whom it is for. `undefined` until that is known; empty for sessions that do not tell. */
  whose: string | undefined;
  /** The event as it is in storage. `undefined` until it is there. */
  kept: KeptEvent | undefined;
  /** Since when it is no longer in storage, though nobody has told the outcome. */
  missedAtMs: number | undefined;

  readonly #onSettled: TrackedEventOptions['onSettled'];
  readonly #cancelWait: () => void;
  #answer!: (result: TrackUsageResult | Promise<never>) => void;
  #isAnswered = false;
  #hasWaited = false;

  constructor(input: KeyedInput, options: TrackedEventOptions) {
    const { clock, waitMs, customer, hasOwnKey, onSettled } = options;
    this.input = input;
    this.customer = customer;
    this.trackedAtMs = clock.now();
    this.hasOwnKey = hasOwnKey;
    this.#onSettled = onSettled;
    this.result = new Promise((resolve) => (this.#answer = resolve));
    this.#cancelWait = clock.schedule(() => {
      this.#hasWaited = true;
      if (this.kept !== undefined) this.answerQueued();
    }, waitMs);
  }

  /** The event is in storage. */
  keepAs(kept: KeptEvent): void {
    this.kept = kept;
    if (this.#hasWaited) this.answerQueued();
  }

  /** It may be long before the event is in storage: whoever has waited is told. */
  delay(): void {
    if (this.#hasWaited) this.answerQueued();
  }

  /** Tells the caller, unless it knows more already, that the event will be sent. */
  answerQueued(): void {
    this.#isAnswered = true;
    this.#cancelWait();
    this.#answer({ status: 'queued', idempotencyKey: this.input.idempotencyKey });
  }

  /** Tells the caller the outcome. Whether it still listened. */
  settle(outcome: Outcome): boolean {
    const isHeard = !this.#isAnswered;
    this.#isAnswered = true;
    this.#cancelWait();
    this.#onSettled(outcome, this.whose);
    const { idempotencyKey } = this.input;
    if ('reply' in outcome) this.#answer({ status: 'recorded', idempotencyKey, ...outcome.reply });
    else if (isHeard) this.#answer(Promise.reject(outcome.error));
    return isHeard;
  }
}
