import { rowsOf } from '../ledger/account.ts';
import type { Change, Ledger } from '../ledger/ledger.ts';
import { Problem } from '../problems.ts';
import { eventStream, type EventStream } from './event-stream.ts';

/** Live usage: who watches which customer, and what each is sent after a commit (wire contract §6). */
export interface Hub {
  /**
   * A stream of a customer's usage, ended at `expiresAt` or when `signal` aborts.
   * @throws Problem `overloaded` after {@link close}
   */
  open(
    customer: { tenantId: string; externalId: string },
    expiresAt: number,
    signal: AbortSignal,
  ): Promise<Response>;
  /** Says goodbye to everyone, and takes nobody new. */
  close(): void;
}

export interface HubOptions {
  clock: () => number;
  /** The documents sent, as JSON text. */
  metrics(externalId: string, rows: ReturnType<typeof rowsOf>, now: number): string;
  metric(row: ReturnType<typeof rowsOf>[number], now: number): string;
}

interface Watcher {
  readonly stream: EventStream;
  readonly expiresAt: number;
  /** A stream begins with a snapshot: until it is sent, changes are only counted, and ask for another. */
  greeted: boolean;
  missed: number;
}

/** Everyone who watches one customer, and what they are still to be told. */
interface Room {
  readonly tenantId: string;
  readonly externalId: string;
  readonly watchers: Set<Watcher>;
  /** Features to send; `null` for all of them, as a snapshot. */
  dirty: Set<string> | null;
  sending: boolean;
  timer: NodeJS.Timeout | undefined;
}

/** The longest a timer can wait; further away it is set again. */
const TIMER_MAX_MS = 2 ** 31 - 1;

/** What waits under one key is replaced by the newest. No feature is named with a colon, so none is a snapshot. */
const SNAPSHOT = 'snapshot';
const USAGE_OF = 'usage:';

export function createHub(ledger: Ledger, options: HubOptions): Hub {
  const { clock } = options;
  const rooms = new Map<string, Room>();
  let closed = false;
  const stop = ledger.onChange((changes) => changes.forEach(mark));

  function mark(change: Change): void {
    if (change.kind === 'catalog') {
      for (const room of rooms.values()) if (room.tenantId === change.tenantId) markRoom(room, null);
      return;
    }
    const room = rooms.get(roomId(change.tenantId, change.externalId));
    if (room !== undefined) markRoom(room, change.kind === 'usage' ? change.feature : null);
  }

  function markRoom(room: Room, feature: string | null): void {
    if (feature === null) room.dirty = null;
    else room.dirty?.add(feature);
    void send(room);
  }

  /** Sends what is dirty; what becomes dirty meanwhile goes with the next turn, so bursts coalesce. */
  async function send(room: Room): Promise<void> {
    if (room.sending) return;
    room.sending = true;
    while (room.watchers.size > 0 && (room.dirty === null || room.dirty.size > 0)) {
      const { dirty } = room;
      room.dirty = new Set();
      try {
        await sendTo(room, dirty);
      } catch {
        // The store is away: clients are better off reconnecting than waiting for numbers that do not come.
        closeRoom(room, 'unavailable');
      }
    }
    room.sending = false;
  }

  async function sendTo(room: Room, features: Set<string> | null): Promise<void> {
    const { watchers } = room;
    const now = clock();
    const only = features?.size === 1 ? [...features][0] : undefined;
    const account = await ledger.tenant(room.tenantId).account(room.externalId, now, only);
    const rows = rowsOf(account, now, only);
    if (features === null) {
      const snapshot = options.metrics(room.externalId, rows, now);
      for (const watcher of watchers) tell(watcher, SNAPSHOT, 'snapshot', snapshot);
      setTimer(room, rows, now);
      return;
    }
    for (const row of rows) {
      const { key } = row.entitlement.feature;
      if (!features.has(key)) continue;
      const metric = options.metric(row, now);
      for (const watcher of watchers) tell(watcher, `${USAGE_OF}${key}`, 'usage', metric);
    }
  }

  async function greet(room: Room, watcher: Watcher): Promise<void> {
    let missed, now, rows;
    do {
      missed = watcher.missed;
      now = clock();
      rows = rowsOf(await ledger.tenant(room.tenantId).account(room.externalId, now), now);
    } while (watcher.missed !== missed);
    watcher.stream.send(SNAPSHOT, 'snapshot', options.metrics(room.externalId, rows, now));
    watcher.greeted = true;
    setTimer(room, rows, now);
  }

  /** Wakes at the next instant at which something changes by itself: a period ends, a token expires. */
  function setTimer(room: Room, rows: ReturnType<typeof rowsOf>, now: number): void {
    clearTimeout(room.timer);
    // Whoever left while the rows were read takes the room along.
    if (room.watchers.size === 0) return;
    const ends = rows.flatMap(({ period }) => period.end ?? []);
    const expiries = [...room.watchers].map(({ expiresAt }) => expiresAt);
    const next = Math.min(...ends, ...expiries);
    if (!Number.isFinite(next)) return;
    room.timer = setTimeout(() => wake(room), Math.min(TIMER_MAX_MS, Math.max(0, next - now)));
    room.timer.unref();
  }

  function wake(room: Room): void {
    const now = clock();
    for (const { stream, expiresAt } of room.watchers) if (expiresAt <= now) stream.close('expired');
    if (room.watchers.size > 0) markRoom(room, null);
  }

  function closeRoom(room: Room, reason: string): void {
    for (const { stream } of room.watchers) stream.close(reason);
  }

  return {
    async open({ tenantId, externalId }, expiresAt, signal) {
      if (closed) throw new Problem('overloaded', 'This server is stopping; connect again.');
      const id = roomId(tenantId, externalId);
      const room = rooms.get(id) ?? {
        tenantId,
        externalId,
        watchers: new Set(),
        dirty: new Set<string>(),
        sending: false,
        timer: undefined,
      };
      rooms.set(id, room);
      const leave = (): void => {
        room.watchers.delete(watcher);
        if (room.watchers.size > 0 || rooms.get(id) !== room) return;
        clearTimeout(room.timer);
        rooms.delete(id);
      };
      const stream = eventStream(leave);
      const watcher: Watcher = { stream, expiresAt, greeted: false, missed: 0 };
      room.watchers.add(watcher);
      const abandon = (): void => stream.close('aborted');
      if (signal.aborted) abandon();
      else signal.addEventListener('abort', abandon, { once: true });
      try {
        await greet(room, watcher);
      } catch (error) {
        stream.close('unavailable');
        throw error;
      }
      return stream.response;
    },
    close() {
      closed = true;
      stop();
      for (const room of rooms.values()) closeRoom(room, 'closing');
    },
  };
}

function tell(watcher: Watcher, key: string, event: string, data: string): void {
  if (watcher.greeted) watcher.stream.send(key, event, data);
  else watcher.missed += 1;
}

function roomId(tenantId: string, externalId: string): string {
  return `${tenantId}\n${externalId}`;
}
