import { shallowRef } from 'vue';
import type { BillingOSError } from '../client/errors.ts';
import type { TrackUsageInput, TrackUsageResult } from '../store/types.ts';
import { useBilling } from './billing.ts';
import { type Refs, refsOf } from './refs.ts';

interface State {
  readonly isPending: boolean;
  readonly isSuccess: boolean;
  readonly isError: boolean;
  readonly error: BillingOSError | null;
  readonly data: TrackUsageResult | undefined;
}

/** What `useTrackUsage` gives; the refs are of its last call. */
export interface TrackUsageRefs extends Refs<State> {
  /** Tracks, and leaves success and failure to the refs. */
  readonly mutate: (input: TrackUsageInput) => void;
  /**
   * Tracks; resolves with `recorded`, or with `queued` when the outcome takes long: the event is kept and will be
   * sent. Rejects only when it was refused or could not be kept; never try again by yourself.
   */
  readonly mutateAsync: (input: TrackUsageInput) => Promise<TrackUsageResult>;
  /** Forgets the last call. */
  readonly reset: () => void;
}

const IDLE: State = { isPending: false, isSuccess: false, isError: false, error: null, data: undefined };

/** Tracks usage of the signed-in customer. One call counts once, whatever happens on the way. */
export function useTrackUsage(): TrackUsageRefs {
  const { store } = useBilling();
  const state = shallowRef(IDLE);
  let calls = 0;

  async function mutateAsync(input: TrackUsageInput): Promise<TrackUsageResult> {
    const call = (calls += 1);
    const show = (next: Partial<State>) => {
      if (call === calls) state.value = { ...IDLE, ...next };
    };
    show({ isPending: true });
    try {
      const data = await store.trackUsage(input);
      show({ isSuccess: true, data });
      return data;
    } catch (error) {
      show({ isError: true, error: error as BillingOSError });
      throw error;
    }
  }

  return {
    ...refsOf(state, ['isPending', 'isSuccess', 'isError', 'error', 'data']),
    mutateAsync,
    mutate: (input) => void mutateAsync(input).catch(() => undefined),
    reset() {
      calls += 1;
      state.value = IDLE;
    },
  };
}
