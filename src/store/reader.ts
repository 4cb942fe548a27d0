import type { UsageClient } from '../client/client.ts';
import { abortable } from '../client/clock.ts';
import { isBillingOSError } from '../client/errors.ts';
import type { UsageMetricsReply } from '../client/wire.ts';
import type { UsageModel } from './model.ts';
import { rerun } from './rerun.ts';

export interface ReaderOptions {
  client: Pick<UsageClient, 'customer' | 'usageMetrics' | 'nudges' | 'dismissNudge'>;
  model: UsageModel;
  onReading: (reply: UsageMetricsReply, customer: string | undefined) => void;
  /** The meters could not be read. */
  onFailure: (error: unknown) => void;
  /** A reading begins or ends. */
  onWork: () => void;
}

/** Reads meters and nudges when asked, each of them one at a time. */
export class Reader {
  readonly #options: ReaderOptions;
  #metricsUnderWay = 0;
  #dismissals = 0;
  #isClosed = false;
  /** Ends with the work, and with the customer, that it was started for. */
  #round = new AbortController();

  /** Reads all meters. */
  readonly metrics = rerun(() => this.#readMetrics());
  /** Reads the nudges. They are an extra: when they cannot be read the numbers stand, and the next change asks again. */
  readonly nudges = rerun(() => this.#readNudges());

  constructor(options: ReaderOptions) {
    this.#options = options;
  }

  /** Whether meters are being read. */
  get isReading(): boolean {
    return this.#metricsUnderWay > 0;
  }

  /** Aborts when what is being read is of no use any more. */
  get signal(): AbortSignal {
    return this.#round.signal;
  }

  async all(): Promise<void> {
    await Promise.all([this.metrics(), this.nudges()]);
  }

  /** What is being read is of no use any more. */
  abort(): void {
    this.#round.abort();
    this.#round = new AbortController();
  }

  /** Reads nothing any more. */
  close(): void {
    this.#isClosed = true;
    this.abort();
  }

  /** Puts a nudge away: at once on the screen, and back on it when that fails. */
  async dismiss(id: string, options: { snoozeSeconds?: number }): Promise<void> {
    const { client, model } = this.#options;
    model.hideNudge(id, true);
    try {
      await client.dismissNudge(id, options);
    } catch (error) {
      model.hideNudge(id, false);
      throw error;
    }
    this.dropNudge(id);
  }

  /** A nudge was dismissed, here or in another tab. */
  dropNudge(id: string): void {
    // A list that was read before the dismissal must not bring it back.
    this.#dismissals += 1;
    this.#options.model.dropNudge(id);
  }

  async #readMetrics(): Promise<void> {
    if (this.#isClosed) return;
    const { client, onReading, onFailure, onWork } = this.#options;
    const { signal } = this;
    this.#metricsUnderWay += 1;
    onWork();
    try {
      const customer = await abortable(client.customer(), signal);
      onReading(await abortable(client.usageMetrics({ signal, customer }), signal), customer);
    } catch (error) {
      if (isCustomerChanged(error)) void this.metrics();
      else if (!signal.aborted) onFailure(error);
    }
    this.#metricsUnderWay -= 1;
    onWork();
  }

  async #readNudges(): Promise<void> {
    if (this.#isClosed) return;
    const { client, model } = this.#options;
    const { signal } = this;
    const dismissals = this.#dismissals;
    const { customer } = model;
    const nudges = await abortable(client.nudges({ signal, customer }), signal).catch((error: unknown) => {
      if (isCustomerChanged(error)) void this.metrics();
    });
    if (nudges !== undefined && dismissals === this.#dismissals) model.setNudges(nudges);
  }
}

function isCustomerChanged(error: unknown): boolean {
  return isBillingOSError(error) && error.code === 'customer_changed';
}
