import type { UsageEvent, Verdict } from '../../metering/decide.ts';
import type { SignedCommand } from '../audit-trail.ts';
import type { Share } from '../group-commit.ts';

/**
 * Commands and verdicts as they pass between the threads: values without their names, which as objects they would take
 * along, each to be looked up on the other side. An event as an object takes 3.6 µs to send, and 1.8 as its values.
 */

export type PackedBatch = readonly Share<PackedCommand>[];
export type PackedVerdicts = readonly (readonly PackedVerdict[])[];

type PackedCommand = ReturnType<typeof packCommand>;
type PackedEvent = ReturnType<typeof packEvent>;
type PackedVerdict =
  | readonly ['recorded' | 'duplicate', PackedEvent]
  | readonly ['refused', Extract<Verdict, { outcome: 'refused' }>];

export function packBatch(batch: readonly Share<SignedCommand>[]): PackedBatch {
  return batch.map(({ tenantId, commands }) => ({ tenantId, commands: commands.map(packCommand) }));
}

export function unpackBatch(batch: PackedBatch): Share<SignedCommand>[] {
  return batch.map(({ tenantId, commands }) => ({ tenantId, commands: commands.map(unpackCommand) }));
}

export function packVerdicts(verdicts: readonly (readonly Verdict[])[]): PackedVerdicts {
  return verdicts.map((ofTenant) => ofTenant.map(packVerdict));
}

export function unpackVerdicts(verdicts: PackedVerdicts): Verdict[][] {
  return verdicts.map((ofTenant) => ofTenant.map(unpackVerdict));
}

function packCommand(command: SignedCommand) {
  const { externalId, origin, feature, quantity, action, idempotencyKey, metadata, timestamp, author } =
    command;
  const { digits, places } = quantity;
  return [
    externalId,
    origin,
    feature,
    digits,
    places,
    action,
    idempotencyKey,
    metadata,
    timestamp,
    author,
  ] as const;
}

function unpackCommand(values: PackedCommand): SignedCommand {
  const [externalId, origin, feature, digits, places, action, idempotencyKey, metadata, timestamp, author] =
    values;
  const quantity = { digits, places };
  const command = { externalId, origin, feature, quantity, action, idempotencyKey, metadata, timestamp };
  return author === undefined ? command : { ...command, author };
}

function packVerdict(verdict: Verdict): PackedVerdict {
  return verdict.outcome === 'refused' ? ['refused', verdict] : [verdict.outcome, packEvent(verdict.event)];
}

function unpackVerdict(packed: PackedVerdict): Verdict {
  return packed[0] === 'refused' ? packed[1] : { outcome: packed[0], event: unpackEvent(packed[1]) };
}

function packEvent(event: UsageEvent) {
  const { id, customerId, feature, reset, periodStart, action, quantity, delta, decimals, consumed, limit } =
    event;
  const { period, sequence, revision, recordedAt, occurredAt, timestamp, origin, idempotencyKey, metadata } =
    event;
  // prettier-ignore
  return [
    id, customerId, feature, reset, periodStart, action, quantity, delta, decimals, consumed, limit,
    period.start, period.end, sequence, revision, recordedAt, occurredAt, timestamp, origin, idempotencyKey, metadata,
  ] as const;
}

function unpackEvent(values: PackedEvent): UsageEvent {
  // prettier-ignore
  const [
    id, customerId, feature, reset, periodStart, action, quantity, delta, decimals, consumed, limit,
    start, end, sequence, revision, recordedAt, occurredAt, timestamp, origin, idempotencyKey, metadata,
  ] = values;
  // prettier-ignore
  return {
    id, customerId, feature, reset, periodStart, action, quantity, delta, decimals, consumed, limit,
    period: { start, end }, sequence, revision, recordedAt, occurredAt, timestamp, origin, idempotencyKey, metadata,
  };
}
