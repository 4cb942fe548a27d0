import { warnInDevelopment } from './warn.ts';
import { toNumber } from './number.ts';

/** A number as a host may assign it where only a finite one makes sense: anything else counts as absent, with one warning. */
export function finiteNumber(name: string, value: unknown): number | undefined {
  const number = toNumber(value);
  if (number === undefined || Number.isFinite(number)) return number;
  warnInDevelopment(`${name} must be a number, not`, value);
  return undefined;
}
