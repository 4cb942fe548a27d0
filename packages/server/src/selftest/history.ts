/** What a usage API did during a run, seen from outside: what was sent, what came back, and when. */
export interface History {
  /** The hard limit of every counter. */
  readonly limit: number;
  /** Every sending of every event, in any order. */
  readonly attempts: readonly Attempt[];
  /** What each key was found to hold once nothing was under way any more; `null` for nothing. */
  readonly lookups: ReadonlyMap<string, RecordedEvent | null>;
  /** What the counters came to in the end. A counter whose period is over has none. */
  readonly totals: readonly Total[];
}

/** One usage event as it is meant: sent again, it is the same. Quantities are whole numbers. */
export interface Draft {
  readonly customer: string;
  /** No two drafts share one, whoever's they are. */
  readonly key: string;
  readonly action: 'add' | 'set';
  readonly quantity: number;
}

/** One sending of a draft, in milliseconds of a clock that only ever grows. */
export interface Attempt {
  readonly draft: Draft;
  readonly began: number;
  readonly ended: number;
  readonly reply: AttemptReply;
}

export type AttemptReply =
  | { readonly kind: 'recorded'; readonly event: RecordedEvent; readonly isReplay: boolean }
  | Refused
  /** No reply, or a 503: it may have been recorded. */
  | { readonly kind: 'unknown' }
  /** A reply that has no place here. */
  | { readonly kind: 'unexpected'; readonly text: string };

export interface Refused {
  readonly kind: 'refused';
  readonly code: 'quota_exceeded' | 'usage_below_zero';
  readonly periodStart: string;
  /** What the counter held when it refused. */
  readonly consumed: number;
}

export interface RecordedEvent {
  readonly id: string;
  readonly periodStart: string;
  readonly sequence: number;
  /** The counter's total after this event. */
  readonly consumed: number;
  /** All of the reply in one text, for comparing it with others. */
  readonly text: string;
}

export interface Total {
  readonly customer: string;
  readonly periodStart: string;
  readonly sequence: number;
  readonly consumed: number;
}

/** What a counter that holds `consumed` holds after an event. */
export function apply(consumed: number, { action, quantity }: Draft): number {
  return action === 'set' ? quantity : consumed + quantity;
}
