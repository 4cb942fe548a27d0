'use client';

import { useCallback, useEffect, useMemo, useRef, useState } from 'react';
import type { BillingOSError } from '../client/errors.ts';
import type { TrackUsageInput, TrackUsageResult } from '../store/types.ts';
import { useBilling } from './context.ts';

export interface TrackUsageOptions {
  onSuccess?: ((result: TrackUsageResult, input: TrackUsageInput) => void) | undefined;
  onError?: ((error: BillingOSError, input: TrackUsageInput) => void) | undefined;
}

/** What `useTrackUsage` gives; the states are those of its last call. */
export interface TrackUsageMutation {
  /** Tracks, and leaves success and failure to the state and the options. */
  readonly mutate: (input: TrackUsageInput) => void;
  /**
   * Tracks; resolves with `recorded`, or with `queued` when the outcome takes long: the event is kept and will be
   * sent. Rejects only when it was refused or could not be kept; never try again by yourself.
   */
  readonly mutateAsync: (input: TrackUsageInput) => Promise<TrackUsageResult>;
  readonly isPending: boolean;
  readonly isSuccess: boolean;
  readonly isError: boolean;
  readonly error: BillingOSError | null;
  readonly data: TrackUsageResult | undefined;
  /** Forgets the last call. */
  readonly reset: () => void;
}

type State = Omit<TrackUsageMutation, 'mutate' | 'mutateAsync' | 'reset'>;

const IDLE: State = { isPending: false, isSuccess: false, isError: false, error: null, data: undefined };

/** Tracks usage of the signed-in customer. One call counts once, whatever happens on the way. */
export function useTrackUsage(options: TrackUsageOptions = {}): TrackUsageMutation {
  const { store } = useBilling();
  const [state, setState] = useState(IDLE);
  const calls = useRef(0);
  const latest = useRef(options);
  useEffect(() => {
    latest.current = options;
  });

  const mutateAsync = useCallback(
    async (input: TrackUsageInput) => {
      const call = (calls.current += 1);
      const show = (next: State) => {
        if (call === calls.current) setState(next);
      };
      show({ ...IDLE, isPending: true });
      try {
        const data = await store.trackUsage(input);
        show({ ...IDLE, isSuccess: true, data });
        latest.current.onSuccess?.(data, input);
        return data;
      } catch (cause) {
        const error = cause as BillingOSError;
        show({ ...IDLE, isError: true, error });
        latest.current.onError?.(error, input);
        throw error;
      }
    },
    [store],
  );
  const mutate = useCallback(
    (input: TrackUsageInput) => void mutateAsync(input).catch(() => undefined),
    [mutateAsync],
  );
  const reset = useCallback(() => {
    calls.current += 1;
    setState(IDLE);
  }, []);
  return useMemo(() => ({ ...state, mutate, mutateAsync, reset }), [state, mutate, mutateAsync, reset]);
}
