/**
 * A number as a host may assign it, or write into an attribute: `undefined` when absent, `NaN` when it is none. Lit's
 * own converter makes what is absent or empty null or 0.
 */
export function toNumber(value: unknown): number | undefined {
  if (value === undefined || value === null) return undefined;
  if (typeof value === 'number') return value;
  if (typeof value === 'string' && value.trim() !== '') return Number(value);
  return NaN;
}

/** The number without the noise of binary arithmetic, in the 12 digits a double holds for certain: 28.999999999999996 is 29. */
export function denoise(value: number, digits = 12): number {
  return Number(value.toPrecision(digits));
}

export function clamp(value: number, min: number, max: number): number {
  return Math.min(max, Math.max(min, value));
}
