import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { connect, createServer, type AddressInfo, type Server } from 'node:net';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { BillingOS, type BufferOptions, type TrackUsageInput } from '@billingos/node';
import fc from 'fast-check';
import {
  afterAll,
  afterEach,
  beforeAll,
  beforeEach,
  describe,
  expect,
  onTestFinished,
  test,
  vi,
} from 'vitest';
import {
  startTestServer,
  type TestServer,
  type TestTenant,
} from '../packages/server/src/testing/test-server.ts';
import { SEED } from './proofs/support/scale.ts';
import { temporaryFolder } from './support/dev-server.ts';
import { FaultProxy, FAULTS } from './support/fault-proxy.ts';
import { HurriedClock } from './support/hurried-clock.ts';

/** Batches and the buffer of the Node SDK, against the real API on a real store, and everything that may go wrong. */

const EVENTS = 2_000;
/** A request that takes longer has failed, in milliseconds. The proxy's late answers are later. */
const TIMEOUT_MS = 1_000;

let server: TestServer;
let tenant: TestTenant;
let data: ReturnType<typeof temporaryFolder>;
const onError = vi.fn<BufferOptions['onError']>();
beforeAll(async () => {
  server = await startTestServer();
  return () => server.close();
});
// Whatever a test does, no error may be one that the contract does not know.
afterAll(() => expect(server.errors).toEqual([]));
beforeEach(async () => {
  tenant = await server.newTenant();
  // What is buffered is stamped with the machine's time.
  server.clock.now = Date.now();
  data = temporaryFolder();
  onError.mockReset();
});
afterEach(() => data.remove());

const usage = (n: number): TrackUsageInput => ({
  customerId: `user_${n % 3}`,
  featureKey: 'events',
  quantity: 2,
});

/** What the ledger counts of our three customers: the amount, and the number of events. */
async function counted(): Promise<{ consumed: number; events: number }> {
  const rows = await Promise.all(
    [0, 1, 2].map(async (n) => {
      const { json } = await tenant.ask('GET', `/v1/usage/metrics?customer_id=user_${n}&feature_key=events`);
      return json.metrics[0] as unknown as { consumed: number; sequence: number };
    }),
  );
  return {
    consumed: rows.reduce((sum, { consumed }) => sum + consumed, 0),
    events: rows.reduce((sum, { sequence }) => sum + sequence, 0),
  };
}

describe(`2 000 events over a bad line count once each (BILLINGOS_PROOF_SEED=${SEED})`, () => {
  let proxy: FaultProxy;
  beforeEach(async () => {
    proxy = await FaultProxy.start(server.url);
    proxy.lateMs = 2 * TIMEOUT_MS;
    const fault = fc.oneof(
      { weight: 2, arbitrary: fc.constant(undefined) },
      { weight: 1, arbitrary: fc.constantFrom(...FAULTS) },
    );
    // All of them at the beginning, so that none is left to chance.
    const faults = [...FAULTS, ...fc.sample(fault, { seed: SEED, numRuns: 10_000 })].values();
    proxy.nextFault = () => faults.next().value;
    return () => proxy.stop();
  });

  const connected = (facts: object = {}) =>
    new BillingOS(
      { secretKey: tenant.secretKey, apiUrl: proxy.url, timeout: TIMEOUT_MS, maxRetries: 15, ...facts },
      { clock: new HurriedClock(TIMEOUT_MS) },
    );

  async function expectAllCounted(): Promise<void> {
    expect(await counted()).toEqual({ consumed: 2 * EVENTS, events: EVENTS });
    expect([...proxy.faults.keys()].sort()).toEqual([...FAULTS].sort());
  }

  test('in single calls', async () => {
    const billing = connected();
    const numbers = Array.from({ length: EVENTS }, (_, n) => n).values();
    const callers = Array.from({ length: 40 }, async () => {
      for (const n of numbers) expect(await billing.trackUsage(usage(n))).toMatchObject({ success: true });
    });
    await Promise.all(callers);
    await expectAllCounted();
  });

  test('in batches, each with a full list of results', async () => {
    const billing = connected();
    const batches = Array.from({ length: 80 }, (_, batch) =>
      Array.from({ length: 25 }, (_, n) => usage(batch + n)),
    );
    const waiting = batches.values();
    const callers = Array.from({ length: 5 }, async () => {
      for (const events of waiting) {
        const { results, summary } = await billing.trackUsageBatch(events);
        expect(results.map(({ index }) => index)).toEqual(events.map((_, index) => index));
        expect(summary.recorded + summary.duplicate).toBe(events.length);
      }
    });
    await Promise.all(callers);
    await expectAllCounted();
  });

  test.each(['memory', 'a file'])('through the buffer in %s', async (where) => {
    const file = where === 'a file' ? join(data.path, 'usage.jsonl') : undefined;
    const billing = connected({ buffer: { onError, file } });
    for (let round = 0; round < 80; round += 1) {
      await Promise.all(Array.from({ length: 25 }, (_, n) => billing.bufferUsage(usage(round + n))));
      await billing.flush();
    }
    await billing.close();
    expect(onError).not.toHaveBeenCalled();
    await expectAllCounted();
  });
});

