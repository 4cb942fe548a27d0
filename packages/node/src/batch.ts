import type { Api } from '../../../src/client/api.ts';
import { BillingOSError, isBillingOSError, NetworkError } from '../../../src/client/errors.ts';
import { newIdempotencyKey } from '../../../src/client/idempotency.ts';
import { checkTrackInput, type ServerTrackInput } from '../../../src/client/track-input.ts';
import { isOutcomeUnknown, trackBody } from '../../../src/client/track.ts';
import type { BatchReply } from '../../../src/client/wire.ts';

/** Events in one request, at most (wire contract §2). */
export const BATCH_EVENTS_MAX = 1_000;
/** The body of one request, at most (wire contract §9). */
export const BATCH_BYTES_MAX = 1_048_576;

/** An event with its key. */
export type KeyedInput = ServerTrackInput & { idempotencyKey: string };

/** What became of one event of a batch. */
export type BatchResult = BatchReply['results'][number];

/** An event as it is sent, and how much of a body it takes. */
export interface EncodedEvent {
  readonly body: object;
  readonly bytes: number;
}

/**
 * A batch broke off: some of its events may be recorded and others not. `cause` is why. Send `events` again, and each
 * counts once.
 */
export class UnfinishedBatchError extends BillingOSError {
  override readonly name = 'UnfinishedBatchError';
  /** All events of the call, each with the key it goes by. */
  readonly events: readonly KeyedInput[];

  constructor(cause: BillingOSError, events: readonly KeyedInput[]) {
    const { status, code, details, requestId, retryable, retryAfter } = cause;
    super(cause.message, { status, code, details, requestId, retryable, retryAfter, cause });
    this.events = events;
  }
}

/**
 * Records any number of events, in order, in as many requests as they need. What is wrong with an event is its own
 * result, never the failure of the others.
 *
 * @throws UnfinishedBatchError when the outcome of some is not known
 */
export async function trackBatch(api: Api, inputs: readonly ServerTrackInput[]): Promise<BatchReply> {
  const events = inputs.map(withKey);
  const results: BatchResult[] = [];
  const sendable = events.flatMap((event, index) => {
    try {
      checkTrackInput(event);
      return [{ index, ...encodeEvent(event) }];
    } catch (error) {
      results[index] = { index, outcome: 'invalid', error: itemError(error as Error) };
      return [];
    }
  });
  for (let sent = 0; sent < sendable.length;) {
    const batch = nextBatch(sendable, sent);
    try {
      for (const { event, result } of await sendBatch(api, batch)) {
        results[event.index] = { ...result, index: event.index };
      }
    } catch (error) {
      if (!isOutcomeUnknown(error) && sent === 0) throw error;
      throw new UnfinishedBatchError(error as BillingOSError, events);
    }
    sent += batch.length;
  }
  return { results, summary: summarize(results) };
}

/** An event with the key it brought, or one of its own. */
export function withKey(input: ServerTrackInput): KeyedInput {
  return { ...input, idempotencyKey: input.idempotencyKey ?? newIdempotencyKey() };
}

export function encodeEvent(event: KeyedInput): EncodedEvent {
  const body = trackBody(event, event.idempotencyKey);
  return { body, bytes: new TextEncoder().encode(JSON.stringify(body)).length };
}

/** The events from `start` on that one request takes; one at the least. */
export function nextBatch<Event extends EncodedEvent>(events: readonly Event[], start = 0): Event[] {
  const candidates = events.slice(start, start + BATCH_EVENTS_MAX);
  let bytes = '{"events":[]}'.length;
  const end = candidates.findIndex((event, count) => {
    bytes += event.bytes + ','.length;
    return bytes > BATCH_BYTES_MAX && count > 0;
  });
  return end === -1 ? candidates : candidates.slice(0, end);
}

/**
 * Sends events that fit one request, and pairs each with its result. A batch that the API cannot read is sent again
 * in halves, until the event that spoils it stands alone.
 */
export async function sendBatch<Event extends EncodedEvent>(
  api: Api,
  events: readonly Event[],
  signal?: AbortSignal,
): Promise<{ event: Event; result: BatchResult }[]> {
  try {
    const body = { events: events.map((event) => event.body) };
    const reply = await api.request<Partial<BatchReply>>('POST', '/v1/usage/batch', { body, signal });
    return pair(events, reply.results);
  } catch (error) {
    if (!isBillingOSError(error) || !UNREADABLE_CODES.has(error.code)) throw error;
    if (events.length === 1) return pair(events, [{ index: 0, outcome: 'invalid', error: itemError(error) }]);
    const middle = Math.ceil(events.length / 2);
    const before = await sendBatch(api, events.slice(0, middle), signal);
    return [...before, ...(await sendBatch(api, events.slice(middle), signal))];
  }
}

/** Codes of a batch that was refused for its content, by the API or a proxy before it. Nothing of it was recorded. */
const UNREADABLE_CODES = new Set(['validation_failed', 'invalid_json', 'payload_too_large', 'http_413']);

function pair<Event>(
  events: readonly Event[],
  results: readonly BatchResult[] | undefined,
): { event: Event; result: BatchResult }[] {
  const pairs = events.flatMap((event, n) => {
    const result = results?.[n];
    return result === undefined ? [] : [{ event, result }];
  });
  if (pairs.length === results?.length && pairs.length === events.length) return pairs;
  throw new NetworkError('The answer to a batch has not one result for each event.', {
    code: 'invalid_response',
  });
}

/** An error as the result of an item has it. */
function itemError({ message, code = 'validation_failed', details = {} }: Error & Partial<BillingOSError>) {
  return { code, message, details };
}

function summarize(results: readonly BatchResult[]): BatchReply['summary'] {
  const summary = { recorded: 0, duplicate: 0, rejected: 0, invalid: 0 };
  for (const { outcome } of results) summary[outcome] += 1;
  return summary;
}
