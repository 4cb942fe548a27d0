import { readFileSync } from 'node:fs';
import type { Place } from './place.ts';

const SAMPLED_EVERY_MS = 5_000;
/** Until caches are full and the heap has its size. */
const WARM_UP_MINUTES = 5;
const MINUTE_MS = 60_000;

/** Resident memory of one process over time. */
export interface Growth {
  readonly minutes: number;
  readonly peakMb: number;
  /** By least squares over what came after the warm-up; `NaN` where that is nothing. */
  readonly mbPerMinute: number;
}

interface Series {
  readonly pid: number;
  readonly samples: { readonly minute: number; readonly mb: number }[];
}

/** Looks at the memory of the servers, each since its last start. @returns what ends it. */
export function watchMemory(places: readonly Place[]): () => readonly Growth[] {
  const series = new Map<Place, Series>();
  const began = performance.now();
  const timer = setInterval(() => {
    for (const place of places) {
      const { pid = 0 } = place;
      const mb = residentMb(pid);
      const known = series.get(place);
      const current = known?.pid === pid ? known : { pid, samples: [] };
      series.set(place, current);
      // Between two servers there is none.
      if (mb > 0) current.samples.push({ minute: (performance.now() - began) / MINUTE_MS, mb });
    }
  }, SAMPLED_EVERY_MS);
  return () => {
    clearInterval(timer);
    return places.map((place) => growthOf(series.get(place)?.samples ?? []));
  };
}

function growthOf(samples: Series['samples']): Growth {
  const first = samples[0]?.minute ?? 0;
  const warm = samples.filter(({ minute }) => minute >= first + WARM_UP_MINUTES);
  return {
    minutes: (samples.at(-1)?.minute ?? 0) - first,
    peakMb: Math.max(0, ...samples.map(({ mb }) => mb)),
    mbPerMinute: slopeOf(warm),
  };
}

function slopeOf(samples: Series['samples']): number {
  const mean = (of: (sample: Series['samples'][number]) => number) =>
    samples.reduce((sum, sample) => sum + of(sample), 0) / samples.length;
  const [minute, mb] = [mean((one) => one.minute), mean((one) => one.mb)];
  return mean((one) => (one.minute - minute) * (one.mb - mb)) / mean((one) => (one.minute - minute) ** 2);
}

/** 0 for a process that is gone. */
function residentMb(pid: number): number {
  try {
    const [, kilobytes] = /^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8')) ?? [];
    return Number(kilobytes) / 1_024;
  } catch {
    return 0;
  }
}
