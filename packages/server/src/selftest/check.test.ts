import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { checkHistory, type Invariant } from './check.ts';
import { apply, type Attempt, type AttemptReply, type History, type RecordedEvent } from './history.ts';

const LIMIT = 100;
const CUSTOMERS = ['ann', 'bob'];
const PERIOD = '2026-02-01T00:00:00.000Z';

/** One event as it is sent, and how long before and after its instant the sendings of it are under way. */
const step = fc.record({
  customer: fc.constantFrom(...CUSTOMERS),
  action: fc.oneof(
    { weight: 9, arbitrary: fc.constant<'add' | 'set'>('add') },
    { weight: 1, arbitrary: fc.constant<'add' | 'set'>('set') },
  ),
  quantity: fc.integer({ min: -40, max: 60 }),
  sendings: fc.array(fc.record({ before: fc.nat(5_000), after: fc.nat(5_000), isHeard: fc.boolean() }), {
    minLength: 1,
    maxLength: 3,
  }),
});

const histories = fc.array(step, { minLength: 12, maxLength: 60, size: 'max' }).map((steps) => {
  const counters = new Map(CUSTOMERS.map((customer) => [customer, { sequence: 0, consumed: 0 }]));
  const attempts: Attempt[] = [];
  const lookups = new Map<string, RecordedEvent | null>();
  for (const [index, { sendings, customer, action, quantity }] of steps.entries()) {
    const key = `key-${index}`;
    const draft = { customer, key, action, quantity: action === 'set' ? Math.abs(quantity) : quantity };
    const counter = counters.get(customer)!;
    const after = apply(counter.consumed, draft);
    const instant = (index + 1) * 1_000;
    const reply = (nth: number): AttemptReply => {
      if (after < 0) return refused('usage_below_zero', counter.consumed);
      if (after > LIMIT && after > counter.consumed) return refused('quota_exceeded', counter.consumed);
      const sequence = nth === 0 ? counter.sequence + 1 : counter.sequence;
      const text = `${key} is ${sequence} at ${after}`;
      const event = { id: `evt-${key}`, periodStart: PERIOD, sequence, consumed: after, text };
      Object.assign(counter, { sequence, consumed: after });
      lookups.set(key, event);
      return { kind: 'recorded', event, isReplay: nth > 0 };
    };
    for (const [nth, { before, after: later, isHeard }] of sendings.entries()) {
      const said = reply(nth);
      attempts.push({
        draft,
        began: instant - before,
        ended: instant + later,
        reply: isHeard ? said : { kind: 'unknown' },
      });
    }
    if (!lookups.has(key)) lookups.set(key, null);
  }
  const totals = [...counters].map(([customer, counter]) => ({ customer, periodStart: PERIOD, ...counter }));
  return { limit: LIMIT, attempts, lookups, totals } satisfies History;
});

function refused(code: 'quota_exceeded' | 'usage_below_zero', consumed: number): AttemptReply {
  return { kind: 'refused', code, periodStart: PERIOD, consumed };
}

/** Keys whose event was heard of, in the order of one counter. */
function acknowledgedKeys({ attempts, lookups }: History): string[] {
  const heard = attempts.filter(({ reply, draft }) => reply.kind === 'recorded' && draft.customer === 'ann');
  const sequenceOf = (key: string) => lookups.get(key)?.sequence ?? 0;
  return [...new Set(heard.map(({ draft }) => draft.key))].sort((a, b) => sequenceOf(a) - sequenceOf(b));
}

/** Tells otherwise of an event, wherever it is told of. */
function retold(history: History, key: string, change: Partial<RecordedEvent>): History {
  const event = history.lookups.get(key)!;
  return {
    ...history,
    lookups: new Map(history.lookups).set(key, { ...event, ...change }),
    attempts: history.attempts.map((attempt) =>
      attempt.draft.key === key && attempt.reply.kind === 'recorded'
        ? { ...attempt, reply: { ...attempt.reply, event: { ...event, ...change } } }
        : attempt,
    ),
  };
}

/** Changes the first attempt of a kind; `null` where there is none. */
function withReply(
  history: History,
  isMeant: (attempt: Attempt) => boolean,
  change: (attempt: Attempt) => AttemptReply,
): History | null {
  const index = history.attempts.findIndex(isMeant);
  const attempt = history.attempts[index];
  if (attempt === undefined) return null;
  return { ...history, attempts: history.attempts.with(index, { ...attempt, reply: change(attempt) }) };
}

const isRecorded = ({ reply }: Attempt) => reply.kind === 'recorded';
const isRefused = ({ reply }: Attempt) => reply.kind === 'refused';

