import type { Api } from './api.ts';
import { isBillingOSError, withIdempotencyKey, type BillingOSError } from './errors.ts';
import { newIdempotencyKey } from './idempotency.ts';
import { checkTrackInput, type ServerTrackInput, type TrackInput, type TrackOptions } from './track-input.ts';
import type { TrackReply } from './wire.ts';

/** An event as it goes over the wire (wire contract §3). */
export function trackBody(input: TrackInput | ServerTrackInput, idempotencyKey: string): object {
  const server: Partial<ServerTrackInput> = input;
  return {
    customer_id: server.customerId,
    feature_key: input.featureKey,
    quantity: input.quantity,
    idempotency_key: idempotencyKey,
    metadata: input.metadata,
    timestamp: input.timestamp,
    action: server.action,
  };
}

/**
 * Records one event; all attempts carry one idempotency key, so it counts once at most.
 *
 * @throws ValidationError before sending, for a quantity that is no number; QuotaExceededError and others when
 *   the event was refused. An error with `idempotencyKey` says that the outcome is not known.
 */
export async function track(
  api: Api,
  path: string,
  input: TrackInput | ServerTrackInput,
  options: TrackOptions = {},
): Promise<TrackReply> {
  checkTrackInput(input);
  const idempotencyKey = input.idempotencyKey ?? newIdempotencyKey();
  const body = trackBody(input, idempotencyKey);
  try {
    const call = { body, accepts: isTrackReply, ...options, pinCustomer: true };
    return await api.request<TrackReply>('POST', path, call);
  } catch (error) {
    throw isOutcomeUnknown(error) ? withIdempotencyKey(error, idempotencyKey) : error;
  }
}

/**
 * Whether the event may have been recorded in spite of the error. A 401 tells nothing about earlier attempts: the
 * server looks at the credential before it looks at the key (wire contract §3).
 */
export function isOutcomeUnknown(error: unknown): error is BillingOSError {
  return isBillingOSError(error) && (error.retryable || error.name === 'AuthenticationError');
}

/** Only the API's own word makes an event count: a portal in between may answer 200 to anything. */
function isTrackReply(json: unknown): boolean {
  return (json as Partial<TrackReply> | null)?.success === true;
}
