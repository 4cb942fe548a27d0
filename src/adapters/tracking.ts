import type { BillingOSError } from '../client/errors.ts';
import type { TrackUsageInput, TrackUsageResult } from '../store/types.ts';

/** What became of the last call that tracked something. */
export interface Tracking {
  readonly isPending: boolean;
  readonly isSuccess: boolean;
  readonly isError: boolean;
  readonly error: BillingOSError | null;
  readonly data: TrackUsageResult | undefined;
}

export interface TrackingCalls {
  /** Tracks, and leaves success and failure to what is shown of them. */
  readonly mutate: (input: TrackUsageInput) => void;
  /**
   * Tracks; resolves with `recorded`, or with `queued` when the outcome takes long: the event is kept and will be
   * sent. Rejects only when it was refused or could not be kept; never try again by yourself.
   */
  readonly mutateAsync: (input: TrackUsageInput) => Promise<TrackUsageResult>;
  /** Forgets the last call. */
  readonly reset: () => void;
}

export interface TrackUsageOptions {
  onSuccess?: ((result: TrackUsageResult, input: TrackUsageInput) => void) | undefined;
  onError?: ((error: BillingOSError, input: TrackUsageInput) => void) | undefined;
}

export const NOT_TRACKING: Tracking = {
  isPending: false,
  isSuccess: false,
  isError: false,
  error: null,
  data: undefined,
};

/** Tracks by `track`, and shows the state of the latest call. */
export function trackingCalls(
  track: (input: TrackUsageInput) => Promise<TrackUsageResult>,
  show: (state: Tracking) => void,
  options: () => TrackUsageOptions,
): TrackingCalls {
  let calls = 0;

  async function mutateAsync(input: TrackUsageInput): Promise<TrackUsageResult> {
    const call = (calls += 1);
    const showLatest = (state: Partial<Tracking>) => {
      if (call === calls) show({ ...NOT_TRACKING, ...state });
    };
    showLatest({ isPending: true });
    let data: TrackUsageResult;
    try {
      data = await track(input);
    } catch (cause) {
      const error = cause as BillingOSError;
      showLatest({ isError: true, error });
      options().onError?.(error, input);
      throw error;
    }
    showLatest({ isSuccess: true, data });
    options().onSuccess?.(data, input);
    return data;
  }

  return {
    mutateAsync,
    mutate: (input) => void mutateAsync(input).catch(() => undefined),
    reset() {
      calls += 1;
      show(NOT_TRACKING);
    },
  };
}