/** Ways to be wrong; each makes a wrong history of a right one, `null` where that has nothing to go wrong with. */
const CORRUPTIONS: [name: string, Invariant, (history: History, nth: number) => History | null][] = [
  [
    'an acknowledged event that is lost',
    'kept',
    (history, nth) => {
      const keys = acknowledgedKeys(history);
      const key = keys[nth % keys.length];
      return key === undefined ? null : { ...history, lookups: new Map(history.lookups).set(key, null) };
    },
  ],
  [
    'a counter that has fallen back behind its last event',
    'sequences',
    (history) => ({
      ...history,
      totals: history.totals.map((total) => ({ ...total, sequence: total.sequence - 1 })),
    }),
  ],
  [
    'an event that the counter has added twice',
    'totals',
    (history) => ({
      ...history,
      totals: history.totals.map((total) => ({ ...total, consumed: total.consumed + 1 })),
    }),
  ],
  [
    'a key that was counted twice',
    'once',
    (history) =>
      withReply(history, isRecorded, ({ reply }) =>
        reply.kind === 'recorded' ? { ...reply, event: { ...reply.event, id: 'evt-another' } } : reply,
      ),
  ],
  [
    'a replay that is called new',
    'once',
    (history) => {
      const heardTwice = history.attempts.find(
        ({ reply, draft }) =>
          reply.kind === 'recorded' &&
          reply.isReplay &&
          history.attempts.some(
            (other) => other.draft === draft && other.reply.kind === 'recorded' && !other.reply.isReplay,
          ),
      );
      return withReply(
        history,
        (attempt) => attempt === heardTwice,
        ({ reply }) => (reply.kind === 'recorded' ? { ...reply, isReplay: false } : reply),
      );
    },
  ],
  [
    'a replay in other words',
    'replays',
    (history) =>
      withReply(history, isRecorded, ({ reply }) =>
        reply.kind === 'recorded' ? { ...reply, event: { ...reply.event, text: 'other words' } } : reply,
      ),
  ],
  [
    'an event that is missing',
    'sequences',
    (history, nth) => {
      const keys = acknowledgedKeys(history);
      const key = keys[nth % keys.length];
      if (key === undefined) return null;
      const lookups = new Map(history.lookups);
      lookups.delete(key);
      return { ...history, lookups, attempts: history.attempts.filter(({ draft }) => draft.key !== key) };
    },
  ],
  [
    'a number that is given twice',
    'sequences',
    (history, nth) => {
      const keys = acknowledgedKeys(history);
      const [key, next] = keys.slice(nth % keys.length);
      if (key === undefined || next === undefined) return null;
      const { sequence } = history.lookups.get(key)!;
      return retold(history, next, { sequence });
    },
  ],
  [
    'a total that is not the sum',
    'totals',
    (history, nth) => {
      const keys = acknowledgedKeys(history);
      const key = keys[nth % keys.length];
      if (key === undefined) return null;
      const { consumed } = history.lookups.get(key)!;
      return retold(history, key, { consumed: consumed - 1 });
    },
  ],
  [
    'a limit that is passed',
    'limit',
    (history, nth) => {
      const keys = acknowledgedKeys(history);
      const key = keys[nth % keys.length];
      return key === undefined ? null : retold(history, key, { consumed: LIMIT + 1 });
    },
  ],
  [
    'an event that is numbered before one that had ended when it began',
    'order',
    (history, nth) => {
      const keys = acknowledgedKeys(history);
      const [key, later] = keys.slice(nth % keys.length);
      if (key === undefined || later === undefined) return null;
      const ended = Math.min(
        ...history.attempts
          .filter((attempt) => attempt.draft.key === later && isRecorded(attempt))
          .map((attempt) => attempt.ended),
      );
      const attempts = history.attempts.map((attempt) =>
        attempt.draft.key === key ? { ...attempt, began: ended + 1, ended: ended + 2 } : attempt,
      );
      return { ...history, attempts };
    },
  ],
  [
    'a refusal of what fits',
    'refusals',
    (history) =>
      withReply(
        history,
        ({ reply, draft }) => reply.kind === 'refused' && draft.action === 'add' && draft.quantity > 0,
        ({ draft }) => refused('quota_exceeded', LIMIT - draft.quantity),
      ),
  ],
  [
    'a refusal by a total that the counter never had',
    'refusals',
    (history) =>
      withReply(history, isRefused, ({ reply }) =>
        reply.kind === 'refused'
          ? { ...reply, consumed: reply.code === 'quota_exceeded' ? LIMIT + 1 : -1 }
          : reply,
      ),
  ],
  [
    'an event that was refused and is counted all the same',
    'kept',
    (history) => {
      const { attempts, lookups } = history;
      const key = [...lookups.keys()].find((one) =>
        attempts.every((attempt) => attempt.draft.key !== one || isRefused(attempt)),
      );
      if (key === undefined) return null;
      const event = { id: 'evt-refused', periodStart: PERIOD, sequence: 1, consumed: 1, text: '' };
      return { ...history, lookups: new Map(lookups).set(key, event) };
    },
  ],
  [
    'a reply that the contract does not know',
    'replies',
    (history) =>
      withReply(
        history,
        () => true,
        () => ({ kind: 'unexpected', text: '500' }),
      ),
  ],
];

const violated = (history: History): Invariant[] =>
  checkHistory(history)
    .filter(({ violations }) => violations.length > 0)
    .map(({ invariant }) => invariant);

describe('a checked history', () => {
  it('has no violation where each event was counted at one instant', () => {
    fc.assert(
      fc.property(histories, (history) => {
        expect(checkHistory(history).flatMap(({ violations }) => violations)).toEqual([]);
      }),
    );
  });

  it('says how often each invariant was put to the test', () => {
    fc.assert(
      fc.property(histories, (history) => {
        const checked = new Map(checkHistory(history).map((finding) => [finding.invariant, finding.checked]));
        expect(checked.get('replies')).toBe(history.attempts.length);
        expect(checked.get('once')).toBe(history.lookups.size);
        expect(checked.get('refusals')).toBe(history.attempts.filter(isRefused).length);
      }),
    );
  });

  it.each(CORRUPTIONS)('does not pass with %s', (_, invariant, corrupt) => {
    fc.assert(
      fc.property(histories, fc.nat(), (history, nth) => {
        const corrupted = corrupt(history, nth);
        fc.pre(corrupted !== null);
        expect(violated(corrupted)).toContain(invariant);
      }),
    );
  });
});
