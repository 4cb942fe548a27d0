import { setTimeout as pause } from 'node:timers/promises';
import type { Client } from 'pg';
import { ignore, newClient } from './database.ts';

/** A connection that listens on a channel, and is made again whenever it breaks. */
export interface Listener {
  /** `null` while the connection is down. */
  readonly client: Client | null;
  close(): Promise<void>;
}

export interface ListenerOptions {
  url: string;
  channel: string;
  hear: (payload: string) => void;
  /** The connection is back; what was said in between has been missed. */
  renewed: () => void;
}

const HEARTBEAT_MS = 15_000;
const ANSWER_TIMEOUT_MS = 5_000;
const RECONNECT_PAUSE_MS = 200;
const RECONNECT_PAUSE_MS_MAX = 5_000;

/** @throws when the database cannot be reached at first; later it is tried again until {@link Listener.close}. */
export async function openListener(options: ListenerOptions): Promise<Listener> {
  const { url, channel, hear, renewed } = options;
  const stopped = new AbortController();
  let client: Client | null = null;

  async function connect(): Promise<void> {
    const fresh = newClient(url, ANSWER_TIMEOUT_MS);
    // A connection that breaks says so twice; its end is what counts.
    fresh.on('error', ignore);
    fresh.on('notification', ({ payload = '' }) => hear(payload));
    try {
      await fresh.connect();
      // Notifications need no fsync: what they speak of has been committed already.
      await fresh.query(`set synchronous_commit = off; listen ${channel}`);
    } catch (error) {
      void fresh.end().catch(ignore);
      throw error;
    }
    fresh.once('end', () => void reconnect());
    client = fresh;
  }

  async function reconnect(): Promise<void> {
    client = null;
    for (let attempt = 0; !stopped.signal.aborted; attempt += 1) {
      try {
        const bound = Math.min(RECONNECT_PAUSE_MS_MAX, RECONNECT_PAUSE_MS * 2 ** attempt);
        await pause(Math.random() * bound, undefined, { ref: false, signal: stopped.signal });
        await connect();
      } catch {
        continue;
      }
      renewed();
      return;
    }
  }

  await connect();
  // A peer that is gone without a word is noticed by its silence.
  const heartbeat = setInterval(() => {
    const beating = client;
    beating?.query('select 1').catch(() => beating.end().catch(ignore));
  }, HEARTBEAT_MS);
  heartbeat.unref();

  return {
    get client() {
      return client;
    },
    async close() {
      clearInterval(heartbeat);
      stopped.abort();
      await client?.end().catch(ignore);
    },
  };
}
