import { setImmediate as nextTurn, setTimeout as pause } from 'node:timers/promises';
import { rowsOf, shownOf, type Account, type Shown } from '../ledger/account.ts';
import type { Change, Grant, Ledger } from '../ledger/ledger.ts';
import type { UsageRow } from '../metering/usage.ts';
import { Problem } from '../problems.ts';
import { eventStream, type EventStream } from './event-stream.ts';
import { streamCaps } from './stream-caps.ts';

/** Live usage: who watches which customer, and what each is sent after a commit (wire contract §6). */
export interface Hub {
  /**
   * A stream of a customer's usage, ended when the grant does, or when `signal` aborts.
   * @throws Problem `overloaded` after {@link close}, `customer_not_found` for one who was deleted, and what the caps say
   */
  open(customer: WatchedCustomer, grant: StreamGrant, signal: AbortSignal): Promise<Response>;
  /** How many are open. */
  readonly streams: number;
  /** Says goodbye to everyone, and takes nobody new. */
  close(): void;
}

export interface WatchedCustomer {
  readonly tenantId: string;
  readonly externalId: string;
}

/** By what right somebody watches, and until when. */
export interface StreamGrant extends Grant {
  /** Milliseconds since the epoch. */
  readonly expiresAt: number;
}

export interface HubOptions {
  clock: () => number;
  /** The documents sent, as JSON text. */
  metrics(externalId: string, rows: readonly UsageRow[], now: number): string;
  metric(row: UsageRow, now: number): string;
  /** Told how long a change waited until it was sent. */
  onPush?: ((lagMs: number) => void) | undefined;
}

interface Watcher {
  readonly stream: EventStream;
  readonly grant: StreamGrant;
  /** A stream begins with a snapshot: until it is sent, changes are only counted, and ask for another. */
  greeted: boolean;
  missed: number;
  /** What it was last told of each feature: a reading for one change may hold the next one, too. */
  readonly told: Map<string, string>;
}

/** Everyone who watches one customer, and what they are still to be told. */
interface Room extends WatchedCustomer {
  readonly watchers: Set<Watcher>;
  /** Features to send; `null` for all of them, as a snapshot. */
  dirty: Set<string> | null;
  /** When the first of them came, by the clock of `performance`. */
  dirtySince: number | null;
  sending: boolean;
  /** What all of them have been shown, at the least. */
  shown: Shown | null;
  timer: NodeJS.Timeout | undefined;
}

/**
 * How often the store is asked what nobody told: changes by processes that could not say so, keys and tokens that
 * were revoked, customers deleted. With the few seconds that it takes, within the contract's five (§2, §6).
 */
export const PATROL_MS = 2_000;
/** Rooms in one question. The embedded store answers on this thread: about 100 µs each. */
const PATROL_ROOMS_MAX = 50;

/**
 * About how long one who is refused waits for the word. Whoever connects again at once, and on as many lines as there are,
 * would otherwise keep the process busy with nothing but refusals: 6 000 a second on 50 lines.
 */
const REFUSED_AFTER_MS = 100;

/** The longest a timer can wait; further away it is set again. */
const TIMER_MAX_MS = 2 ** 31 - 1;

/** What waits under one key is replaced by the newest. No feature is named with a colon, so none is a snapshot. */
const SNAPSHOT = 'snapshot';
const USAGE_OF = 'usage:';

