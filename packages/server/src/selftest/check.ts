import {
  apply,
  type Attempt,
  type Draft,
  type History,
  type RecordedEvent,
  type Refused,
  type Total,
} from './history.ts';

/** What must hold of every history, by the name that findings give it. */
export const INVARIANTS = {
  replies: 'every reply is one that the contract knows',
  once: 'a key is counted once, however often it is sent',
  replays: 'a key is answered in the same words each time',
  kept: 'what was acknowledged is still there, and what was only refused is not',
  sequences: 'the events of a counter are numbered 1, 2, 3 … without gap or repeat',
  totals: 'the total of a counter is the sum of its events, after each of them',
  limit: 'the limit is never passed',
  order: 'what had ended before another began is numbered before it',
  refusals: 'what was refused did not fit, by a total that the counter had at that moment',
} as const;

export type Invariant = keyof typeof INVARIANTS;

export interface Finding {
  readonly invariant: Invariant;
  /** How often it was put to the test. */
  readonly checked: number;
  /** A sentence for each time that it did not hold. */
  readonly violations: readonly string[];
}

/** Judges a history by nothing but itself: a finding for each of {@link INVARIANTS}, in their order. */
export function checkHistory(history: History): readonly Finding[] {
  const { limit, attempts } = history;
  const stories = storiesOf(history);
  const counters = countersOf(stories, history.totals);
  return [
    judge('replies', attempts, strayReply),
    judge('once', stories, countedTwice),
    judge('replays', stories, answeredDifferently),
    judge('kept', stories, lostOrFound),
    judge('sequences', counters, misnumbered),
    judge('totals', counters, misadded),
    judge('limit', counters, (counter) => overshot(counter, limit)),
    judge('order', counters, disordered),
    judge('refusals', refusalsOf(attempts, counters), (refusal) => unjust(refusal, limit)),
  ];
}

function judge<T>(invariant: Invariant, cases: readonly T[], faults: (one: T) => string[]): Finding {
  return { invariant, checked: cases.length, violations: cases.flatMap(faults) };
}

/** All that is known of a key. */
interface Story {
  readonly draft: Draft;
  readonly attempts: readonly Attempt[];
  /** The event as each reply told of it. */
  readonly replies: readonly RecordedEvent[];
  /** The event as it was looked up in the end. */
  readonly found: RecordedEvent | null;
}

function storiesOf({ attempts, lookups }: History): Story[] {
  return [...groupBy(attempts, ({ draft }) => draft.key)].map(([key, ofKey]) => ({
    draft: ofKey[0].draft,
    attempts: ofKey,
    replies: ofKey.flatMap(({ reply }) => (reply.kind === 'recorded' ? [reply.event] : [])),
    found: lookups.get(key) ?? null,
  }));
}

/** A recorded event, and the span of time in which it was counted. */
interface Counted extends RecordedEvent {
  readonly draft: Draft;
  readonly began: number;
  /** `Infinity` where no reply told of it. */
  readonly acknowledged: number;
}

interface Counter {
  readonly name: string;
  /** By their sequence. */
  readonly events: readonly Counted[];
  readonly total: Total | undefined;
}

function countersOf(stories: readonly Story[], totals: readonly Total[]): Counter[] {
  const totalOf = new Map(totals.map((total) => [counterName(total.customer, total), total]));
  const events = groupBy(stories.flatMap(countedOf), (event) => counterName(event.draft.customer, event));
  const names = new Set([...events.keys(), ...totalOf.keys()]);
  return [...names].map((name) => ({
    name,
    events: (events.get(name) ?? []).toSorted((a, b) => a.sequence - b.sequence),
    total: totalOf.get(name),
  }));
}

function counterName(customer: string, { periodStart }: { periodStart: string }): string {
  return `${customer} from ${periodStart}`;
}

/** The events that a key has made: one of them, unless the API is wrong. */
function countedOf({ draft, attempts, replies, found }: Story): Counted[] {
  const began = Math.min(...attempts.map((attempt) => attempt.began));
  const tellings = found === null ? replies : [...replies, found];
  return [...groupBy(tellings, ({ id }) => id)].map(([id, [event]]) => {
    const ends = attempts.map(({ reply, ended }) =>
      reply.kind === 'recorded' && reply.event.id === id ? ended : Infinity,
    );
    return { ...event, draft, began, acknowledged: Math.min(...ends) };
  });
}

function strayReply({ draft, reply }: Attempt): string[] {
  return reply.kind === 'unexpected' ? [`${draft.key} was answered ${reply.text}`] : [];
}

function countedTwice({ draft, attempts, replies, found }: Story): string[] {
  const ids = new Set([...replies, ...(found === null ? [] : [found])].map(({ id }) => id));
  if (ids.size > 1) return [`${draft.key} was counted as ${[...ids].join(' and ')}`];
  const firsts = attempts.filter(({ reply }) => reply.kind === 'recorded' && !reply.isReplay);
  return firsts.length > 1 ? [`${draft.key} was called new ${firsts.length} times`] : [];
}

function answeredDifferently({ draft, replies, found }: Story): string[] {
  const texts = new Set([...replies, ...(found === null ? [] : [found])].map(({ text }) => text));
  return texts.size > 1 ? [`${draft.key} was answered ${[...texts].join(' and ')}`] : [];
}

