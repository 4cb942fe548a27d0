/** A client for tests, whose server is the test itself. */
import type { StreamEvent, UsageClient } from '../../client/client.ts';
import type { NudgeTrigger, TrackReply, UsageMetric, UsageMetricsReply } from '../../client/wire.ts';
import type { KeyedInput } from '../event-storage.ts';

const PERIOD_START = '2026-02-01T00:00:00.000Z';
const PERIOD_END = '2026-03-01T00:00:00.000Z';

/** A row on the wire: 10 of 100 calls used, unless told otherwise. */
export function wireRow(facts: Partial<UsageMetric> = {}): UsageMetric {
  const { consumed = 10, limit = 100 } = facts;
  return {
    feature_key: 'api_calls',
    feature_title: 'API calls',
    product_name: 'Starter',
    consumed,
    limit,
    remaining: limit === null ? null : Math.max(0, limit - consumed),
    percentage_used: limit === null ? 0 : Math.floor((consumed * 100) / limit),
    period_start: PERIOD_START,
    period_end: PERIOD_END,
    resets_in_days: 26,
    feature_type: 'usage_quota',
    unit: 'call',
    decimals: 0,
    overage: 0,
    overage_allowed: false,
    warn_at: 80,
    status: 'ok',
    sequence: consumed,
    revision: 1,
    as_of: '2026-02-03T00:00:00.000Z',
    ...facts,
  };
}

export function reading(metrics: UsageMetric[] = [wireRow()], customer_id = 'anna'): UsageMetricsReply {
  return { metrics, customer_id, external_user_id: customer_id };
}

export function nudge(id: string): NudgeTrigger {
  return {
    id,
    type: 'usage_threshold',
    feature: 'api_calls',
    threshold: 80,
    actual: 84.2,
    severity: 'warning',
    message: { title: '', body: '', cta: '' },
    resets_at: null,
    suggestedPlan: null,
  };
}

/** The 201 for an event after which `consumed` calls are used. */
export function recorded(consumed: number, facts: Partial<TrackReply> = {}): TrackReply {
  return {
    success: true,
    feature_key: 'api_calls',
    quantity: 1,
    recorded_at: '2026-02-03T00:00:01.000Z',
    usage: {
      consumed_units: consumed,
      limit_units: 100,
      remaining_units: Math.max(0, 100 - consumed),
      period_start: PERIOD_START,
      period_end: PERIOD_END,
      overage_units: 0,
      percentage_used: consumed,
    },
    event_id: 'evt_1',
    sequence: consumed,
    revision: 1,
    ...facts,
  };
}

/** One connection that the store has opened. */
export class FakeLine {
  #wake: () => void = () => undefined;
  readonly #steps: (StreamEvent | { failure: Error } | 'end')[] = [];
  isOpen = true;

  push(...events: StreamEvent[]): void {
    this.#steps.push(...events);
    this.#wake();
  }

  end(): void {
    this.#steps.push('end');
    this.#wake();
  }

  fail(failure: Error): void {
    this.#steps.push({ failure });
    this.#wake();
  }

  async *read(signal: AbortSignal | undefined): AsyncGenerator<StreamEvent, void, undefined> {
    signal?.addEventListener('abort', () => this.fail(signal.reason as Error));
    try {
      for (;;) {
        const step = this.#steps.shift();
        if (step === 'end') return;
        if (step === undefined) await new Promise<void>((resolve) => (this.#wake = resolve));
        else if ('failure' in step) throw step.failure;
        else yield step;
      }
    } finally {
      this.isOpen = false;
    }
  }
}

export class FakeClient implements UsageClient {
  readonly lines: FakeLine[] = [];
  /** Every event that was sent, and as whom. */
  readonly sent: { input: KeyedInput; customer: string | undefined; keepalive: boolean | undefined }[] = [];
  metricReads = 0;
  nudgeReads = 0;
  dismissed: string[] = [];

  /** The server's answers. Tests replace them. */
  onMetrics = (): Promise<UsageMetricsReply> => Promise.resolve(reading());
  onNudges = (): Promise<NudgeTrigger[]> => Promise.resolve([]);
  onTrack = (_input: KeyedInput): Promise<TrackReply> => Promise.resolve(recorded(11));
  onDismiss = (): Promise<void> => Promise.resolve();
  onCustomer = (): Promise<string | undefined> => Promise.resolve('anna');

  /** The newest connection. */
  get line(): FakeLine {
    const line = this.lines.at(-1);
    if (line === undefined) throw new Error('No line was opened.');
    return line;
  }

  trackUsage: UsageClient['trackUsage'] = (input, options) => {
    const keyed = input as KeyedInput;
    this.sent.push({ input: keyed, customer: options?.customer, keepalive: options?.keepalive });
    return this.onTrack(keyed);
  };

  usageMetrics: UsageClient['usageMetrics'] = () => {
    this.metricReads += 1;
    return this.onMetrics();
  };

  nudges: UsageClient['nudges'] = () => {
    this.nudgeReads += 1;
    return this.onNudges();
  };

  dismissNudge: UsageClient['dismissNudge'] = async (id) => {
    await this.onDismiss();
    this.dismissed.push(id);
    return { dismissed_until: '2026-03-01T00:00:00.000Z' };
  };

  stream: UsageClient['stream'] = ({ signal } = {}) => {
    const line = new FakeLine();
    this.lines.push(line);
    return line.read(signal);
  };

  customer: UsageClient['customer'] = () => this.onCustomer();

  checkFeature: UsageClient['checkFeature'] = () => Promise.reject(new Error('not used by the store'));
  entitlements: UsageClient['entitlements'] = () => Promise.reject(new Error('not used by the store'));
  products: UsageClient['products'] = () => Promise.reject(new Error('not used by the store'));
  checkUsage: UsageClient['checkUsage'] = () => Promise.reject(new Error('not used by the store'));
}
