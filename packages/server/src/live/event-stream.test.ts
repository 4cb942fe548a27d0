import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { readStream } from '../testing/read-stream.ts';
import { eventStream, HEARTBEAT_MS } from './event-stream.ts';

beforeEach(() => {
  vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval', 'performance'] });
});
afterEach(() => {
  vi.useRealTimers();
});

/** The stream's text as far as it is there already. */
async function available(reader: ReadableStreamDefaultReader<Uint8Array>): Promise<string> {
  const { value } = await reader.read();
  return new TextDecoder().decode(value);
}

describe('eventStream', () => {
  it('begins with how long to wait before reconnecting', async () => {
    const stream = eventStream(() => undefined);
    expect(await available(stream.response.body!.getReader())).toBe('retry: 2000\n\n');
    stream.close('done');
  });

  it('gives each message an event, an id and its data', async () => {
    const stream = eventStream(() => undefined);
    const reader = stream.response.body!.getReader();
    await available(reader);
    const next = available(reader);
    stream.send('k', 'usage', '{"a":1}');
    expect(await next).toBe('event: usage\nid: 1\ndata: {"a":1}\n\n');
    stream.close('done');
  });

  it('keeps the newest of each key for a reader that is slow', async () => {
    const stream = eventStream(() => undefined);
    for (let turn = 1; turn <= 1_000; turn += 1) {
      stream.send('a', 'usage', `{"turn":${turn}}`);
      stream.send('b', 'usage', `{"turn":${-turn}}`);
    }
    const reader = readStream(stream.response.body);
    expect([await reader.next(), await reader.next()]).toEqual([
      { event: 'usage', data: { turn: 1_000 } },
      { event: 'usage', data: { turn: -1_000 } },
    ]);
    stream.send('a', 'usage', '{"turn":1001}');
    expect(await reader.next()).toEqual({ event: 'usage', data: { turn: 1_001 } });
    stream.close('done');
  });

  it('says goodbye and ends, once', async () => {
    const ended = vi.fn();
    const stream = eventStream(ended);
    stream.close('expired');
    stream.close('again');
    stream.send('k', 'usage', '{}');
    expect(await readStream(stream.response.body).rest()).toEqual([
      { event: 'bye', data: { reason: 'expired' } },
    ]);
    expect(ended).toHaveBeenCalledTimes(1);
  });

  it('ends when its reader leaves', async () => {
    const ended = vi.fn();
    const stream = eventStream(ended);
    await stream.response.body?.cancel();
    expect(ended).toHaveBeenCalledTimes(1);
    stream.send('k', 'usage', '{}');
    stream.close('too late');
    expect(vi.getTimerCount()).toBe(0);
  });

  it('keeps the line open with comments', async () => {
    const stream = eventStream(() => undefined);
    const reader = stream.response.body!.getReader();
    await available(reader);
    const next = available(reader);
    vi.advanceTimersByTime(HEARTBEAT_MS);
    expect(await next).toBe(': still here\n\n');
    stream.close('done');
  });

  it('drops a reader that has stopped reading', () => {
    const ended = vi.fn();
    const stream = eventStream(ended);
    stream.send('k', 'usage', '{}');
    vi.advanceTimersByTime(2 * HEARTBEAT_MS);
    expect(ended).not.toHaveBeenCalled();
    vi.advanceTimersByTime(HEARTBEAT_MS);
    expect(ended).toHaveBeenCalledTimes(1);
    expect(vi.getTimerCount()).toBe(0);
  });

  it('drops a reader for whom too much of different kinds waits', () => {
    const ended = vi.fn();
    const stream = eventStream(ended);
    for (let key = 0; key <= 1_000; key += 1) stream.send(`k${key}`, 'usage', '{}');
    expect(ended).toHaveBeenCalledTimes(1);
  });
});
