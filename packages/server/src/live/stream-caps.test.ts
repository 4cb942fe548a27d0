import { describe, expect, it } from 'vitest';
import { streamCaps, STREAMS_MAX, STREAMS_PER_TOKEN_MAX } from './stream-caps.ts';

const OPENED_PER_SECOND = 200;
const TENANT_OPENED_PER_SECOND = 160;
const TENANT_STREAMS_MAX = 0.8 * STREAMS_MAX;

function caps() {
  const clock = { now: 0 };
  const { admit } = streamCaps(() => clock.now);
  /** Admits so many, at a pace that nobody minds. */
  const fill = (tenantId: string, count: number) =>
    Array.from({ length: count }, () => {
      clock.now += 1_000 / TENANT_OPENED_PER_SECOND;
      return admit(tenantId, null);
    });
  return { clock, admit, fill };
}

const refused = (code: string) => expect.objectContaining({ code }) as Error;

describe('streams', () => {
  it('of one token are few, and none of another one’s', () => {
    const { admit } = caps();
    const leave = Array.from({ length: STREAMS_PER_TOKEN_MAX }, () => admit('ten_1', 'tok_1'));
    expect(() => admit('ten_1', 'tok_1')).toThrow(refused('rate_limited'));
    expect(() => admit('ten_2', 'tok_1')).not.toThrow();
    expect(() => admit('ten_1', 'tok_2')).not.toThrow();
    leave[0]?.();
    expect(() => admit('ten_1', 'tok_1')).not.toThrow();
  });

  it('of one tenant leave room for the others', () => {
    const { admit, fill, clock } = caps();
    const leave = fill('ten_1', TENANT_STREAMS_MAX);
    clock.now += 1_000;
    expect(() => admit('ten_1', null)).toThrow(refused('rate_limited'));
    expect(() => admit('ten_2', null)).not.toThrow();
    leave[0]?.();
    expect(() => admit('ten_1', null)).not.toThrow();
  });

  it('of all tenants leave room for requests', () => {
    const { admit, fill, clock } = caps();
    fill('ten_1', TENANT_STREAMS_MAX);
    const leave = fill('ten_2', STREAMS_MAX - TENANT_STREAMS_MAX);
    clock.now += 1_000;
    expect(() => admit('ten_3', null)).toThrow(refused('overloaded'));
    leave[0]?.();
    expect(() => admit('ten_3', null)).not.toThrow();
  });

  it('are opened so fast and not faster, and one tenant’s no faster than others can bear', () => {
    const { admit, clock } = caps();
    for (let n = 0; n < TENANT_OPENED_PER_SECOND; n += 1) admit('ten_1', null);
    expect(() => admit('ten_1', null)).toThrow(refused('rate_limited'));
    for (let n = TENANT_OPENED_PER_SECOND; n < OPENED_PER_SECOND; n += 1) admit('ten_2', null);
    expect(() => admit('ten_2', null)).toThrow(refused('overloaded'));
    clock.now += 1_000;
    expect(() => admit('ten_1', null)).not.toThrow();
  });
});
