import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { RawJson, toJson } from './json.ts';

describe('toJson', () => {
  it('prints exact decimals digit by digit, as JSON numbers', () => {
    expect(toJson({ limit: new RawJson('9223372.036854775807'), used: [new RawJson('0.1')] })).toBe(
      '{"limit":9223372.036854775807,"used":[0.1]}',
    );
  });

  it('prints plain data as JSON.stringify does', () => {
    fc.assert(
      fc.property(fc.jsonValue(), (value) => {
        expect(toJson(value)).toBe(JSON.stringify(value));
      }),
    );
  });

  it('leaves out members that are undefined', () => {
    expect(toJson({ a: undefined, b: null })).toBe('{"b":null}');
  });
});
