import { randomUUID } from 'node:crypto';
import type { Change } from '../ledger.ts';
import { ignore } from './database.ts';
import { openListener } from './listener.ts';

/**
 * Tells the other processes on the database what this one changed, and hears what they did, over a connection of
 * its own. A notification serialises commits in the whole database, so none is ever part of a hot transaction:
 * changes are gathered and told together, at most once every {@link TELL_EVERY_MS}.
 *
 * Nothing here is needed for correctness. While the connection is down others are heard late; when it is back,
 * every tenant known here is said to have changed, so that whoever listens reads anew.
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
  /** The tenants whose changes may have been missed. */
  tenants: () => Iterable<string>;
}

export const TELL_EVERY_MS = 50;

const CHANNEL = 'billingos_change';
/** PostgreSQL's own limit is 8 000. */
const PAYLOAD_BYTES_MAX = 7_900;
/** Changes that may wait to be told; past it, whole tenants are said to have changed. */
const WAITING_MAX = 10_000;

const TELL = { name: 'tell', text: 'select pg_notify($1, payload) from unnest($2::text[]) as payload' };

/** @throws when the database cannot be reached at first. */
export async function openChangeFeed({ url, hear, tenants }: ChangeFeedOptions): Promise<ChangeFeed> {
  const self = randomUUID();
  let waiting = new Map<string, Change>();
  let telling: Promise<void> | null = null;
  let timer: NodeJS.Timeout | undefined;

  const listener = await openListener({
    url,
    channel: CHANNEL,
    hear(payload) {
      const changes = readPayload(payload, self);
      if (changes.length > 0) hear(changes);
    },
    renewed() {
      hear([...tenants()].map((tenantId) => ({ kind: 'catalog', tenantId })));
      schedule();
    },
  });

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
    async close() {
      await telling;
      await tellNow();
      clearTimeout(timer);
      await listener.close();
    },
  };
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
