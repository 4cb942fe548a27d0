import { NetworkError } from './errors.ts';

/** What a server-sent event stream consists of, for its reader. */
export type SseItem =
  | { readonly type: 'message'; readonly event: string; readonly data: string; readonly id: string }
  | { readonly type: 'comment' }
  | { readonly type: 'retry'; readonly delayMs: number };

/** An event, or a line without an end, may be this long, in UTF-16 code units. The largest snapshot is far below. */
export const SSE_EVENT_LENGTH_MAX = 1_048_576;

/**
 * Reads a stream of server-sent events, however it is cut into chunks. Ends when the stream does; an event that
 * was not finished by then is dropped, as the standard says. Leaving the loop cancels the stream.
 *
 * @throws NetworkError when an event is longer than `SSE_EVENT_LENGTH_MAX`
 */
export async function* readSse(stream: ReadableStream<Uint8Array>): AsyncGenerator<SseItem, void, undefined> {
  const reader = stream.getReader();
  const decoder = new TextDecoder();
  const parse = createSseParser();
  try {
    for (;;) {
      const { done, value } = await reader.read();
      if (done) return;
      yield* parse(decoder.decode(value, { stream: true }));
    }
  } finally {
    // Cancelling a stream that has failed rejects with the failure, which is on its way already.
    await reader.cancel().catch(() => undefined);
  }
}

/** A parser that takes the text as it comes and answers with what it completes. */
export function createSseParser(): (text: string) => SseItem[] {
  let rest = '';
  let endedInCarriageReturn = false;
  let event = '';
  let data: string[] = [];
  let dataLength = 0;
  let lastId = '';

  function takeField(name: string, value: string, items: SseItem[]): void {
    if (name === 'event') {
      event = value;
    } else if (name === 'data') {
      data.push(value);
      dataLength += value.length + 1;
    } else if (name === 'id' && !value.includes('\0')) {
      lastId = value;
    } else if (name === 'retry' && /^\d+$/.test(value)) {
      items.push({ type: 'retry', delayMs: Number(value) });
    }
  }

  function takeLine(line: string, items: SseItem[]): void {
    if (line === '') {
      if (data.length > 0) {
        items.push({ type: 'message', event: event || 'message', data: data.join('\n'), id: lastId });
      }
      event = '';
      data = [];
      dataLength = 0;
      return;
    }
    const colon = line.indexOf(':');
    if (colon === 0) items.push({ type: 'comment' });
    else if (colon < 0) takeField(line, '', items);
    else takeField(line.slice(0, colon), line.slice(colon + (line[colon + 1] === ' ' ? 2 : 1)), items);
  }

  return (text) => {
    const items: SseItem[] = [];
    const fresh = endedInCarriageReturn && text.startsWith('\n') ? text.slice(1) : text;
    if (text !== '') endedInCarriageReturn = text.endsWith('\r');
    const lines = (rest + fresh).split(/\r\n|\r|\n/);
    rest = lines.pop() ?? '';
    for (const line of lines) {
      takeLine(line, items);
      refuseTooLong(dataLength);
    }
    refuseTooLong(dataLength + rest.length);
    return items;
  };
}

function refuseTooLong(length: number): void {
  if (length <= SSE_EVENT_LENGTH_MAX) return;
  throw new NetworkError(`An event of the stream is longer than ${SSE_EVENT_LENGTH_MAX} characters.`, {
    code: 'event_too_long',
  });
}
