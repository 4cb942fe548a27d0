import type { Attempt, AttemptReply, Draft, RecordedEvent, Refused } from './history.ts';
import { untilCertain, type Reply, type Send } from './usage-api.ts';

/** A feature as its metrics tell of it. */
export interface Meter {
  readonly feature: string;
  readonly type: 'usage_quota' | 'numeric_limit';
  /** A hard one, of at least 1. */
  readonly limit: number;
}

export interface Load {
  readonly send: Send;
  readonly meter: Meter;
  /** External ids that nobody else uses, new to the API. */
  readonly customers: readonly string[];
  /** How many act at the same time. */
  readonly clients: number;
  /** From 0 to below 1, as `Math.random`. */
  readonly random: () => number;
  /** Milliseconds that only ever grow. */
  readonly clock: () => number;
  /** Waited for before each act. Without it a client acts as soon as it is answered. */
  readonly turn?: () => Promise<unknown>;
  /** Whether it is time to begin nothing new. */
  readonly isOver: () => boolean;
  /** Takes each attempt when it has ended. */
  readonly record: (attempt: Attempt) => void;
}

/** How long a draft is sent again that nothing certain is known of: the API may be on its way back. */
const PATIENCE_MS = 30_000;

const COPIES_MAX = 4;
const BATCH_MAX = 20;
/** Drafts that are kept to be sent again. */
const REMEMBERED_MAX = 200;
/** Increases from nothing to the limit, on average. With the decreases between them, half of them are refused. */
const STEPS_TO_LIMIT = 40;

/**
 * Tracks usage near the limit, from many clients at once, until it is over: events sent once, in several copies at the
 * same moment, again much later, and in batches; increases, decreases and, where the feature takes them, `set`.
 */
export async function drive(load: Load): Promise<void> {
  const { meter, customers, isOver } = load;
  const { track, trackBatch } = tracker(load);
  const remembered: Draft[] = [];
  let drafts = 0;

  const whole = (min: number, max: number) => min + Math.floor(load.random() * (max - min + 1));
  const pick = <T>(items: readonly T[]) => items[whole(0, items.length - 1)];

  function newDraft(): Draft {
    drafts += 1;
    const draft = { customer: pick(customers) ?? '', key: `selftest-${drafts}`, ...change() };
    remembered[drafts % REMEMBERED_MAX] = draft;
    return draft;
  }

  function change(): Pick<Draft, 'action' | 'quantity'> {
    const step = Math.max(1, Math.floor(meter.limit / STEPS_TO_LIMIT));
    const roll = load.random();
    if (meter.type === 'numeric_limit' && roll < 0.05)
      return { action: 'set', quantity: whole(0, Math.floor(meter.limit)) };
    return { action: 'add', quantity: roll < 0.2 ? -whole(1, 6 * step) : whole(1, 2 * step) };
  }

  async function act(): Promise<void> {
    const roll = load.random();
    if (roll < 0.5) return track(newDraft());
    if (roll < 0.7) {
      const draft = newDraft();
      await Promise.all(Array.from({ length: whole(2, COPIES_MAX) }, () => track(draft)));
      return;
    }
    if (roll < 0.85) return track(pick(remembered) ?? newDraft());
    const fresh = Array.from({ length: whole(1, BATCH_MAX) }, newDraft);
    return trackBatch([...fresh, pick(fresh) ?? newDraft(), pick(remembered) ?? newDraft()]);
  }

  await Promise.all(
    Array.from({ length: load.clients }, async () => {
      for (;;) {
        await load.turn?.();
        if (isOver()) return;
        await act();
      }
    }),
  );
}

/** Sends drafts, each again for as long as nothing certain is known of it. */
export interface Tracker {
  readonly track: (draft: Draft) => Promise<void>;
  readonly trackBatch: (drafts: readonly Draft[]) => Promise<void>;
}

