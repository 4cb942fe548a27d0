import { BillingOS } from '@billingos/node';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { scale } from './proofs/support/scale.ts';
import { launchBrowser } from './support/browser.ts';
import { startDevProcess, temporaryFolder, type DevProcess } from './support/dev-server.ts';
import { FaultProxy, FAULTS, type Fault } from './support/fault-proxy.ts';
import { openStorePage, serveStorePages } from './support/store-page.ts';

/** Events over a line that drops, delays, refuses and repeats: each counts once, and nobody retries by hand. */

const EVENTS = scale(500, 2_000);
/** Every fourth request that tracks usage goes wrong. */
const FAULT_EVERY = 4;
/** A request that takes longer has failed, in milliseconds. The proxy's late answers are later. */
const TIMEOUT_MS = 300;
const CUSTOMER = 'someone_new';

let api: DevProcess;
let proxy: FaultProxy;
let data: ReturnType<typeof temporaryFolder>;

beforeEach(async () => {
  data = temporaryFolder();
  api = await startDevProcess(data.path);
  proxy = await FaultProxy.start(api.url);
  proxy.lateMs = 3 * TIMEOUT_MS;
  let requests = 0;
  proxy.nextFault = (): Fault | undefined => {
    requests += 1;
    return requests % FAULT_EVERY === 0 ? FAULTS[(requests / FAULT_EVERY) % FAULTS.length] : undefined;
  };
});

afterEach(async () => {
  await proxy.stop();
  await api.stop();
  data.remove();
});

describe(`${EVENTS} events over a bad line count once each`, () => {
  test('from a server', async () => {
    const options = { secretKey: api.secretKey, apiUrl: proxy.url, timeout: TIMEOUT_MS, maxRetries: 12 };
    const billing = new BillingOS(options);
    const track = (n: number) =>
      billing.trackUsage({
        customerId: CUSTOMER,
        featureKey: 'emails_sent',
        quantity: 2,
        idempotencyKey: `k${n}`,
      });
    const replies = await inTurns(EVENTS, 50, track);
    expect(replies).toHaveLength(EVENTS);
    expect(await counterOf('emails_sent')).toEqual({ consumed: 2 * EVENTS, sequence: EVENTS });
    expectAllFaults();
  }, 120_000);

  test('from a browser', async () => {
    const browser = await launchBrowser();
    const context = await browser.newContext();
    serveStorePages(proxy, api, () => CUSTOMER);
    const page = await openStorePage(context, proxy, { timeoutMs: TIMEOUT_MS, speed: 20 });
    await page.evaluate((count) => {
      for (let n = 0; n < count; n += 1)
        window.track(n % 2 === 0 ? 'emails_sent' : 'files_processed', `k${n}`);
    }, EVENTS);
    await page.waitForFunction((count) => Object.keys(window.told).length === count, EVENTS, {
      timeout: 100_000,
    });
    const told = await page.evaluate(() => [...new Set(Object.values(window.told))]);
    expect(told.filter((what) => what !== 'recorded' && what !== 'queued')).toEqual([]);
    await expect
      .poll(() => counterOf('emails_sent'), POLL)
      .toEqual({ consumed: EVENTS / 2, sequence: EVENTS / 2 });
    await expect
      .poll(() => counterOf('files_processed'), POLL)
      .toEqual({ consumed: EVENTS / 2, sequence: EVENTS / 2 });
    expectAllFaults();
    expect(await page.evaluate(() => window.errors)).toEqual([]);
    await browser.close();
  }, 180_000);
});

const POLL = { timeout: 60_000, interval: 200 };

/** The counter as the ledger has it. Its sequence is the number of events in it. */
async function counterOf(featureKey: string): Promise<{ consumed: number; sequence: number }> {
  const { body } = await api.get(`/v1/usage/metrics?customer_id=${CUSTOMER}&feature_key=${featureKey}`);
  const [row] = body['metrics'] as { consumed: number; sequence: number }[];
  return { consumed: row?.consumed ?? NaN, sequence: row?.sequence ?? NaN };
}

function expectAllFaults(): void {
  expect([...proxy.faults.keys()].sort()).toEqual([...FAULTS].sort());
}

/** Makes `count` calls, of which `parallel` are under way at any time. */
async function inTurns<T>(count: number, parallel: number, call: (n: number) => Promise<T>): Promise<T[]> {
  const results: T[] = [];
  const numbers = Array.from({ length: count }, (_, n) => n).values();
  const work = async () => {
    for (const n of numbers) results.push(await call(n));
  };
  await Promise.all(Array.from({ length: parallel }, work));
  return results;
}