function lostOrFound({ draft, attempts, replies, found }: Story): string[] {
  if (found === null) {
    return replies.length > 0 ? [`${draft.key} was acknowledged and is not there`] : [];
  }
  const isRefused = attempts.every(({ reply }) => reply.kind === 'refused');
  return isRefused ? [`${draft.key} was refused and is there`] : [];
}

function misnumbered({ name, events, total }: Counter): string[] {
  const faults: string[] = [];
  let last = 0;
  for (const { draft, sequence } of events) {
    if (sequence !== last + 1) faults.push(`${name}: ${draft.key} has ${sequence}, after ${last}`);
    last = sequence;
  }
  if (total !== undefined && total.sequence !== last)
    faults.push(`${name}: the counter is at ${total.sequence}, its last event at ${last}`);
  return faults;
}

/** Each event is held to the one before it, so that one wrong total is one violation. */
function misadded({ name, events, total }: Counter): string[] {
  const faults: string[] = [];
  let consumed = 0;
  for (const event of events) {
    const expected = apply(consumed, event.draft);
    if (event.consumed !== expected)
      faults.push(`${name}: ${event.draft.key} says ${event.consumed}, where it comes to ${expected}`);
    consumed = event.consumed;
  }
  if (total !== undefined && total.consumed !== consumed)
    faults.push(`${name}: the counter says ${total.consumed}, its last event ${consumed}`);
  return faults;
}

function overshot({ name, events, total }: Counter, limit: number): string[] {
  const faults = events
    .filter(({ consumed }) => consumed > limit)
    .map(({ draft, consumed }) => `${name}: ${draft.key} went to ${consumed} of ${limit}`);
  if (total !== undefined && total.consumed > limit)
    faults.push(`${name}: the counter is at ${total.consumed} of ${limit}`);
  return faults;
}

function disordered({ name, events }: Counter): string[] {
  const faults: string[] = [];
  let earliest: Counted | undefined;
  for (const event of events.toReversed()) {
    if (earliest !== undefined && event.began > earliest.acknowledged)
      faults.push(
        `${name}: ${event.draft.key} has ${event.sequence}, and began after ${earliest.draft.key} with ` +
          `${earliest.sequence} had ended`,
      );
    if (earliest === undefined || event.acknowledged < earliest.acknowledged) earliest = event;
  }
  return faults;
}

interface Refusal extends Refused {
  readonly draft: Draft;
  /** Totals that the counter may have had while the event was refused, in their order. */
  readonly heldMeanwhile: readonly number[];
}

function refusalsOf(attempts: readonly Attempt[], counters: readonly Counter[]): Refusal[] {
  const windows = new Map(counters.map((counter) => [counter.name, windowsOf(counter)]));
  return attempts.flatMap(({ draft, began, ended, reply }) => {
    if (reply.kind !== 'refused') return [];
    const heldMeanwhile = windows.get(counterName(draft.customer, reply))?.(began, ended) ?? [0];
    return [{ ...reply, draft, heldMeanwhile }];
  });
}

/**
 * Which totals a counter may have had from one moment to another: the one left by the last event that had ended
 * before, up to the one that the first event to begin afterwards found.
 */
function windowsOf({ events }: Counter): (from: number, to: number) => number[] {
  const totals = [0, ...events.map(({ consumed }) => consumed)];
  const ends = runningExtremes(
    events.map(({ acknowledged }, index) => ({ time: acknowledged, position: index + 1 })),
    Math.max,
  );
  const begins = runningExtremes(
    events.map(({ began }, index) => ({ time: -began, position: index })),
    Math.min,
  );
  return (from, to) => totals.slice(ends(from) ?? 0, (begins(-to) ?? events.length) + 1);
}

/** For a moment, the largest or smallest position among all that lie before it; `undefined` where none does. */
function runningExtremes(
  marks: readonly { time: number; position: number }[],
  extreme: (a: number, b: number) => number,
): (moment: number) => number | undefined {
  const sorted = marks.toSorted((a, b) => a.time - b.time);
  const extremes: number[] = [];
  for (const { position } of sorted) extremes.push(extreme(extremes.at(-1) ?? position, position));
  return (moment) => {
    let [low, high] = [0, sorted.length];
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((sorted[middle]?.time ?? Infinity) < moment) low = middle + 1;
      else high = middle;
    }
    return extremes[low - 1];
  };
}

function unjust({ draft, code, consumed, heldMeanwhile }: Refusal, limit: number): string[] {
  const after = apply(consumed, draft);
  const fits = code === 'quota_exceeded' ? after <= Math.max(limit, consumed) : after >= 0;
  if (fits) return [`${draft.key} was refused (${code}) though ${consumed} would have become ${after}`];
  if (heldMeanwhile.includes(consumed)) return [];
  const [first, last] = [heldMeanwhile[0], heldMeanwhile.at(-1)];
  return [`${draft.key} was refused (${code}) at ${consumed}; the counter went from ${first} to ${last}`];
}

function groupBy<T>(items: readonly T[], keyOf: (item: T) => string): Map<string, [T, ...T[]]> {
  const groups = new Map<string, [T, ...T[]]>();
  for (const item of items) {
    const key = keyOf(item);
    const group = groups.get(key);
    if (group === undefined) groups.set(key, [item]);
    else group.push(item);
  }
  return groups;
}
