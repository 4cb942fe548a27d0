import { command, PRICING } from '../packages/server/src/metering/testing/pricing.ts';
import type { TrackCommand } from '../packages/server/src/metering/decide.ts';
import type { Ledger } from '../packages/server/dist/ledger/ledger.js';
import { quantile } from './report.ts';

/** Callers of a ledger in this process, each of which waits for its last event before it sends the next. */

/** Counters that events are spread over, each of another customer. */
export const SPREAD_OVER = 1_000;
/** It has a limit and may pass it. */
export const FEATURE = 'emails';

export interface Figures {
  readonly eventsPerS: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
}

export function eventOf(externalId: string, idempotencyKey: string | null): TrackCommand {
  return command(FEATURE, 1, { externalId, idempotencyKey });
}

/** A tenant whose customers and counters all exist. */
export async function prepare(
  ledger: Ledger,
  first: readonly TrackCommand[],
  now = Date.now(),
): Promise<string> {
  const tenantId = await ledger.ensureTenant('Bench', 'test', now);
  const tenant = ledger.tenant(tenantId);
  await tenant.putCatalog(PRICING, now);
  await tenant.track(first);
  return tenantId;
}

/** @param send the event of a number, which counts from 0. */
export async function run(
  callers: number,
  durationMs: number,
  send: (index: number) => Promise<unknown>,
): Promise<Figures> {
  const latenciesMs: number[] = [];
  const started = performance.now();
  const end = started + durationMs;
  let sent = 0;
  const caller = async (): Promise<void> => {
    for (let before = performance.now(); before < end;) {
      await send(sent++);
      const after = performance.now();
      latenciesMs.push(after - before);
      before = after;
    }
  };
  await Promise.all(Array.from({ length: callers }, caller));
  const elapsedMs = performance.now() - started;
  return {
    eventsPerS: (sent / elapsedMs) * 1_000,
    p50Ms: quantile(latenciesMs, 0.5),
    p99Ms: quantile(latenciesMs, 0.99),
  };
}
