import { encodeEvent, type EncodedEvent, type KeyedInput } from './batch.ts';

/** An event that waits for its outcome. */
export interface QueuedEvent extends EncodedEvent {
  readonly input: KeyedInput;
  /** When it was buffered, in milliseconds since the epoch. */
  readonly bufferedAtMs: number;
}

/** Events in the order in which they came, until their outcome is known. */
export interface EventQueue {
  /** Oldest first. */
  readonly events: readonly QueuedEvent[];
  /** Resolves when the event is kept. @throws when it cannot be */
  add(event: QueuedEvent): Promise<void>;
  /** Lets go of the oldest: their outcome is known. */
  settle(count: number): Promise<void>;
  close(): Promise<void>;
}

export function queuedEvent(input: KeyedInput, bufferedAtMs: number): QueuedEvent {
  return { input, bufferedAtMs, ...encodeEvent(input) };
}

/** Keeps events as long as the process lives. */
export function memoryQueue(): EventQueue {
  const events: QueuedEvent[] = [];
  return {
    events,
    add(event) {
      events.push(event);
      return Promise.resolve();
    },
    settle(count) {
      events.splice(0, count);
      return Promise.resolve();
    },
    close: () => Promise.resolve(),
  };
}
