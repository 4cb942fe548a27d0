import type { Verdict } from '../metering/decide.ts';

/** Told what a ledger does while it does it, for metrics: on the hot path, so it must be quick and never throw. */
export interface LedgerObserver {
  /** A batch is on disk: what became of its commands, how long the first of them had waited, how long it took. */
  committed(verdicts: readonly Verdict[], waitedMs: number, tookMs: number): void;
  /** Commands turned away because too many waited, or they had waited for too long. */
  shed(commands: number): void;
  /** The ledger has failed for good: nothing will be written any more. */
  failed(error: Error): void;
}

export const UNOBSERVED: LedgerObserver = {
  committed: () => undefined,
  shed: () => undefined,
  failed: () => undefined,
};

/** How busy a ledger is at present. */
export interface LedgerLoad {
  /** Commands that wait or are being committed. */
  readonly queued: number;
  /** Of PostgreSQL's pool: open, of these idle, and callers who wait for one. `null` for the embedded store. */
  readonly connections: { readonly open: number; readonly idle: number; readonly waiting: number } | null;
}
