/**
 * One server-sent event stream. It keeps the newest message of each kind only, so that a slow reader gets the
 * present state and not a backlog, and is dropped when it stops reading at all.
 */
export interface EventStream {
  readonly response: Response;
  /** Replaces what waits under the same key. */
  send(key: string, event: string, data: string): void;
  /** Says goodbye and ends. */
  close(reason: string): void;
}

/** A comment this often keeps proxies from closing the line and lets clients notice a dead one. */
export const HEARTBEAT_MS = 15_000;
/** A reader that takes nothing for this long is gone. */
const STALLED_MS = 30_000;
/** What clients wait before they reconnect, by themselves. */
const RETRY_MS = 2_000;
const WAITING_MAX = 1_000;

export function eventStream(onEnd: () => void): EventStream {
  const encoder = new TextEncoder();
  const waiting = new Map<string, string>();
  let lastId = 0;
  let blockedSince: number | null = null;
  let ended = false;
  let controller: ReadableStreamDefaultController<Uint8Array> | null = null;

  const heartbeat = setInterval(() => {
    if (blockedSince !== null && performance.now() - blockedSince > STALLED_MS) end();
    else put('', ': still here\n\n');
  }, HEARTBEAT_MS);
  heartbeat.unref();

  function write(text: string): void {
    if (!ended) controller?.enqueue(encoder.encode(text));
  }

  function put(key: string, message: string): void {
    waiting.delete(key);
    waiting.set(key, message);
    if (waiting.size > WAITING_MAX) end();
    else flush();
  }

  function flush(): void {
    if (ended || controller === null) return;
    if ((controller.desiredSize ?? 0) <= 0) {
      blockedSince ??= performance.now();
      return;
    }
    blockedSince = null;
    // Emptied first: enqueueing may ask for more before it returns.
    const messages = [...waiting.values()].join('');
    waiting.clear();
    write(messages);
  }

  function end(): void {
    if (ended) return;
    ended = true;
    clearInterval(heartbeat);
    waiting.clear();
    onEnd();
    try {
      controller?.close();
    } catch {
      // The reader cancelled at the same moment: closed is closed.
    }
  }

  const body = new ReadableStream<Uint8Array>({
    start(started) {
      controller = started;
      write(`retry: ${RETRY_MS}\n\n`);
    },
    pull() {
      if (waiting.size > 0) flush();
    },
    cancel: end,
  });

  return {
    response: new Response(body, {
      headers: {
        'Content-Type': 'text/event-stream; charset=utf-8',
        'Cache-Control': 'no-store, no-transform',
        'X-Accel-Buffering': 'no',
      },
    }),
    send(key, event, data) {
      lastId += 1;
      put(key, `event: ${event}\nid: ${lastId}\ndata: ${data}\n\n`);
    },
    close(reason) {
      write(`event: bye\ndata: ${JSON.stringify({ reason })}\n\n`);
      end();
    },
  };
}
