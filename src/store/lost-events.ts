import type { Clock } from '../client/clock.ts';
import { BillingOSError } from '../client/errors.ts';
import type { KeptEvent } from './event-storage.ts';

/** Events kept at once, of all customers of the browser. Beyond it the oldest go. */
export const OUTBOX_EVENTS_MAX = 5_000;
/** Older events are given up: the server is only sure to know their keys for 36 days (wire contract §3). */
export const EVENT_AGE_MAX_MS = 34 * 86_400_000;
/** An event from further in the future was stamped by a clock that was wrong; its age could be anything. */
export const EVENT_AHEAD_MAX_MS = 2 * 86_400_000;

/** What every event has, kept or not. */
type LostEvent = Pick<KeptEvent, 'input'>;

/** Says which events are given up, and counts them. They may have been sent before, so each error carries its key. */
export class LostEvents {
  readonly #clock: Clock;
  #count = 0;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  isExpired({ trackedAtMs }: KeptEvent): boolean {
    const ageMs = this.#clock.now() - trackedAtMs;
    return ageMs > EVENT_AGE_MAX_MS || ageMs < -EVENT_AHEAD_MAX_MS;
  }

  crowdedOut(event: LostEvent): BillingOSError {
    return this.#lose(
      event,
      'outbox_full',
      `More than ${OUTBOX_EVENTS_MAX} usage events wait to be sent; the oldest is given up.`,
    );
  }

  expired(event: LostEvent): BillingOSError {
    const days = EVENT_AGE_MAX_MS / 86_400_000;
    return this.#lose(
      event,
      'outbox_expired',
      `A usage event could not be sent for ${days} days; it is given up.`,
    );
  }

  #lose({ input: { idempotencyKey } }: LostEvent, code: string, message: string): BillingOSError {
    this.#count += 1;
    return new BillingOSError(message, { code, details: { lost: this.#count }, idempotencyKey });
  }
}
