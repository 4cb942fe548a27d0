import { sleep, type Clock } from '../client/clock.ts';
import type { TrackInput } from '../client/track-input.ts';

/** A disk that has not opened by now is done without, until it has. */
export const STORAGE_WAIT_MS = 2_000;

/** A usage event with its key. */
export type KeyedInput = TrackInput & { idempotencyKey: string };

/** An event as it is to be kept. Plain data. */
export interface NewEvent {
  /** Whom it was tracked for, as the client names them; empty for sessions that do not tell. */
  readonly customer: string;
  readonly input: KeyedInput;
  /** When, in milliseconds since the epoch. */
  readonly trackedAtMs: number;
}

export interface KeptEvent extends NewEvent {
  /** Grows with the order in which events were kept. */
  readonly id: number;
}

/** Where events wait until their outcome is known. */
export interface EventStorage {
  /**
   * Keeps an event, behind all others, and lets the oldest of all go beyond `countMax`.
   *
   * @throws when it cannot be kept
   */
  add(event: NewEvent, countMax: number): Promise<{ id: number; dropped: KeptEvent[] }>;
  /** The oldest events of a customer, in their order. */
  oldest(customer: string, countMax: number): Promise<KeptEvent[]>;
  remove(id: number): Promise<void>;
  close(): void;
}

/** Keeps events as long as the page lives. Their ids are negative, so that they are told from those of a disk. */
export function memoryStorage(): EventStorage {
  const events = new Map<number, KeptEvent>();
  let lastId = 0;

  return {
    add(event, countMax) {
      const id = (lastId -= 1);
      events.set(id, { ...event, id });
      const dropped = events.size > countMax ? [...events.values()].slice(0, events.size - countMax) : [];
      for (const oldest of dropped) events.delete(oldest.id);
      return Promise.resolve({ id, dropped });
    },
    oldest(customer, countMax) {
      const own = [...events.values()].filter((event) => event.customer === customer);
      return Promise.resolve(own.slice(0, countMax));
    },
    remove(id) {
      events.delete(id);
      return Promise.resolve();
    },
    close: () => events.clear(),
  };
}

/** Whether an event of this id outlives its page. */
export function isDurable(id: number): boolean {
  return id > 0;
}

/**
 * Keeps events on disk, and in memory what a disk cannot take: events of sessions that do not tell whose they are,
 * and all of them while it is full, broken or not open. What is in memory then goes out behind what is on disk: that
 * costs some order, but loses nothing that the disk takes again.
 */
export async function openSparedStorage(
  openDisk: () => Promise<EventStorage>,
  clock: Clock,
): Promise<EventStorage> {
  const memory = memoryStorage();
  const opening = new AbortController();
  let disk: EventStorage | undefined;
  let isClosed = false;

  void openDisk()
    .then((opened) => {
      // It may come late, and is taken then; only not by a page that is through with it.
      if (isClosed) opened.close();
      else disk = opened;
    })
    .catch(() => undefined)
    .finally(() => opening.abort());
  // In two halves: a tab that was frozen finds the first one over, and what the disk said meanwhile right behind it.
  for (let half = 0; half < 2 && !opening.signal.aborted; half += 1) {
    await sleep(STORAGE_WAIT_MS / 2, clock, opening.signal).catch(() => undefined);
  }

  return {
    add: (event, countMax) =>
      event.customer === '' || disk === undefined
        ? memory.add(event, countMax)
        : disk.add(event, countMax).catch(() => memory.add(event, countMax)),
    async oldest(customer, countMax) {
      const onDisk = (await disk?.oldest(customer, countMax).catch(() => undefined)) ?? [];
      return [...onDisk, ...(await memory.oldest(customer, countMax))].slice(0, countMax);
    },
    async remove(id) {
      await (isDurable(id) ? disk : memory)?.remove(id);
    },
    close() {
      isClosed = true;
      disk?.close();
      memory.close();
    },
  };
}
