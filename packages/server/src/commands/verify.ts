import type {
  CounterDifference,
  Difference,
  RecordDifference,
  Total,
  Verification,
} from '../ledger/verify.ts';
import { DATA_OPTION, JSON_OPTION, type Command } from './command.ts';
import { withExistingStore } from './existing-store.ts';

export const verify: Command = {
  name: 'verify',
  summary: 'add every counter up again from its events, and look up every key, both ways',
  details: `Reads one snapshot, beside a running server, and changes nothing. Exits with 1 where the store differs from what
its events come to. Amounts are printed as they are kept: scaled by the feature's decimals.`,
  options: { ...DATA_OPTION, ...JSON_OPTION },
  run: (invocation) =>
    withExistingStore(invocation, async (ledger) => {
      const verification = await ledger.verify(Date.now(), (events, of) =>
        invocation.report(`${events} of ${of} events`),
      );
      return {
        text: verificationText(verification),
        facts: verificationDocument(verification),
        failed: verification.differencesTotal > 0,
      };
    }),
};

export function verificationText({ events, counters, differences, differencesTotal }: Verification): string {
  const read = `${events} events, ${counters} counters`;
  if (differencesTotal === 0) return `Exact: ${read}\n`;
  const more = differencesTotal - differences.length;
  const lines = [
    ...differences.map((difference) => `  ${differenceText(difference)}`),
    ...(more > 0 ? [`  and ${more} more`] : []),
  ];
  return `Not exact: ${read}, ${differencesTotal} differences\n${lines.join('\n')}\n`;
}

function differenceText(difference: Difference): string {
  if (difference.kind === 'record') {
    const { tenantId, customerId, origin, key, eventId, eventExists } = difference;
    const fault = eventExists ? 'does not hold it' : 'is not there';
    return `${tenantId} ${customerId}: the ${origin} key ${JSON.stringify(key)} leads to ${eventId}, which ${fault}`;
  }
  const { tenantId, customerId, feature, reset, periodStart } = difference;
  const counter = `${tenantId} ${customerId} ${feature} ${reset} ${instant(periodStart)}`;
  switch (difference.kind) {
    case 'counter': {
      const { stored, recomputed } = difference;
      const kept = stored === null ? 'is missing' : `says ${stored.consumed} at sequence ${stored.sequence}`;
      return `${counter}: the counter ${kept}, its events come to ${recomputed.consumed} at ${recomputed.sequence}`;
    }
    case 'sequence':
      return `${counter}: ${difference.eventId} has sequence ${difference.found} where ${difference.expected} follows`;
    case 'consumed':
    case 'quantity': {
      const { kind, eventId, found, expected } = difference;
      return `${counter}: ${eventId} has ${kind} ${found} where it comes to ${expected}`;
    }
    case 'idempotency':
      return `${counter}: the key of ${difference.eventId} leads to ${difference.found ?? 'nothing'}`;
  }
}

/** Amounts as text: programs would round them. */
export function verificationDocument({ events, counters, differences, differencesTotal }: Verification) {
  return {
    exact: differencesTotal === 0,
    events,
    counters,
    differences_total: differencesTotal,
    differences: differences.map((difference) =>
      difference.kind === 'record'
        ? recordDocument(difference)
        : { ...counterDocument(difference), ...facts(difference) },
    ),
  };
}

function recordDocument({ kind, tenantId, customerId, origin, key, eventId, eventExists }: RecordDifference) {
  const event = { event_id: eventId, event_exists: eventExists };
  return { kind, tenant_id: tenantId, customer_id: customerId, origin, key, ...event };
}

function counterDocument({ kind, tenantId, customerId, feature, reset, periodStart }: CounterDifference) {
  const period_start = instant(periodStart);
  return { kind, tenant_id: tenantId, customer_id: customerId, feature, reset, period_start };
}

function facts(difference: CounterDifference): Record<string, unknown> {
  switch (difference.kind) {
    case 'counter': {
      const { stored, recomputed } = difference;
      const total = ({ consumed, sequence }: Total) => ({ consumed: String(consumed), sequence });
      return { stored: stored === null ? null : total(stored), recomputed: total(recomputed) };
    }
    case 'sequence': {
      const { eventId, found, expected } = difference;
      return { event_id: eventId, found, expected };
    }
    case 'consumed':
    case 'quantity': {
      const { eventId, found, expected } = difference;
      return { event_id: eventId, found: String(found), expected: String(expected) };
    }
    case 'idempotency': {
      const { eventId, found } = difference;
      return { event_id: eventId, found, expected: eventId };
    }
  }
}

/** A damaged store may hold what is no date. */
function instant(milliseconds: number): string {
  const date = new Date(milliseconds);
  return Number.isNaN(date.getTime()) ? String(milliseconds) : date.toISOString();
}
