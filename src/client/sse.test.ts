import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { createSseParser, readSse, SSE_EVENT_LENGTH_MAX, type SseItem } from './sse.ts';

const lineBreak = fc.constantFrom('\n', '\r', '\r\n');
const lineText = fc
  .string({ unit: 'grapheme', maxLength: 12 })
  .map((text) => text.replaceAll(/[\r\n\0]/g, ''));

/** Cuts bytes at the given places. */
function cut(bytes: Uint8Array, places: number[]): Uint8Array[] {
  const ends = [...places.map((place) => place % (bytes.length + 1)), bytes.length].sort((a, b) => a - b);
  return ends.map((end, index) => bytes.subarray(ends[index - 1] ?? 0, end));
}

async function readAll(chunks: Uint8Array[]): Promise<SseItem[]> {
  const stream = new ReadableStream<Uint8Array>({
    start(controller) {
      for (const chunk of chunks) controller.enqueue(chunk);
      controller.close();
    },
  });
  const items: SseItem[] = [];
  for await (const item of readSse(stream)) items.push(item);
  return items;
}

const parseAll = (text: string) => createSseParser()(text);

describe('readSse', () => {
  it('reads the same events however the bytes are cut and whichever line breaks are used', async () => {
    const event = fc.record({
      event: lineText,
      lines: fc.array(lineText, { minLength: 1, maxLength: 4 }),
      breaks: lineBreak,
      comment: fc.boolean(),
    });
    await fc.assert(
      fc.asyncProperty(
        fc.array(event, { maxLength: 5 }),
        fc.array(fc.nat(), { maxLength: 20 }),
        async (events, cuts) => {
          let text = '';
          const expected: SseItem[] = [];
          for (const { event: name, lines, breaks, comment } of events) {
            if (comment) text += `: heartbeat${breaks}`;
            if (comment) expected.push({ type: 'comment' });
            text += `event: ${name}${breaks}${lines.map((line) => `data: ${line}${breaks}`).join('')}${breaks}`;
            expected.push({ type: 'message', event: name || 'message', data: lines.join('\n'), id: '' });
          }
          expect(await readAll(cut(new TextEncoder().encode(text), cuts))).toEqual(expected);
        },
      ),
    );
  });

  it('drops an event that was not finished', async () => {
    expect(await readAll([new TextEncoder().encode('data: half')])).toEqual([]);
  });

  it('cancels the stream when its reader leaves', async () => {
    let isCancelled = false;
    const stream = new ReadableStream<Uint8Array>({
      pull: (controller) => controller.enqueue(new TextEncoder().encode(': hi\n')),
      cancel: () => {
        isCancelled = true;
      },
    });
    for await (const item of readSse(stream)) {
      expect(item.type).toBe('comment');
      break;
    }
    expect(isCancelled).toBe(true);
  });
});

describe('createSseParser', () => {
  it('keeps the last id, and ignores one with a null character', () => {
    const items = parseAll('id: 1\ndata: a\n\nid: x\0\ndata: b\n\n');
    expect(items.map((item) => item.type === 'message' && item.id)).toEqual(['1', '1']);
  });

  it('reports a retry time made of digits only', () => {
    expect(parseAll('retry: 2500\nretry: soon\n')).toEqual([{ type: 'retry', delayMs: 2_500 }]);
  });

  it('takes one space after the colon away, and no more', () => {
    expect(parseAll('data:  a\ndata:b\ndata\n\n')).toEqual([
      { type: 'message', event: 'message', data: ' a\nb\n', id: '' },
    ]);
  });

  it('dispatches nothing for an event without data', () => {
    expect(parseAll('event: usage\n\ndata: x\n\n')).toEqual([
      { type: 'message', event: 'message', data: 'x', id: '' },
    ]);
  });

  it.each([
    ['a line without an end', 'data: '.padEnd(SSE_EVENT_LENGTH_MAX + 1, 'x')],
    ['lines without an end of the event', `data: ${'x'.repeat(1_023)}\n`.repeat(1_025)],
  ])('refuses %s when it is too long', (_what, text) => {
    expect(() => parseAll(text)).toThrow(expect.objectContaining({ code: 'event_too_long' }));
  });
});
