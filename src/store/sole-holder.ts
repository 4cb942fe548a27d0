import type { Clock } from '../client/clock.ts';
import type { BrowserParts, Channel } from './browser-parts.ts';

/** How often the holder of a lock shows that it is alive. */
export const PULSE_MS = 1_000;
/** A holder this silent is frozen: its lock is taken from it. Three signs of life were missed. */
export const SILENCE_MS = 3_000;
/** Who waits differs by up to this much, so that not all take the lock in the same instant. */
export const SILENCE_SPREAD_MS = 1_000;

export interface SoleHolderParts {
  browser: Pick<BrowserParts, 'locks' | 'openChannel'>;
  clock: Clock;
  /** Uniform in [0, 1). */
  random: () => number;
}

/**
 * Runs `task` in one tab at a time, of all that ask under this name:
 *
 *   waiting ──(the lock is free)──► holding ──(the task ends, the tab closes)──► free
 *      └──(no sign of life for 3–4 s: by force)──► holding, and `lost` aborts in the tab that held it
 *
 * A lock alone would do, were it not for frozen tabs, which keep theirs. A frozen tab that wakes up may believe for a
 * moment that it still holds; whatever runs here must be harmless when it runs twice.
 *
 * @throws the signal's reason when it aborts before the task begins
 */
export async function whileSoleHolder<T>(
  name: string,
  parts: SoleHolderParts,
  signal: AbortSignal,
  task: (lost: AbortSignal) => Promise<T>,
): Promise<T> {
  const { locks, openChannel } = parts.browser;
  const channel = openChannel(name);
  const hold = async (lost: AbortSignal): Promise<T> => {
    watch.end();
    const stopPulse = showLife(channel, parts.clock);
    try {
      return await task(lost);
    } finally {
      stopPulse();
    }
  };

  const watch = watchHolder(channel, parts, signal);
  try {
    return await locks.request(name, { signal: watch.giveUp }, async (lost) => {
      // Granted in the very moment in which this tab gave up waiting: it holds by force, or not at all.
      watch.giveUp.throwIfAborted();
      return hold(lost);
    });
  } catch (error) {
    if (!watch.isSilent || signal.aborted) throw error;
    return await locks.request(name, { steal: true }, hold);
  } finally {
    watch.end();
    channel.close();
  }
}

const PULSE = 'pulse';

function showLife(channel: Channel, clock: Clock): () => void {
  let cancel: () => void;
  const beat = () => {
    channel.post(PULSE);
    cancel = clock.schedule(beat, PULSE_MS);
  };
  beat();
  return () => cancel();
}

/** Gives up waiting in turn when the caller does, or when the holder shows no sign of life. */
function watchHolder(channel: Channel, { clock, random }: SoleHolderParts, signal: AbortSignal) {
  const waiting = new AbortController();
  const follow = () => waiting.abort(signal.reason);
  const watch = {
    giveUp: waiting.signal,
    isSilent: false,
    end() {
      cancel();
      signal.removeEventListener('abort', follow);
    },
  };
  const arm = () =>
    clock.schedule(
      () => {
        watch.isSilent = true;
        waiting.abort();
      },
      SILENCE_MS + random() * SILENCE_SPREAD_MS,
    );
  let cancel = arm();
  channel.listen((message) => {
    if (message !== PULSE) return;
    cancel();
    cancel = arm();
  });
  if (signal.aborted) follow();
  signal.addEventListener('abort', follow, { once: true });
  return watch;
}
