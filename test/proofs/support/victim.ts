import { readFileSync } from 'node:fs';
import { once } from 'node:events';
import { createHistogram, monitorEventLoopDelay } from 'node:perf_hooks';
import { Worker } from 'node:worker_threads';
import { NOW } from '../../../packages/server/src/metering/testing/pricing.ts';
import { limitSettings } from '../../../packages/server/src/settings.ts';
import { startTestServer } from '../../../packages/server/src/testing/test-server.ts';
import type { Facts, Figures } from './attacked-server.ts';

/** A server to be attacked, in a process of its own: says where it is, and on each message how it is. */

const TICK_MS = 1;

const trustEverybody = { BILLINGOS_TRUSTED_PROXIES: '127.0.0.1' };
const server = await startTestServer({ limits: limitSettings(trustEverybody, { requestsPerSecond: 0 }) });
// Limits refill and streams end by the server's clock, which runs here.
Object.defineProperty(server.clock, 'now', { get: () => NOW + Math.floor(performance.now()) });
const tenants = [await server.newTenant(), await server.newTenant()];
const tell = (message: Facts | Figures): void => void process.send?.(message);
const delay = monitorEventLoopDelay({ resolution: TICK_MS });

/**
 * What each turn of the loop held it for by its own work. The delay alone is the whole machine's: a processor that is
 * given to somebody else makes every turn late.
 */
const held = createHistogram();
let since = workedNs();
setInterval(() => {
  const now = workedNs();
  held.record(Math.max(1, now - since));
  since = now;
}, TICK_MS).unref();

/** A loop that does nothing, beside the one that is attacked: what it is late by is the machine's doing. */
const idle = new Worker(
  `const { parentPort } = require('node:worker_threads');
  const delay = require('node:perf_hooks').monitorEventLoopDelay({ resolution: ${TICK_MS} });
  delay.enable();
  parentPort.on('message', () => {
    parentPort.postMessage(delay.percentile(99.9) / 1e6);
    delay.reset();
  });`,
  { eval: true },
);

async function idleDelayMs(): Promise<number> {
  const told = once(idle, 'message');
  idle.postMessage('how late are you?');
  const [delayMs] = (await told) as [number];
  return delayMs;
}

/** For how long this thread has had a processor; where the system does not say, the time. */
function workedNs(): number {
  if (process.platform !== 'linux') return Math.round(performance.now() * 1e6);
  return Number(readFileSync('/proc/self/schedstat', 'latin1').split(' ')[0]);
}

async function tellFigures(): Promise<void> {
  const idleMs = await idleDelayMs();
  globalThis.gc?.();
  const busy = process
    .getActiveResourcesInfo()
    .filter((name) => name === 'Timeout' || name.startsWith('TCPSocket'));
  tell({
    delayMs: delay.percentile(99.9) / 1e6,
    idleDelayMs: idleMs,
    heldMs: held.percentile(99.9) / 1e6,
    heldMsMax: held.max / 1e6,
    memoryMiB: process.memoryUsage().rss / 2 ** 20,
    busy: busy.length,
    errors: server.errors.map(String),
  });
  delay.reset();
  held.reset();
}

process.on('message', () => void tellFigures());
process.on('disconnect', () => process.exit());

const facts = tenants.map(async (tenant) => ({
  secretKey: tenant.secretKey,
  id: tenant.id,
  sessionToken: await tenant.sessionToken({ expiresIn: 86_400 }),
}));
delay.enable();
tell({ url: server.url, tenants: await Promise.all(facts) });
