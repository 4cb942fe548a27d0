import { collectDefaultMetrics, Counter, Gauge, Histogram, Registry } from 'prom-client';
import type { AnsweredRequest } from './app.ts';
import type { LedgerLoad, LedgerObserver } from './ledger/observer.ts';

/**
 * What Prometheus may ask of a process. Every label has few values and none that a caller chose: routes are patterns,
 * outcomes are codes. What happens is counted where it happens, for 0.7 µs a reply and as much a batch; what merely is,
 * is read when somebody asks.
 */
export interface Metrics {
  readonly contentType: string;
  readonly ledger: Pick<LedgerObserver, 'committed' | 'shed'>;
  replied(reply: AnsweredRequest): void;
  pushed(lagMs: number): void;
  /** All of it, in Prometheus' text format. */
  render(present: Present): Promise<string>;
}

/** What is read when somebody asks. */
export interface Present {
  readonly load: LedgerLoad;
  readonly streams: number;
  /** `null` when the store does not say. */
  readonly storeBytes: number | null;
}

const REPLY_SECONDS = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10];
const BATCH_SECONDS = [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 5];
const BATCH_COMMANDS = [1, 2, 5, 10, 25, 50, 100, 250, 500, 1_000];

export function createMetrics(): Metrics {
  const registry = new Registry();
  const registers = [registry];
  collectDefaultMetrics({ register: registry });

  const replies = new Histogram({
    name: 'billingos_http_request_duration_seconds',
    help: 'Time until a reply began, by route pattern, method and status',
    labelNames: ['route', 'method', 'status'],
    buckets: REPLY_SECONDS,
    registers,
  });
  const commands = new Counter({
    name: 'billingos_usage_commands_total',
    help: 'Usage commands decided: recorded, duplicate (a replay), or the code they were refused with',
    labelNames: ['outcome'],
    registers,
  });
  const shed = new Counter({
    name: 'billingos_usage_commands_shed_total',
    help: 'Usage commands answered 503 because the queue was full or the wait too long',
    registers,
  });
  const batch = (name: string, help: string, buckets: number[]): Histogram =>
    new Histogram({ name: `billingos_batch_${name}`, help, buckets, registers });
  const batchCommands = batch('commands', 'Commands in one transaction', BATCH_COMMANDS);
  const batchWait = batch('wait_seconds', 'How long the first command of a batch had waited', BATCH_SECONDS);
  const batchCommit = batch('commit_seconds', 'How long a batch took to decide and commit', BATCH_SECONDS);
  const push = new Histogram({
    name: 'billingos_stream_push_lag_seconds',
    help: 'From hearing of a change to sending it to those who watch',
    buckets: BATCH_SECONDS,
    registers,
  });
  const gauge = (name: string, help: string): Gauge =>
    new Gauge({ name: `billingos_${name}`, help, registers });
  const queued = gauge('queue_depth', 'Usage commands that wait or are being committed');
  const streams = gauge('streams_open', 'Live streams that are open');
  const storeBytes = gauge('store_bytes', 'What the store takes on disk');
  const storeUp = gauge('store_up', 'Whether the store answered just now');
  const connections = new Gauge({
    name: 'billingos_postgres_connections',
    help: 'The pool: open connections, idle ones of these, and callers waiting for one',
    labelNames: ['state'],
    registers,
  });

  return {
    contentType: registry.contentType,
    ledger: {
      committed(verdicts, waitedMs, tookMs) {
        const outcomes = new Map<string, number>();
        for (const verdict of verdicts) {
          const outcome = verdict.outcome === 'refused' ? verdict.code : verdict.outcome;
          outcomes.set(outcome, (outcomes.get(outcome) ?? 0) + 1);
        }
        for (const [outcome, count] of outcomes) commands.inc({ outcome }, count);
        batchCommands.observe(verdicts.length);
        batchWait.observe(waitedMs / 1000);
        batchCommit.observe(tookMs / 1000);
      },
      shed: (count) => shed.inc(count),
    },
    replied({ route, method, status, tookMs }) {
      replies.observe({ route, method, status }, tookMs / 1000);
    },
    pushed: (lagMs) => push.observe(lagMs / 1000),
    render(present) {
      queued.set(present.load.queued);
      streams.set(present.streams);
      storeUp.set(present.storeBytes === null ? 0 : 1);
      if (present.storeBytes !== null) storeBytes.set(present.storeBytes);
      for (const [state, count] of Object.entries(present.load.connections ?? {}))
        connections.set({ state }, count);
      return registry.metrics();
    },
  };
}