describe('a process with a file', () => {
  const PROGRAM = join(import.meta.dirname, 'support/buffer-under-load.ts');
  const ROOT = join(import.meta.dirname, '..');
  /** Events kept before a kill: different each time, so that it hits another place. */
  const KEPT = [1, 77, 500, 1_500, 2_500] as const;

  const fileOf = () => join(data.path, 'usage.jsonl');
  const reopened = () =>
    new BillingOS({
      secretKey: tenant.secretKey,
      apiUrl: server.url,
      buffer: { file: fileOf(), onError },
    });

  /** Starts the program that buffers without end. */
  function startLoad() {
    const child = spawn(process.execPath, ['--import', './scripts/typescript.js', PROGRAM, fileOf()], {
      cwd: ROOT,
      stdio: ['ignore', 'pipe', 'inherit'],
      env: {
        PATH: process.env['PATH'],
        BILLINGOS_SECRET_KEY: tenant.secretKey,
        BILLINGOS_API_URL: server.url,
      },
    });
    onTestFinished(() => void child.kill('SIGKILL'));
    return { child, closed: once(child, 'close'), lines: createInterface({ input: child.stdout }) };
  }

  /** Reads until so many events are kept, kills, and reads what was printed until the very end. */
  async function killAfter(count: number): Promise<{ tried: string[]; kept: string[] }> {
    const { child, closed, lines } = startLoad();
    const tried: string[] = [];
    const kept: string[] = [];
    for await (const line of lines) {
      const [what, key = ''] = line.split(' ');
      (what === 'kept' ? kept : tried).push(key);
      if (kept.length === count) child.kill('SIGKILL');
    }
    await closed;
    expect(kept.length).toBeGreaterThanOrEqual(count);
    return { tried, kept };
  }

  test('that is killed under load has all it had kept counted once when it starts again', async () => {
    const tried: string[] = [];
    const kept: string[] = [];
    for (const count of KEPT) {
      server.clock.now = Date.now();
      const run = await killAfter(count);
      tried.push(...run.tried);
      kept.push(...run.kept);
    }
    const billing = reopened();
    await billing.flush();
    await billing.close();
    expect(onError).not.toHaveBeenCalled();

    const recorded = new Set<string>();
    for (const key of tried) {
      const customerId = `user_${Number(key.split('-')[1]) % 3}`;
      if ((await billing.getUsageEvent(customerId, key)).outcome === 'recorded') recorded.add(key);
    }
    expect(kept.filter((key) => !recorded.has(key))).toEqual([]);
    expect(await counted()).toEqual({ consumed: recorded.size, events: recorded.size });
  });

  test('keeps every other process from it while it lives', async () => {
    const { child, closed, lines } = startLoad();
    await once(lines, 'line');
    await vi.waitFor(() => expect(existsSync(fileOf())).toBe(true));
    const refused = reopened();
    await expect(refused.bufferUsage(usage(0))).rejects.toThrow(`is the buffer of process ${child.pid}`);
    child.kill('SIGKILL');
    await closed;
    await refused.bufferUsage(usage(0));
    await refused.close();
  });
});

describe('an API that is away for a while', () => {
  /** A port at which nobody listens, and how to let the API listen there. */
  async function awayAddress(): Promise<{ url: string; comeBack: () => Promise<Server> }> {
    const listen = async (line: Server, port: number) => {
      await once(line.listen(port, '127.0.0.1'), 'listening');
      return line;
    };
    const first = await listen(createServer(), 0);
    const { port } = first.address() as AddressInfo;
    await new Promise((resolve) => first.close(resolve));
    const target = Number(new URL(server.url).port);
    const forward = () =>
      createServer((socket) => {
        const upstream = connect(target, '127.0.0.1');
        socket.pipe(upstream).pipe(socket);
        for (const end of [socket, upstream]) end.on('error', () => undefined);
      });
    return { url: `http://127.0.0.1:${port}`, comeBack: () => listen(forward(), port) };
  }

  test.each(['memory', 'a file'])('has all events from the buffer in %s once and in order', async (where) => {
    const { url, comeBack } = await awayAddress();
    const file = where === 'a file' ? join(data.path, 'usage.jsonl') : undefined;
    const clock = new HurriedClock(TIMEOUT_MS);
    const options = {
      secretKey: tenant.secretKey,
      apiUrl: url,
      timeout: TIMEOUT_MS,
      buffer: { onError, file },
    };
    const billing = new BillingOS(options, { clock });
    const keys: string[] = [];
    for (let n = 0; n < 100; n += 1) {
      const { idempotencyKey } = await billing.bufferUsage(usage(0));
      keys.push(idempotencyKey);
    }
    await expect.poll(() => clock.skipped, { timeout: 20_000 }).toBeGreaterThan(20);
    const line = await comeBack();
    await billing.flush();
    await billing.close();
    line.close();
    expect(onError).not.toHaveBeenCalled();
    const direct = new BillingOS({ secretKey: tenant.secretKey, apiUrl: server.url });
    const replies = await Promise.all(keys.map((key) => direct.getUsageEvent('user_0', key)));
    expect(replies.map((reply) => reply.outcome === 'recorded' && reply.event.sequence)).toEqual(
      Array.from({ length: 100 }, (_, n) => n + 1),
    );
  });
});
