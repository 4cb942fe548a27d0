import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { open } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { queuedEvent, type EventQueue } from './event-queue.ts';
import { openFileQueue } from './file-queue.ts';

let folder: string;
let path: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'billingos-'));
  path = join(folder, 'usage.jsonl');
});
afterEach(() => {
  vi.restoreAllMocks();
  rmSync(folder, { recursive: true, force: true });
});

const event = (n: number) => {
  const input = { customerId: 'user_1', featureKey: 'api_calls', quantity: n, idempotencyKey: `k${n}` };
  return queuedEvent(input, n);
};
const numbersIn = (queue: EventQueue) => queue.events.map(({ input }) => input.quantity);

/** What a process finds that starts after this one is gone. */
async function reopened(): Promise<number[]> {
  const queue = await openFileQueue(path);
  const numbers = numbersIn(queue);
  await queue.close();
  return numbers;
}

/** The first call of a file's method goes as told, the others as ever. */
async function mockFile(method: 'appendFile' | 'datasync', first: (this: unknown) => Promise<void>) {
  const handle = await open(join(folder, 'any'), 'w');
  await handle.close();
  const prototype = Object.getPrototypeOf(handle) as typeof handle;
  return vi.spyOn(prototype, method).mockImplementationOnce(first);
}

describe('events in a file', () => {
  it('are there for the next process, in order', async () => {
    const queue = await openFileQueue(path);
    await Promise.all([1, 2, 3].map((n) => queue.add(event(n))));
    await queue.add(event(4));
    await queue.close();
    expect(await reopened()).toEqual([1, 2, 3, 4]);
  });

  it('come back as they were', async () => {
    const first = await openFileQueue(path);
    await first.add(event(7));
    await first.close();
    const second = await openFileQueue(path);
    expect(second.events).toEqual([event(7)]);
    await second.close();
  });

  it('are gone when they are settled', async () => {
    const queue = await openFileQueue(path);
    await Promise.all([1, 2, 3].map((n) => queue.add(event(n))));
    await queue.settle(2);
    expect(numbersIn(queue)).toEqual([3]);
    await queue.close();
    expect(await reopened()).toEqual([3]);
  });

  it('are for nobody else to read', async () => {
    writeFileSync(path, '', { mode: 0o644 });
    const queue = await openFileQueue(path);
    expect(statSync(path).mode & 0o777).toBe(0o600);
    await queue.close();
  });

  it('share a write when they come while the disk is busy', async () => {
    const queue = await openFileQueue(path);
    const spy = await mockFile('datasync', () => Promise.resolve());
    await Promise.all(Array.from({ length: 500 }, (_, n) => queue.add(event(n))));
    expect(spy.mock.calls.length).toBeLessThanOrEqual(2);
    await queue.close();
  });

  it('take no more room than what waits, give or take', async () => {
    const queue = await openFileQueue(path);
    let largest = 0;
    for (let round = 0; round < 30; round += 1) {
      await Promise.all(Array.from({ length: 1_000 }, (_, n) => queue.add(event(n))));
      await queue.settle(1_000);
      largest = Math.max(largest, statSync(path).size);
    }
    expect(largest).toBeLessThan(1_300_000);
    await queue.close();
    expect(statSync(path).size).toBe(0);
  });

  it('leave nothing beside the file', async () => {
    const queue = await openFileQueue(path);
    await queue.add(event(1));
    await queue.close();
    expect(readdirSync(folder)).toEqual(['usage.jsonl']);
  });
});

