import { errorOf, factsOf, isBillingOSError } from '../client/errors.ts';
import { TALK_VERSION, type BrowserParts, type Channel } from './browser-parts.ts';
import type { Outcome } from './tracked-event.ts';

/** What tabs tell each other. */
type Message =
  /** The line or the session may be back. */
  { type: 'resume' } | { type: 'outcome'; id: number; outcome: OutcomeData };
type OutcomeData =
  Extract<Outcome, { reply: unknown }> | { message: string; facts: ReturnType<typeof factsOf> };

export interface OutboxChannelOptions {
  browser: Pick<BrowserParts, 'openChannel'> | undefined;
  onResume: () => void;
  /** Another tab has learned what became of the event of this id. */
  onOutcome: (id: number, outcome: Outcome) => void;
}

/** Speaks and listens to the other tabs of one customer, and of nobody else. */
export class OutboxChannel {
  readonly #options: OutboxChannelOptions;
  #tabs: { readonly customer: string; readonly line: Channel } | undefined;

  constructor(options: OutboxChannelOptions) {
    this.#options = options;
  }

  /** Whose tabs these are. */
  get customer(): string | undefined {
    return this.#tabs?.customer;
  }

  join(customer: string): void {
    const { browser } = this.#options;
    if (browser === undefined || customer === '' || this.#tabs?.customer === customer) return;
    this.leave();
    const line = browser.openChannel(`billingos:outbox:${TALK_VERSION}:${customer}`);
    line.listen((message) => this.#hear(message));
    this.#tabs = { customer, line };
  }

  leave(): void {
    this.#tabs?.line.close();
    this.#tabs = undefined;
  }

  askToResume(): void {
    this.#post({ type: 'resume' });
  }

  tell(id: number, outcome: Outcome): void {
    this.#post({ type: 'outcome', id, outcome: toData(outcome) });
  }

  #post(message: Message): void {
    this.#tabs?.line.post(message);
  }

  #hear(heard: unknown): void {
    const message = heard as Message;
    if (message.type === 'resume') this.#options.onResume();
    if (message.type === 'outcome') this.#options.onOutcome(message.id, fromData(message.outcome));
  }
}

function toData(outcome: Outcome): OutcomeData {
  if ('reply' in outcome) return outcome;
  const { error } = outcome;
  return { message: error.message, facts: isBillingOSError(error) ? factsOf(error) : {} };
}

function fromData(data: OutcomeData): Outcome {
  return 'reply' in data ? data : { error: errorOf(data.message, data.facts) };
}
