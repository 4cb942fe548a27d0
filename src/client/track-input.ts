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
  /**
   * When it happened. From a server it picks the period that is charged; from a session it is only kept. A repeat
   * must give the same again.
   */
  timestamp?: Date | string | undefined;
}

/** The members that only a secret key may send. */
export interface ServerTrackInput extends TrackInput {
  /** The merchant's own user id. */
  customerId: string;
  /** `set` puts the counter to `quantity` instead of adding it. */
  action?: 'add' | 'set' | undefined;
}

export interface TrackOptions {
  signal?: AbortSignal | undefined;
  /** The customer it was tracked for, as `customer()` named them: it is sent as nobody else. */
  customer?: string | undefined;
  /** Go through with it when the page closes. All such requests under way share 64 KiB. */
  keepalive?: boolean | undefined;
}

/** The longest feature key that a catalog can have (wire contract §7). */
export const FEATURE_KEY_LENGTH_MAX = 64;
/** The most that an event's metadata may take as JSON (wire contract §3). */
export const METADATA_BYTES_MAX = 4 * 1024;

/**
 * Checks what can be checked without the server. Only a server may take usage back.
 *
 * @throws ValidationError
 */
export function checkTrackInput(input: TrackInput | ServerTrackInput): void {
  const { featureKey, quantity, idempotencyKey, metadata } = input;
  const mayDecrease = 'customerId' in input;
  if (typeof featureKey !== 'string' || featureKey === '' || featureKey.length > FEATURE_KEY_LENGTH_MAX) {
    throw invalid(`A feature key is 1 to ${FEATURE_KEY_LENGTH_MAX} characters.`);
  }
  if (!Number.isFinite(quantity) || (quantity < 0 && !mayDecrease)) {
    const kind = mayDecrease ? 'finite' : 'non-negative';
    throw invalid(`The quantity of ${featureKey} must be a ${kind} number, not ${quantity}.`);
  }
  if (idempotencyKey !== undefined) checkIdempotencyKey(idempotencyKey);
  if (metadata !== undefined) checkMetadata(metadata);
}

function checkMetadata(metadata: Record<string, unknown>): void {
  let json: string;
  try {
    json = JSON.stringify(metadata);
  } catch (cause) {
    throw invalid('The metadata cannot be written as JSON.', cause);
  }
  if (new TextEncoder().encode(json).length <= METADATA_BYTES_MAX) return;
  throw invalid(`The metadata is more than ${METADATA_BYTES_MAX} bytes of JSON.`);
}

function invalid(message: string, cause?: unknown): ValidationError {
  return new ValidationError(message, { code: 'validation_failed', cause });
}
