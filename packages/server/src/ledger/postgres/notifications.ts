import { randomUUID } from 'node:crypto';
import { setTimeout as pause } from 'node:timers/promises';
import { DatabaseError } from 'pg';
import type { Change } from '../ledger.ts';
import { ignore } from './database.ts';
import { openListener, type Listener } from './listener.ts';

/**
 * Tells the other processes on the database what this one changed, and hears what they did, over a connection of
 * its own. A notification serialises commits in the whole database, so none is ever part of a hot transaction:
 * changes are gathered and told together, at most once every {@link TELL_EVERY_MS}.
 *
 * Nothing here is needed for correctness. While the connection is down others are heard late; when it is back,
 * every tenant known here is said to have changed, so that whoever listens reads anew. Where notifications do not
 * arrive at all (a pooler in transaction mode, a database that has none) nothing is told or heard, and what others
 * changed is noticed by asking: see `changedSince`.
 */
export interface ChangeFeed {
  tell(changes: readonly Change[]): void;
  /** Tells what is left, and stops. */
  close(): Promise<void>;
}

export interface ChangeFeedOptions {
  /** Must reach PostgreSQL itself, or a pooler in session mode. */
  url: string;
  hear: (changes: readonly Change[]) => void;
  /** Notifies over another connection, to see whether it arrives. */
  notify: (channel: string, payload: string) => Promise<unknown>;
  /** The tenants whose changes may have been missed. */
  tenants: () => Iterable<string>;
}

export const TELL_EVERY_MS = 50;

/** How long a notification may take to show that they arrive. Directly it is a few milliseconds. */
const PROBE_WAIT_MS = 1_000;

const CHANNEL = 'billingos_change';
/** PostgreSQL's own limit is 8 000. */
const PAYLOAD_BYTES_MAX = 7_900;
/** Changes that may wait to be told; past it, whole tenants are said to have changed. */
const WAITING_MAX = 10_000;

const TELL = { name: 'tell', text: 'select pg_notify($1, payload) from unnest($2::text[]) as payload' };

/** @throws when the database cannot be reached at first. */
export async function openChangeFeed(options: ChangeFeedOptions): Promise<ChangeFeed> {
  const { url, hear, notify, tenants } = options;
  const self = randomUUID();
  const probed = new AbortController();
  let schedule: () => void = ignore;
  const listener = await openListener({
    url,
    channel: CHANNEL,
    hear(payload) {
      if (payload === self) probed.abort();
      const changes = readPayload(payload, self);
      if (changes.length > 0) hear(changes);
    },
    renewed() {
      hear([...tenants()].map((tenantId) => ({ kind: 'catalog', tenantId })));
      schedule();
    },
  }).catch((error: unknown) => {
    if (isUnsupported(error)) return null;
    throw error;
  });
  if (listener === null || !(await arrives(notify(CHANNEL, self), probed.signal))) {
    await listener?.close();
    process.emitWarning(
      'Notifications do not arrive from this database: what other processes change reaches live streams seconds ' +
        'late. Where a pooler is in between, set DATABASE_DIRECT_URL to the database itself.',
    );
    return { tell: ignore, close: () => Promise.resolve() };
  }
  const teller = createTeller(listener, self);
  schedule = teller.schedule;
  return {
    tell: teller.tell,
    async close() {
      await teller.finish();
      await listener.close();
    },
  };
}

/** Whether the notification that `notified` sends is heard. */
async function arrives(notified: Promise<unknown>, probed: AbortSignal): Promise<boolean> {
  try {
    await notified;
  } catch (error) {
    if (isUnsupported(error)) return false;
    throw error;
  }
  // Aborted is heard: the pause ends early.
  await pause(PROBE_WAIT_MS, undefined, { signal: probed }).catch(ignore);
  return probed.aborted;
}

interface Teller {
  readonly tell: ChangeFeed['tell'];
  /** The connection may be up again. */
  readonly schedule: () => void;
  readonly finish: () => Promise<void>;
}

