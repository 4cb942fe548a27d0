import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { generateSecretKey } from './auth/secret-keys.ts';
import { errorFacts, jsonLog, redact, type LogLevel } from './log.ts';

function logged(level: LogLevel) {
  const lines: string[] = [];
  const clock = { now: Date.parse('2026-02-03T04:05:06.789Z') };
  return {
    lines,
    clock,
    log: jsonLog(
      level,
      (line) => lines.push(line),
      () => clock.now,
    ),
  };
}

describe('the log', () => {
  it('is one JSON object a line, whatever is in it', () => {
    const { lines, log } = logged('info');
    log('error', 'request failed', { request_id: 'req_1', ...errorFacts(new Error('two\nlines')) });
    expect(lines).toHaveLength(1);
    expect(lines[0]).not.toContain('\n');
    expect(JSON.parse(lines[0]!)).toMatchObject({
      time: '2026-02-03T04:05:06.789Z',
      level: 'error',
      message: 'request failed',
      request_id: 'req_1',
      error: expect.stringContaining('two\nlines') as string,
    });
  });

  it('has faults only, where only these are wanted', () => {
    const { lines, log } = logged('error');
    log('info', 'serving');
    log('error', 'request failed');
    expect(lines.map((line) => (JSON.parse(line) as { message: string }).message)).toEqual([
      'request failed',
    ]);
  });

  it('counts the faults of a second that are too many, in place of writing them', () => {
    const { lines, clock, log } = logged('info');
    for (let fault = 0; fault < 250; fault += 1) log('error', 'request failed');
    expect(lines).toHaveLength(100);
    clock.now += 1_000;
    log('error', 'request failed');
    expect(lines.slice(100).map((line) => JSON.parse(line) as object)).toMatchObject([
      { message: 'faults were left out', count: 150 },
      { message: 'request failed' },
    ]);
  });

  it('keeps no secret key that is in a text', () => {
    fc.assert(
      fc.property(
        fc.string(),
        fc.string(),
        fc.constantFrom('test' as const, 'live' as const),
        (before, after, mode) => {
          const key = generateSecretKey(mode);
          expect(redact(`${before} ${key} ${after}`)).not.toContain(key.slice(8));
        },
      ),
    );
  });

  it.each([
    ['bos_session_test_eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJ1In0.c2ln', 'eyJ'],
    ['Authorization: Bearer c29tZXRoaW5n', 'c29tZXRoaW5n'],
    ['"authorization":"bearer c29tZXRoaW5n"', 'c29tZXRoaW5n'],
    ['connect to postgres://billing:hush@db.internal:5432/billing failed', 'hush'],
    ['connect to postgres://:hush@db/billing failed', 'hush'],
  ])('keeps nothing of %s that opens anything', (text, secret) => {
    expect(redact(text)).not.toContain(secret);
  });

  it('leaves everything else as it is', () => {
    const text =
      'request failed at https://api.test/customers/:id for req_9pWm: connect ECONNREFUSED 127.0.0.1:5432';
    expect(redact(text)).toBe(text);
  });
});
