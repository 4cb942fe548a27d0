import { TIMER_DELAY_MAX_MS, type Clock } from '../client/clock.ts';
import type { UsageMetricsReply } from '../client/wire.ts';
import { nextPeriodEndMs, type Rows } from './rows.ts';

/** The server pushes the new period within a second of the old one's end (wire contract §6); this comes after. */
export const PERIOD_GRACE_MS = 1_000;
/** Many customers' periods end at the same instant: their readers are spread over this long. */
export const PERIOD_SPREAD_MS = 2_000;
/** The same end is not read for again sooner. */
export const PERIOD_REPEAT_MS = 30_000;

export interface PeriodTimerOptions {
  clock: Clock;
  /** Uniform in [0, 1). */
  random: () => number;
  /** A period has ended: the rows are of the past. */
  onEnd: () => Promise<void>;
}

/** Asks for fresh rows when a period ends, by the server's clock as far as it is known. */
export class PeriodTimer {
  readonly #options: PeriodTimerOptions;
  /** Server's time less ours. */
  #skewMs = 0;
  #readForMs: number | undefined;
  #cancel: (() => void) | undefined;

  constructor(options: PeriodTimerOptions) {
    this.#options = options;
  }

  /** Learns the server's time from an answer that has just arrived. */
  observe(reply: UsageMetricsReply): void {
    const times = reply.metrics.map((row) => Date.parse(row.as_of));
    if (times.length > 0) this.#skewMs = Math.max(...times) - this.#options.clock.now();
  }

  /** Waits for the next end among the rows, instead of the one before. */
  arm(rows: Rows): void {
    this.cancel();
    const endMs = nextPeriodEndMs(rows);
    if (endMs === undefined) return;
    const { clock, random } = this.#options;
    const leastMs = endMs === this.#readForMs ? PERIOD_REPEAT_MS : 0;
    const leftMs =
      Math.max(0, endMs - clock.now() - this.#skewMs) + PERIOD_GRACE_MS + random() * PERIOD_SPREAD_MS;
    const delayMs = Math.min(Math.max(leftMs, leastMs), TIMER_DELAY_MAX_MS);
    this.#cancel = clock.schedule(() => {
      if (delayMs === TIMER_DELAY_MAX_MS) this.arm(rows);
      else this.#ended(endMs, rows);
    }, delayMs);
  }

  cancel(): void {
    this.#cancel?.();
    this.#cancel = undefined;
  }

  #ended(endMs: number, rows: Rows): void {
    this.#readForMs = endMs;
    // Armed before reading, so that a reading that fails is not the last; one that succeeds arms anew.
    this.arm(rows);
    void this.#options.onEnd();
  }
}