export function createHub(ledger: Ledger, options: HubOptions): Hub {
  const { clock } = options;
  const rooms = new Map<string, Room>();
  const caps = streamCaps(clock);
  let closed = false;
  let streams = 0;
  const stop = ledger.onChange((changes) => changes.forEach(mark));
  /** Set while anybody watches. */
  let patrolling: NodeJS.Timeout | undefined;
  let onPatrol = false;

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
    room.dirtySince ??= performance.now();
    void send(room);
  }

  /** Sends what is dirty; what becomes dirty meanwhile goes with the next turn, so bursts coalesce. */
  async function send(room: Room): Promise<void> {
    if (room.sending) return;
    room.sending = true;
    while (room.watchers.size > 0 && (room.dirty === null || room.dirty.size > 0)) {
      const { dirty, dirtySince } = room;
      room.dirty = new Set();
      room.dirtySince = null;
      try {
        await sendTo(room, dirty);
        if (dirtySince !== null) options.onPush?.(performance.now() - dirtySince);
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
    if (account.deleted) {
      closeRoom(room, 'deleted');
      return;
    }
    const rows = rowsOf(account, now, only);
    remember(room, account, rows, features);
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
      const state = `${row.standing.revision} ${row.counter.periodStart} ${row.counter.sequence}`;
      for (const watcher of watchers) {
        if (watcher.told.get(key) === state) continue;
        if (watcher.greeted) watcher.told.set(key, state);
        tell(watcher, `${USAGE_OF}${key}`, 'usage', metric);
      }
    }
  }

  async function greet(room: Room, watcher: Watcher): Promise<void> {
    let missed, now, account;
    do {
      missed = watcher.missed;
      now = clock();
      account = await ledger.tenant(room.tenantId).account(room.externalId, now);
    } while (watcher.missed !== missed);
    if (account.deleted) throw new Problem('customer_not_found', 'This customer has been deleted.');
    const rows = rowsOf(account, now);
    // Who was there before has been shown this or less.
    room.shown ??= shownOf(room.externalId, account, rows);
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
    const expiries = [...room.watchers].map(({ grant }) => grant.expiresAt);
    const next = Math.min(...ends, ...expiries);
    if (!Number.isFinite(next)) return;
    room.timer = setTimeout(() => wake(room), Math.min(TIMER_MAX_MS, Math.max(0, next - now)));
    room.timer.unref();
  }

  function wake(room: Room): void {
    const now = clock();
    for (const { stream, grant } of room.watchers) if (grant.expiresAt <= now) stream.close('expired');
    if (room.watchers.size > 0) markRoom(room, null);
  }

  function stopPatrol(): void {
    clearInterval(patrolling);
    patrolling = undefined;
  }

  /** Asks the store what nobody told. When it is away the next patrol asks again. */
  async function patrol(): Promise<void> {
    if (onPatrol) return;
    onPatrol = true;
    const all = [...rooms.values()];
    for (const tenantId of new Set(all.map((room) => room.tenantId))) {
      const ofTenant = all.filter((room) => room.tenantId === tenantId);
      for (let start = 0; start < ofTenant.length; start += PATROL_ROOMS_MAX) {
        await inspect(tenantId, ofTenant.slice(start, start + PATROL_ROOMS_MAX)).catch(() => undefined);
        await nextTurn();
      }
    }
    onPatrol = false;
  }

  async function inspect(tenantId: string, some: readonly Room[]): Promise<void> {
    const tenant = ledger.tenant(tenantId);
    const watchers = some.flatMap((room) => [...room.watchers]);
    const holding = await tenant.grantsHold(watchers.map(({ grant }) => grant));
    watchers.forEach(({ stream }, index) => {
      if (holding[index] !== true) stream.close('revoked');
    });
    const shown = some.flatMap((room) => (room.sending || room.shown === null ? [] : room.shown));
    if (shown.length > 0) (await tenant.changedSince(shown)).forEach(mark);
  }

  function closeRoom(room: Room, reason: string): void {
    for (const { stream } of room.watchers) stream.close(reason);
  }

  return {
    async open({ tenantId, externalId }, grant, signal) {
      if (closed) throw new Problem('overloaded', 'This server is stopping; connect again.');
      let release: () => void;
      try {
        release = caps.admit(tenantId, grant.tokenId);
      } catch (refusal) {
        // Each after another while, or all that were refused together would come back together.
        await pause(REFUSED_AFTER_MS * (0.5 + Math.random()));
        throw refusal;
      }
      const id = roomId(tenantId, externalId);
      const room = rooms.get(id) ?? {
        tenantId,
        externalId,
        watchers: new Set(),
        dirty: new Set<string>(),
        dirtySince: null,
        sending: false,
        shown: null,
        timer: undefined,
      };
      rooms.set(id, room);
      patrolling ??= setInterval(() => void patrol(), PATROL_MS).unref();
      const leave = (): void => {
        streams -= 1;
        release();
        room.watchers.delete(watcher);
        if (room.watchers.size > 0 || rooms.get(id) !== room) return;
        clearTimeout(room.timer);
        rooms.delete(id);
        if (rooms.size === 0) stopPatrol();
      };
      streams += 1;
      const stream = eventStream(leave);
      const watcher: Watcher = { stream, grant, greeted: false, missed: 0, told: new Map() };
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
    get streams() {
      return streams;
    },
    close() {
      closed = true;
      stop();
      for (const room of rooms.values()) closeRoom(room, 'closing');
    },
  };
}

/** Of a reading of some features only their counters are known to have been shown. */
function remember(
  room: Room,
  account: Account,
  rows: readonly UsageRow[],
  features: ReadonlySet<string> | null,
): void {
  if (features === null) {
    room.shown = shownOf(room.externalId, account, rows);
  } else if (room.shown !== null) {
    const read = new Map(rows.map(({ counter }) => [counter.feature, counter]));
    const newest = (counter: Shown['counters'][number]) =>
      (features.has(counter.feature) ? read.get(counter.feature) : undefined) ?? counter;
    room.shown = { ...room.shown, counters: room.shown.counters.map(newest) };
  }
}

function tell(watcher: Watcher, key: string, event: string, data: string): void {
  if (watcher.greeted) watcher.stream.send(key, event, data);
  else watcher.missed += 1;
}

function roomId(tenantId: string, externalId: string): string {
  return `${tenantId}\n${externalId}`;
}