describe('a file after a crash', () => {
  it('holds what one of its moments held, wherever it was cut off', async () => {
    const steps = fc.array(fc.oneof(fc.constant('add' as const), fc.integer({ min: 1, max: 3 })), {
      maxLength: 12,
    });
    await fc.assert(
      fc.asyncProperty(steps, fc.double({ min: 0, max: 1, noNaN: true }), async (todo, part) => {
        rmSync(path, { force: true });
        const queue = await openFileQueue(path);
        const moments: { bytes: number; numbers: number[] }[] = [{ bytes: 0, numbers: [] }];
        for (const [n, step] of todo.entries()) {
          if (step === 'add') await queue.add(event(n));
          else await queue.settle(Math.min(step, queue.events.length));
          moments.push({ bytes: statSync(path).size, numbers: numbersIn(queue) });
        }
        const written = readFileSync(path);
        await queue.close();
        const cut = Math.floor(written.length * part);
        writeFileSync(path, written.subarray(0, cut));
        const last = moments.filter(({ bytes }) => bytes <= cut).at(-1);
        expect(await reopened()).toEqual(last?.numbers);
      }),
      { numRuns: 60 },
    );
  });

  it('can be added to', async () => {
    writeFileSync(path, '{"at":1,"input":{"idempotencyKey":"k1","quantity":1}}\n{"at":2,"inp');
    const queue = await openFileQueue(path);
    await queue.add(event(3));
    await queue.close();
    expect(await reopened()).toEqual([1, 3]);
  });

  it('is not mistaken for the one that was to replace it', async () => {
    writeFileSync(`${path}.new`, 'half');
    const queue = await openFileQueue(path);
    await queue.add(event(1));
    await queue.close();
    expect(await reopened()).toEqual([1]);
  });
});

describe('a disk that fails', () => {
  it('refuses the event, and takes the next one', async () => {
    const queue = await openFileQueue(path);
    await queue.add(event(1));
    await mockFile('appendFile', async function (this: unknown) {
      writeFileSync(path, '{"at":', { flag: 'a' });
      await Promise.reject(new Error('ENOSPC'));
    });
    await expect(queue.add(event(2))).rejects.toThrow('ENOSPC');
    await queue.add(event(3));
    await queue.close();
    expect(await reopened()).toEqual([1, 3]);
  });

  it('does not keep an event that it refused', async () => {
    const queue = await openFileQueue(path);
    await mockFile('datasync', () => Promise.reject(new Error('EIO')));
    await expect(queue.add(event(1))).rejects.toThrow('EIO');
    await queue.close();
    expect(await reopened()).toEqual([]);
  });

  it('lets go of what is settled all the same', async () => {
    const queue = await openFileQueue(path);
    await queue.add(event(1));
    await mockFile('appendFile', () => Promise.reject(new Error('ENOSPC')));
    await queue.settle(1);
    expect(numbersIn(queue)).toEqual([]);
    await queue.close();
    expect(await reopened()).toEqual([]);
  });
});

describe('a file that somebody has', () => {
  it('is refused, naming the process and what to do', async () => {
    const queue = await openFileQueue(path);
    await expect(openFileQueue(path)).rejects.toThrow(
      `is the buffer of process ${process.pid}. Give each process a file of its own`,
    );
    await queue.close();
  });

  it('is free once it is closed, and after a refusal still the same', async () => {
    const queue = await openFileQueue(path);
    await queue.add(event(1));
    await expect(openFileQueue(path)).rejects.toMatchObject({ code: 'buffer_in_use' });
    await queue.add(event(2));
    await queue.close();
    expect(await reopened()).toEqual([1, 2]);
  });

  it('has one owner at most, however many start at once', async () => {
    const attempts = await Promise.allSettled(Array.from({ length: 8 }, () => openFileQueue(path)));
    const owners = attempts.filter((attempt) => attempt.status === 'fulfilled');
    expect(owners.length).toBeLessThanOrEqual(1);
    for (const { value } of owners) await value.close();
    expect(await reopened()).toEqual([]);
  });

  it('with a path that cannot be locked says what would do', async () => {
    const long = join(folder, 'x'.repeat(120), 'usage.jsonl');
    await expect(openFileQueue(long)).rejects.toMatchObject({
      code: 'buffer_unusable',
      message: expect.stringContaining('Give a short path on a local disk') as string,
    });
  });

  it.each(['no JSON', '{"at":"soon","input":{}}', 'null', '{"at":1,"input":{"quantity":1}}'])(
    'with something else in it stays as it is: %s',
    async (content) => {
      writeFileSync(path, `${content}\n`);
      await expect(openFileQueue(path)).rejects.toThrow('Line 1 of');
      expect(readFileSync(path, 'utf8')).toBe(`${content}\n`);
    },
  );
});
