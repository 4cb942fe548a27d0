import { createClient } from '../../src/client/index.ts';
import type { NudgeTrigger, TrackReply, UsageMetric } from '../../src/client/wire.ts';
import { createStore } from '../../src/store/index.ts';
import type { UsageStore } from '../../src/store/types.ts';
import { crossedBy, rowOf } from './usage.ts';

/** How the API can be reached. `drops`: it answers once, then it is gone. `silent`: it never answers. */
export type Reach = 'up' | 'drops' | 'down' | 'silent';

export interface Script {
  rows?: readonly UsageMetric[];
  nudges?: readonly NudgeTrigger[];
  reach?: Reach;
  signedOut?: boolean;
}

const API_URL = 'https://usage.example.com';
const SNOOZE_MS = 30 * 24 * 60 * 60 * 1000;

/**
 * A usage API in memory, behind `fetch`: it answers the wire contract as its story is told, and everything above it
 * is the real client and the real store.
 */
export class ScriptedApi {
  readonly store: UsageStore;
  /** Ids of nudges that were put away. */
  readonly dismissed: string[] = [];
  #rows: readonly UsageMetric[];
  #nudges: readonly NudgeTrigger[];
  #reach: Reach;
  readonly #lines = new Set<ReadableStreamDefaultController<Uint8Array>>();

  constructor({ rows = [], nudges = [], reach = 'up', signedOut = false }: Script = {}) {
    this.#rows = rows;
    this.#nudges = nudges;
    this.#reach = reach;
    const client = createClient({
      apiUrl: API_URL,
      getSessionToken: () => Promise.resolve(signedOut ? null : SESSION_TOKEN),
      fetch: (input, init) => this.#answer(new Request(input, init)),
      // A story has no time to wait for the second attempt.
      maxRetries: 0,
    });
    this.store = createStore(client, { storage: 'memory' });
  }

  /** Resolves when the store has heard from the API; at once when it never will. */
  async settled(): Promise<void> {
    if (this.#reach === 'silent') return;
    await new Promise<void>((resolve) => {
      const leave = this.store.subscribe(check);
      const { store } = this;
      function check(): void {
        const { status, error } = store.getSnapshot();
        if (status === 'pending' && error === null) return;
        leave();
        resolve();
      }
      check();
    });
  }

  /** The line breaks, and nothing gets through any more. */
  goOffline(): void {
    this.#reach = 'down';
    for (const line of this.#lines) line.error(noNetwork());
    this.#lines.clear();
  }

  /** Reachable again, which the store finds out by itself or when asked. */
  comeBack(): void {
    this.#reach = 'up';
  }

  /** Somebody uses a feature, here or elsewhere: the page hears of it over the live line. */
  use(featureKey: string, quantity: number): UsageMetric {
    const before = this.#row(featureKey);
    if (before === undefined) throw new Error(`The story's plan has no ${featureKey}.`);
    const after = rowOf({
      ...before,
      consumed: before.consumed + quantity,
      sequence: before.sequence + 1,
      as_of: new Date().toISOString(),
    });
    this.#rows = this.#rows.map((row) => (row === before ? after : row));
    this.#nudges = [...crossedBy(before, after), ...this.#nudges];
    for (const line of this.#lines) line.enqueue(eventOf('usage', after));
    return after;
  }

  async #answer(request: Request): Promise<Response> {
    const { pathname } = new URL(request.url);
    if (this.#reach === 'silent') return silence(request.signal);
    if (this.#reach === 'down') throw noNetwork();
    if (pathname === '/v1/features/stream') return this.#stream(request.signal);
    if (pathname === '/v1/features/usage-metrics') return Response.json(this.#reading());
    if (pathname === '/v1/features/nudges') return Response.json({ nudges: this.#nudges });
    if (pathname === '/v1/features/track-usage') return this.#track(request);
    const [, id] = /^\/v1\/features\/nudges\/(.+)\/dismiss$/.exec(pathname) ?? [];
    if (id === undefined) throw new Error(`No story asks for ${pathname}.`);
    return this.#dismiss(decodeURIComponent(id));
  }

  #reading(): object {
    return { metrics: this.#rows, customer_id: 'user_123', external_user_id: 'user_123' };
  }

  #stream(signal: AbortSignal): Response {
    let line: ReadableStreamDefaultController<Uint8Array>;
    const body = new ReadableStream<Uint8Array>(
      {
        start: (controller) => {
          line = controller;
          this.#lines.add(line);
          line.enqueue(eventOf('snapshot', this.#reading()));
          signal.addEventListener('abort', () => this.#lines.delete(line));
        },
        // Asked for more, so the snapshot has arrived.
        pull: () => {
          if (this.#reach === 'drops') this.goOffline();
        },
        cancel: () => {
          this.#lines.delete(line);
        },
      },
      { highWaterMark: 1 },
    );
    return new Response(body, { headers: { 'Content-Type': 'text/event-stream' } });
  }

  async #track(request: Request): Promise<Response> {
    const { feature_key: key, quantity } = (await request.json()) as Pick<
      TrackReply,
      'feature_key' | 'quantity'
    >;
    const row = this.#row(key);
    if (row === undefined) return refusal(404, 'feature_not_found');
    const fits = row.limit === null || row.overage_allowed || row.consumed + quantity <= row.limit;
    if (!fits) return refusal(402, 'quota_exceeded');
    return Response.json(receiptOf(this.use(key, quantity), quantity), { status: 201 });
  }

  #row(featureKey: string): UsageMetric | undefined {
    return this.#rows.find(({ feature_key: key }) => key === featureKey);
  }

  #dismiss(id: string): Response {
    this.dismissed.push(id);
    this.#nudges = this.#nudges.filter((nudge) => nudge.id !== id);
    return Response.json({ dismissed_until: new Date(Date.now() + SNOOZE_MS).toISOString() });
  }
}

/** Readable and unsigned: the client takes from it whose numbers these are. */
const SESSION_TOKEN = `bos_session_test_e30.${btoa('{"ten":"stories","sub":"user_123"}')}.e30`;

const encoder = new TextEncoder();

function eventOf(event: string, data: object): Uint8Array {
  return encoder.encode(`event: ${event}\ndata: ${JSON.stringify(data)}\n\n`);
}

/** The 201 for an event that made a row what it is now. */
function receiptOf(row: UsageMetric, quantity: number): TrackReply {
  return {
    success: true,
    feature_key: row.feature_key,
    quantity,
    recorded_at: row.as_of,
    usage: {
      consumed_units: row.consumed,
      limit_units: row.limit,
      remaining_units: row.remaining,
      period_start: row.period_start,
      period_end: row.period_end,
      overage_units: row.overage,
      percentage_used: row.percentage_used,
    },
    event_id: `evt_${row.sequence}`,
    sequence: row.sequence,
    revision: row.revision,
  };
}

function refusal(status: number, code: string): Response {
  return Response.json({ error: { code, message: code }, statusCode: status }, { status });
}

function noNetwork(): TypeError {
  return new TypeError('The scripted network is down.');
}

/** An answer that does not come, until nobody waits for it any more. */
function silence(signal: AbortSignal): Promise<never> {
  return new Promise((_, reject) => {
    signal.addEventListener('abort', () => reject(signal.reason as Error));
  });
}
