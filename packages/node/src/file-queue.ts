import { existsSync } from 'node:fs';
import { mkdir, open, readFile, rename, rm, type FileHandle } from 'node:fs/promises';
import { dirname, resolve } from 'node:path';
import { ConfigurationError } from '../../../src/client/errors.ts';
import type { KeyedInput } from './batch.ts';
import { queuedEvent, type EventQueue, type QueuedEvent } from './event-queue.ts';
import { lockFile } from './file-lock.ts';

/**
 * How much a file may grow beyond twice what it held when it was last rewritten: on the whole, rewriting then costs
 * no more than writing did.
 */
const GROWTH_BYTES_MAX = 1_048_576;

/** A line of the file: an event, or that so many of those above it, from the oldest on, have their outcome. */
type Line = { readonly at: number; readonly input: KeyedInput } | { readonly settled: number };

/**
 * Keeps events in a file of JSON lines that only grows at its end, or is replaced as a whole. An event is kept once
 * it is on the disk. That it is settled may be forgotten in a crash: then it is sent again, with its key, and counts
 * no second time.
 *
 * @throws ConfigurationError when another process has the file, or when it holds something else
 */
export async function openFileQueue(file: string): Promise<EventQueue> {
  const path = resolve(file);
  await mkdir(dirname(path), { recursive: true, mode: 0o700 });
  const unlock = await lockFile(path);
  try {
    const queue = new FileQueue(path, await readEvents(path), unlock);
    await queue.rewrite();
    return queue;
  } catch (error) {
    await unlock();
    throw error;
  }
}

class FileQueue implements EventQueue {
  readonly events: QueuedEvent[];
  readonly #path: string;
  readonly #unlock: () => Promise<void>;
  #handle: FileHandle | undefined;
  #bytes = 0;
  #bytesMax = 0;
  /** The file's end may be half a line, or belong to a file that was replaced: rewritten before it is added to. */
  #isTorn = true;
  #incoming: QueuedEvent[] = [];
  #nextWrite: Promise<void> | undefined;
  #lastStep: Promise<void> = Promise.resolve();

  constructor(path: string, events: QueuedEvent[], unlock: () => Promise<void>) {
    this.#path = path;
    this.events = events;
    this.#unlock = unlock;
  }

  /** Events that come in while the disk is busy share the next write. */
  add(event: QueuedEvent): Promise<void> {
    this.#incoming.push(event);
    this.#nextWrite ??= this.#inTurn(async () => {
      const added = this.#incoming;
      this.#incoming = [];
      this.#nextWrite = undefined;
      await this.#append(added.map(eventLine).join(''), { durable: true });
      for (const one of added) this.events.push(one);
    });
    return this.#nextWrite;
  }

  settle(count: number): Promise<void> {
    return this.#inTurn(async () => {
      this.events.splice(0, count);
      try {
        await this.#append(line({ settled: count }), { durable: false });
        if (this.#bytes > this.#bytesMax) await this.rewrite();
      } catch {
        // The file now says less than is known. That costs a repetition after a crash, and the next write mends it.
      }
    });
  }

  close(): Promise<void> {
    return this.#inTurn(async () => {
      // A file that cannot be rewritten is still right, only longer.
      await this.rewrite().catch(() => undefined);
      await this.#handle?.close();
      await this.#unlock();
    });
  }

  /** Replaces the file by one that holds what waits, and nothing else. */
  async rewrite(): Promise<void> {
    this.#isTorn = true;
    const text = this.events.map(eventLine).join('');
    const replacement = `${this.#path}.new`;
    await rm(replacement, { force: true });
    const handle = await open(replacement, 'ax', 0o600);
    try {
      await handle.appendFile(text);
      await handle.datasync();
      await rename(replacement, this.#path);
      await syncFolder(dirname(this.#path));
    } catch (error) {
      await handle.close();
      throw error;
    }
    await this.#handle?.close();
    this.#handle = handle;
    this.#bytes = Buffer.byteLength(text);
    this.#bytesMax = 2 * this.#bytes + GROWTH_BYTES_MAX;
    this.#isTorn = false;
  }

  async #append(text: string, { durable }: { durable: boolean }): Promise<void> {
    if (this.#isTorn) await this.rewrite();
    this.#isTorn = true;
    await this.#handle?.appendFile(text);
    if (durable) await this.#handle?.datasync();
    this.#bytes += Buffer.byteLength(text);
    this.#isTorn = false;
  }

  #inTurn(step: () => Promise<void>): Promise<void> {
    const done = this.#lastStep.then(step);
    this.#lastStep = done.catch(() => undefined);
    return done;
  }
}

function eventLine({ bufferedAtMs, input }: QueuedEvent): string {
  return line({ at: bufferedAtMs, input });
}

function line(value: Line): string {
  return `${JSON.stringify(value)}\n`;
}

/** The events of a file that have no outcome yet. What follows the last newline was being written in a crash. */
async function readEvents(path: string): Promise<QueuedEvent[]> {
  const text = existsSync(path) ? await readFile(path, 'utf8') : '';
  const events: QueuedEvent[] = [];
  const lines = text.split('\n').slice(0, -1);
  for (const [index, content] of lines.entries()) {
    const value = parseLine(content);
    if (value === undefined) throw strangeLine(path, index + 1);
    if ('settled' in value) events.splice(0, value.settled);
    else events.push(queuedEvent(value.input, value.at));
  }
  return events;
}

function parseLine(content: string): Line | undefined {
  try {
    const { at, input, settled } = JSON.parse(content) as Partial<{
      at: number;
      input: KeyedInput;
      settled: number;
    }>;
    if (typeof settled === 'number') return { settled };
    const isEvent = typeof at === 'number' && typeof input?.idempotencyKey === 'string';
    return isEvent ? { at, input } : undefined;
  } catch {
    return undefined;
  }
}

function strangeLine(path: string, number: number): ConfigurationError {
  return new ConfigurationError(
    `Line ${number} of ${path} is no usage event. Give buffer.file a file of its own, or mend this one.`,
    { code: 'buffer_unusable' },
  );
}

/** A rename is on the disk once its folder is. */
async function syncFolder(path: string): Promise<void> {
  const folder = await open(path, 'r');
  try {
    await folder.sync();
  } finally {
    await folder.close();
  }
}
