import { ValidationError } from './errors.ts';
import { checkIdempotencyKey } from './idempotency.ts';

/** One usage event (wire contract §3). */
export interface TrackInput {
  featureKey: string;
  /** An amount in the feature's own unit; fractions are ordinary. */
  quantity: number;
  /** One key per logical event. Made for you when absent. */
  idempotencyKey?: string | undefined;
  /** Up to 4 KiB of JSON, kept with the event. */
  metadata?: Record<string, unknown> | undefined;
}

/** The members that only a secret key may send. */
export interface ServerTrackInput extends TrackInput {
  /** The merchant's own user id. */
  customerId: string;
  /** When it happened; picks the period that is charged. */
  timestamp?: Date | string | undefined;
  /** `set` puts the counter to `quantity` instead of adding it. */
  action?: 'add' | 'set' | undefined;
}

export interface TrackOptions {
  signal?: AbortSignal | undefined;
  /** The customer it was tracked for, as `customer()` named them: it is sent as nobody else. */
  customer?: string | undefined;
}

/**
 * Checks what can be checked without the server. Only a server may take usage back.
 *
 * @throws ValidationError
 */
export function checkTrackInput(input: TrackInput | ServerTrackInput): void {
  const { featureKey, quantity, idempotencyKey } = input;
  const mayDecrease = 'customerId' in input;
  if (!Number.isFinite(quantity) || (quantity < 0 && !mayDecrease)) {
    throw new ValidationError(
      `The quantity of ${featureKey} must be a ${mayDecrease ? 'finite' : 'non-negative'} number, not ${quantity}.`,
      { code: 'validation_failed' },
    );
  }
  if (idempotencyKey !== undefined) checkIdempotencyKey(idempotencyKey);
}
