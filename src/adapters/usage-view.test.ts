import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { AuthenticationError, NetworkError } from '../client/errors.ts';
import { metricOf, nudgeOf, snapshotOf } from '../elements/testing/fake-store.ts';
import { isApproaching, nudgeIn, usageSelector } from './usage-view.ts';

const signedOut = new AuthenticationError('nobody');
const used = (consumed: number, limit: number) => snapshotOf({ metrics: [metricOf({ consumed, limit })] });

describe('what is picked of a snapshot', () => {
  test('is the same object until something in it changes', () => {
    const select = usageSelector('api_calls');
    const [calls, seats] = [metricOf(), metricOf({ feature_key: 'seats' })];
    const first = select(snapshotOf({ metrics: [calls, seats] }));
    const other = metricOf({ feature_key: 'seats', consumed: 1 });
    expect(select(snapshotOf({ metrics: [calls, other], asOf: 'later' }))).toBe(first);
  });

  test('keeps its data while only the fetching changes', () => {
    const select = usageSelector(undefined);
    const metrics = [metricOf()];
    const first = select(snapshotOf({ metrics }));
    const second = select(snapshotOf({ metrics: [...metrics], fetchStatus: 'fetching' }));
    expect(second).toMatchObject({ isFetching: true });
    expect(second.data).toBe(first.data);
  });

  test('is loading until something is known or has failed', () => {
    const select = usageSelector(undefined);
    expect(select(snapshotOf({ status: 'pending' }))).toMatchObject({ isLoading: true, data: undefined });
    const error = new NetworkError('down');
    expect(select(snapshotOf({ status: 'error', error }))).toMatchObject({ isLoading: false, isError: true });
  });

  test('keeps the last numbers after a failure', () => {
    const snapshot = snapshotOf({ metrics: [metricOf()], stale: true, error: new NetworkError('down') });
    const view = usageSelector(undefined)(snapshot);
    expect(view).toMatchObject({ isError: true, isStale: true });
    expect(view.data?.metrics).toHaveLength(1);
  });

  test('is nothing of a customer who has signed out', () => {
    const snapshot = snapshotOf({ metrics: [metricOf()], nudges: [nudgeOf()], error: signedOut });
    expect(usageSelector(undefined)(snapshot).data).toBe(undefined);
    expect(isApproaching(snapshot, 'api_calls', 1)).toBe(false);
    expect(nudgeIn(snapshot, {})).toBe(undefined);
  });
});

describe('approaching a limit', () => {
  test('begins at the exact ratio', () => {
    expect(isApproaching(used(79.999, 100), 'api_calls', 80)).toBe(false);
    expect(isApproaching(used(80, 100), 'api_calls', 80)).toBe(true);
    expect(isApproaching(used(2.9, 10), 'api_calls', 29)).toBe(true);
  });

  test('goes on over the limit, and holds where there is nothing to use', () => {
    expect(isApproaching(used(300, 100), 'api_calls', 80)).toBe(true);
    expect(isApproaching(used(0, 0), 'api_calls', 80)).toBe(true);
  });

  test('never happens without a limit, without the feature, or before anything is known', () => {
    expect(isApproaching(used(300, Infinity), 'api_calls', 0)).toBe(false);
    expect(isApproaching(used(300, 100), 'other', 0)).toBe(false);
    expect(isApproaching(snapshotOf({ status: 'pending' }), 'api_calls', 0)).toBe(false);
  });

  test('agrees with whole numbers, whatever they are', () => {
    const natural = fc.integer({ min: 1, max: 1_000_000 });
    fc.assert(
      fc.property(natural, natural, fc.integer({ min: 0, max: 200 }), (consumed, limit, threshold) => {
        const exact = consumed * 100 >= threshold * limit;
        expect(isApproaching(used(consumed, limit), 'api_calls', threshold)).toBe(exact);
      }),
    );
  });
});

test('a nudge is picked by feature and threshold, the most urgent first', () => {
  const [first, second] = [nudgeOf({ id: 'a', threshold: 95, feature: 'seats' }), nudgeOf({ id: 'b' })];
  const snapshot = snapshotOf({ nudges: [first, second] });
  expect(nudgeIn(snapshot, {})).toBe(first);
  expect(nudgeIn(snapshot, { featureKey: 'api_calls' })).toBe(second);
  expect(nudgeIn(snapshot, { featureKey: 'api_calls', threshold: 95 })).toBe(undefined);
});
