import { onServer } from './environment.ts';
import { withHosts } from './tree.ts';

/** How often what depends on the time of day is drawn again; Lit touches no text that stays the same. */
const TICK_MS = 60_000;

/** An element that is drawn again when something around it changes. */
export interface Follower extends Element {
  requestUpdate(): void;
}

/*
 * What changes around an element without telling it: a `lang` above it, the texts at hand, the days left. One
 * observer and one timer serve all elements of the page, and only while there are any.
 */
const followers = new Set<Follower>();
let languages: MutationObserver | undefined;
let timer: ReturnType<typeof setTimeout> | undefined;

export function follow(follower: Follower): void {
  if (onServer) return;
  followers.add(follower);
  languages ??= new MutationObserver(redraw);
  for (const element of withHosts(follower)) {
    languages.observe(element.getRootNode(), { subtree: true, attributeFilter: ['lang'] });
  }
  timer ??= setTimeout(tick, TICK_MS);
}

export function unfollow(follower: Follower): void {
  followers.delete(follower);
  if (followers.size > 0) return;
  languages?.disconnect();
  clearTimeout(timer);
  timer = undefined;
}

/** Draws every element on the page again. */
export function redraw(): void {
  for (const follower of followers) follower.requestUpdate();
}

function tick(): void {
  timer = setTimeout(tick, TICK_MS);
  if (!document.hidden) redraw();
}
