import type { UsageStatus } from '../../client/wire.ts';
import type { UsageMetric, UsageSnapshot, UsageStore } from '../../store/types.ts';
import { isMoreUrgent } from './metric-quota.ts';

/** Who speaks for a store: the first display, else the first nudge, else the first bar. */
const RANKS = ['display', 'nudge', 'bar'] as const;
export type AnnouncerRank = (typeof RANKS)[number];

/** An element that can speak: it renders the live region while `store` is spoken for by it. */
export interface Voice {
  readonly announcerRank: AnnouncerRank;
  requestUpdate(): void;
}

const announcers = new WeakMap<UsageStore, Announcer>();

/** The one announcer of a store. */
export function announcerOf(store: UsageStore): Announcer {
  const known = announcers.get(store);
  if (known !== undefined) return known;
  const made = new Announcer();
  announcers.set(store, made);
  return made;
}

/** The metrics whose status is another than in the last picture: more urgent, and less. */
export interface Crossings {
  readonly up: readonly UsageMetric[];
  readonly down: readonly UsageMetric[];
}

/** Chooses who speaks, and finds what is worth saying: a threshold that was crossed upwards. */
export class Announcer {
  readonly #voices = new Set<Voice>();
  readonly #statuses = new Map<string, UsageStatus>();
  #seen: UsageSnapshot | undefined;
  #leader: Voice | undefined;

  join(voice: Voice): void {
    this.#voices.add(voice);
    this.#elect();
  }

  leave(voice: Voice): void {
    this.#voices.delete(voice);
    this.#elect();
  }

  speaksThrough(voice: Voice): boolean {
    return this.#leader === voice;
  }

  /** The metrics that crossed a threshold since the last picture; `undefined` for one that says nothing new. */
  crossings(snapshot: UsageSnapshot): Crossings | undefined {
    if (snapshot === this.#seen || snapshot.status !== 'ready') return undefined;
    this.#seen = snapshot;
    const before = ({ feature_key: key, status }: UsageMetric) => this.#statuses.get(key) ?? status;
    const up = snapshot.metrics.filter((metric) => isMoreUrgent(metric.status, before(metric)));
    const down = snapshot.metrics.filter((metric) => isMoreUrgent(before(metric), metric.status));
    // Only what the plan has now is remembered, so the memory is as big as the plan.
    this.#statuses.clear();
    for (const metric of snapshot.metrics) this.#statuses.set(metric.feature_key, metric.status);
    return { up, down };
  }

  #elect(): void {
    const [leader] = [...this.#voices].sort((a, b) => rankOf(a) - rankOf(b));
    if (leader === this.#leader) return;
    this.#leader?.requestUpdate();
    this.#leader = leader;
    leader?.requestUpdate();
  }
}

function rankOf({ announcerRank }: Voice): number {
  return RANKS.indexOf(announcerRank);
}