/** Gathers changes and tells them, together and in turn. */
function createTeller(listener: Listener, self: string): Teller {
  let waiting = new Map<string, Change>();
  let telling: Promise<void> | null = null;
  let timer: NodeJS.Timeout | undefined;

  function schedule(): void {
    if (timer !== undefined || telling !== null || listener.client === null || waiting.size === 0) return;
    timer = setTimeout(() => void tellNow(), TELL_EVERY_MS);
    timer.unref();
  }

  async function tellNow(): Promise<void> {
    clearTimeout(timer);
    timer = undefined;
    if (listener.client === null || waiting.size === 0) return;
    const told = waiting;
    waiting = new Map();
    const values = [CHANNEL, payloadsOf([...told.values()], self)];
    telling = listener.client.query({ ...TELL, values }).then(ignore, () => {
      // Told again when the connection is back: to hear of a change twice does no harm.
      for (const change of told.values()) gather(waiting, change);
    });
    await telling;
    telling = null;
    schedule();
  }

  return {
    tell(changes) {
      for (const change of changes) gather(waiting, change);
      schedule();
    },
    schedule,
    async finish() {
      await telling;
      await tellNow();
      clearTimeout(timer);
    },
  };
}

/** What a database answers that knows no LISTEN or NOTIFY: a syntax it does not read, a feature or function it lacks. */
function isUnsupported(error: unknown): boolean {
  return error instanceof DatabaseError && /^(42601|42883|0A000)$/.test(error.code ?? '');
}

/** Adds a change to those that wait, once; when they are too many, each tenant's become one. */
function gather(waiting: Map<string, Change>, change: Change): void {
  if (waiting.has(change.tenantId)) return;
  waiting.set(changeId(change), change);
  if (waiting.size <= WAITING_MAX) return;
  const tenantIds = new Set([...waiting.values()].map(({ tenantId }) => tenantId));
  waiting.clear();
  for (const tenantId of tenantIds) waiting.set(tenantId, { kind: 'catalog', tenantId });
}

function changeId(change: Change): string {
  if (change.kind === 'catalog') return change.tenantId;
  const { kind, tenantId, externalId } = change;
  return `${kind}\n${tenantId}\n${externalId}\n${kind === 'usage' ? change.feature : ''}`;
}

interface Payload {
  from: string;
  changes: Change[];
}

/** As many changes in each payload as it holds. */
function payloadsOf(changes: readonly Change[], self: string): string[] {
  const frame = Buffer.byteLength(JSON.stringify({ from: self, changes: [] } satisfies Payload));
  const payloads: string[] = [];
  let chunk: string[] = [];
  let size = frame;
  const close = (): void => {
    if (chunk.length > 0) payloads.push(`{"from":"${self}","changes":[${chunk.join(',')}]}`);
    chunk = [];
    size = frame;
  };
  for (const change of changes) {
    const text = JSON.stringify(change);
    const bytes = Buffer.byteLength(text) + 1;
    if (size + bytes > PAYLOAD_BYTES_MAX) close();
    chunk.push(text);
    size += bytes;
  }
  close();
  return payloads;
}

/** Another process's changes; none of one's own, nor of what is no payload: anyone may use the channel. */
function readPayload(text: string, self: string): Change[] {
  try {
    const { from, changes } = JSON.parse(text) as Payload;
    return from === self || !Array.isArray(changes) ? [] : changes.filter(isChange);
  } catch {
    return [];
  }
}

function isChange(value: unknown): value is Change {
  if (typeof value !== 'object' || value === null) return false;
  const { kind, tenantId, externalId, feature } = value as Record<string, unknown>;
  if (typeof tenantId !== 'string') return false;
  if (kind === 'catalog') return true;
  if (typeof externalId !== 'string') return false;
  return kind === 'plan' || (kind === 'usage' && typeof feature === 'string');
}
