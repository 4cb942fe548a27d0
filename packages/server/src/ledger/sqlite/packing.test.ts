import fc from 'fast-check';
import { expect, it } from 'vitest';
import type { UsageEvent, Verdict } from '../../metering/decide.ts';
import type { SignedCommand } from '../audit-trail.ts';
import { packBatch, packVerdicts, unpackBatch, unpackVerdicts } from './packing.ts';

const TEXT = fc.string({ unit: 'binary' });
const INSTANT = fc.maxSafeNat();
const AMOUNT = fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n });
const orNull = <T>(values: fc.Arbitrary<T>) => fc.option(values, { nil: null });
const ORIGIN = fc.constantFrom('secret', 'session');

const COMMAND: fc.Arbitrary<SignedCommand> = fc.record(
  {
    externalId: TEXT,
    origin: ORIGIN,
    feature: TEXT,
    quantity: fc.record({ digits: AMOUNT, places: fc.integer() }),
    action: fc.constantFrom('add', 'set'),
    idempotencyKey: orNull(TEXT),
    metadata: orNull(TEXT),
    timestamp: orNull(INSTANT),
    author: fc.record({ keyId: orNull(TEXT), requestId: orNull(TEXT) }),
  },
  {
    requiredKeys: [
      'externalId',
      'origin',
      'feature',
      'quantity',
      'action',
      'idempotencyKey',
      'metadata',
      'timestamp',
    ],
  },
);

const EVENT: fc.Arbitrary<UsageEvent> = fc.record({
  id: TEXT,
  customerId: TEXT,
  feature: TEXT,
  reset: fc.constantFrom('day', 'month', 'never'),
  periodStart: INSTANT,
  action: fc.constantFrom('add', 'set', 'open'),
  quantity: AMOUNT,
  delta: AMOUNT,
  decimals: fc.nat(12),
  consumed: AMOUNT,
  limit: orNull(AMOUNT),
  period: fc.record({ start: INSTANT, end: orNull(INSTANT) }),
  sequence: INSTANT,
  revision: INSTANT,
  recordedAt: INSTANT,
  occurredAt: orNull(INSTANT),
  timestamp: orNull(INSTANT),
  origin: ORIGIN,
  idempotencyKey: orNull(TEXT),
  metadata: orNull(TEXT),
});

const VERDICT: fc.Arbitrary<Verdict> = fc.oneof(
  fc.record({ outcome: fc.constantFrom('recorded', 'duplicate'), event: EVENT }),
  fc.record({ outcome: fc.constant('refused'), code: fc.constant('quota_exceeded'), feature: TEXT }),
  fc.record({
    outcome: fc.constant('refused'),
    code: fc.constant('quota_exceeded'),
    feature: TEXT,
    usage: fc.record({
      consumed: AMOUNT,
      limit: orNull(AMOUNT),
      decimals: fc.nat(12),
      period: fc.record({ start: INSTANT, end: orNull(INSTANT) }),
    }),
  }),
);

it('gives the other thread every command as it was', () => {
  fc.assert(
    fc.property(fc.array(fc.record({ tenantId: TEXT, commands: fc.array(COMMAND) })), (batch) => {
      expect(unpackBatch(structuredClone(packBatch(batch)))).toEqual(batch);
    }),
  );
});

it('gives back every verdict as it was', () => {
  fc.assert(
    fc.property(fc.array(fc.array(VERDICT)), (verdicts) => {
      expect(unpackVerdicts(structuredClone(packVerdicts(verdicts)))).toEqual(verdicts);
    }),
  );
});
