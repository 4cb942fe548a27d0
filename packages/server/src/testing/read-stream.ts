import type { ReplyJson } from './test-server.ts';

/** One server-sent event as a client sees it. */
export interface StreamEvent {
  readonly event: string;
  readonly data: ReplyJson;
}

export interface StreamReader {
  /** The next event; comments are passed over. `null` at the end. */
  next(): Promise<StreamEvent | null>;
  /** Everything until the end. */
  rest(): Promise<StreamEvent[]>;
  cancel(): Promise<void>;
}

/** Reads server-sent events from a body, one at a time. */
export function readStream(body: ReadableStream<Uint8Array> | null): StreamReader {
  if (body === null) throw new Error('The reply has no body');
  const reader = body.getReader();
  const decoder = new TextDecoder();
  let text = '';

  async function next(): Promise<StreamEvent | null> {
    for (;;) {
      const end = text.indexOf('\n\n');
      if (end === -1) {
        const { value, done } = await reader.read();
        if (done) return null;
        text += decoder.decode(value, { stream: true });
        continue;
      }
      const block = text.slice(0, end);
      text = text.slice(end + 2);
      const event = /^event: (.*)$/m.exec(block)?.[1];
      const data = /^data: (.*)$/m.exec(block)?.[1];
      if (event !== undefined && data !== undefined) return { event, data: JSON.parse(data) as ReplyJson };
    }
  }

  return {
    next,
    async rest() {
      const events: StreamEvent[] = [];
      for (let event = await next(); event !== null; event = await next()) events.push(event);
      return events;
    },
    cancel: () => reader.cancel(),
  };
}