export function tracker({
  send,
  meter,
  clock,
  record,
}: Pick<Load, 'send' | 'meter' | 'clock' | 'record'>): Tracker {
  async function attempt(
    sent: readonly Draft[],
    path: string,
    body: object,
    read: ReadReply,
  ): Promise<boolean> {
    const began = clock();
    const reply = await send('POST', path, body);
    const ended = clock();
    const replies = sent.map((_, index): AttemptReply => (reply === null ? UNKNOWN : read(reply, index)));
    for (const [index, draft] of sent.entries())
      record({ draft, began, ended, reply: replies[index] ?? UNKNOWN });
    return replies.every(({ kind }) => kind !== 'unknown');
  }

  async function settle(sent: readonly Draft[], path: string, body: object, read: ReadReply): Promise<void> {
    const patientUntil = clock() + PATIENCE_MS;
    await untilCertain(
      () => attempt(sent, path, body, read),
      (isCertain) => isCertain,
      () => clock() < patientUntil,
    );
  }

  return {
    track: (draft) => settle([draft], '/v1/usage/track', trackBody(draft, meter.feature), readTrackReply),
    trackBatch: (sent) => {
      const events = sent.map((draft) => trackBody(draft, meter.feature));
      return settle(sent, '/v1/usage/batch', { events }, readBatchReply);
    },
  };
}

const UNKNOWN: AttemptReply = { kind: 'unknown' };

/** What a reply says of the draft at a place of the request. */
type ReadReply = (reply: Reply, index: number) => AttemptReply;

function trackBody({ customer, key, action, quantity }: Draft, feature: string) {
  return { customer_id: customer, feature_key: feature, idempotency_key: key, action, quantity };
}

function readTrackReply({ status, body, isReplay }: Reply): AttemptReply {
  const event = status === 201 ? readEvent(body) : null;
  if (event !== null) return { kind: 'recorded', event, isReplay };
  return readRefusal(body) ?? unexpected(status, body);
}

function readBatchReply({ status, body }: Reply, index: number): AttemptReply {
  const item = status === 200 ? (body as { results?: unknown[] } | null)?.results?.[index] : undefined;
  const outcome = (item as { outcome?: unknown } | undefined)?.outcome;
  const event = outcome === 'recorded' || outcome === 'duplicate' ? readEvent(item) : null;
  if (event !== null) return { kind: 'recorded', event, isReplay: outcome === 'duplicate' };
  return readRefusal(item) ?? unexpected(status, item ?? body);
}

/** The event of a reply to track, of an item of a batch or of a lookup; `null` where there is none. */
export function readEvent(document: unknown): RecordedEvent | null {
  const { event_id, feature_key, quantity, recorded_at, usage, sequence, revision } = (document ??
    {}) as Record<string, unknown>;
  const { period_start, consumed_units } = (usage ?? {}) as Record<string, unknown>;
  if (typeof event_id !== 'string' || typeof period_start !== 'string') return null;
  if (typeof sequence !== 'number' || typeof consumed_units !== 'number') return null;
  const text = JSON.stringify({ event_id, feature_key, quantity, recorded_at, usage, sequence, revision });
  return { id: event_id, periodStart: period_start, sequence, consumed: consumed_units, text };
}

/** The two refusals that the load may meet; `null` for any other. */
function readRefusal(document: unknown): Refused | null {
  const { code, details } = ((document as { error?: unknown } | null)?.error ?? {}) as Record<
    string,
    unknown
  >;
  const { usage } = (details ?? {}) as Record<string, unknown>;
  const { period_start, consumed_units } = (usage ?? {}) as Record<string, unknown>;
  if (code !== 'quota_exceeded' && code !== 'usage_below_zero') return null;
  if (typeof period_start !== 'string' || typeof consumed_units !== 'number') return null;
  return { kind: 'refused', code, periodStart: period_start, consumed: consumed_units };
}

function unexpected(status: number, body: unknown): AttemptReply {
  return { kind: 'unexpected', text: `${status} ${JSON.stringify(body)}`.slice(0, UNEXPECTED_CHARS_MAX) };
}

const UNEXPECTED_CHARS_MAX = 500;
