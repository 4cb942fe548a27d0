import { onServer } from './environment.ts';
import { withHosts } from './tree.ts';

/** How often what depends on the time of day is drawn again; Lit touches no text that stays the same. */
const TICK_MS = 60_000;

/*
 * What changes around an element without telling it: a `lang` above it, the texts at hand, the days left. One
 * observer and one timer serve all elements of the page, and only while there are any.
 */
const followers = new Map<Element, () => void>();
let languages: MutationObserver | undefined;
let timer: ReturnType<typeof setTimeout> | undefined;

/** Calls `draw` when something around the element changes, until `unfollow`. */
export function follow(follower: Element, draw: () => void): void {
  if (onServer) return;
  followers.set(follower, draw);
  languages ??= new MutationObserver(redraw);
  for (const element of withHosts(follower)) {
    languages.observe(element.getRootNode(), { subtree: true, attributeFilter: ['lang'] });
  }
  timer ??= setTimeout(tick, TICK_MS);
}

export function unfollow(follower: Element): void {
  followers.delete(follower);
  if (followers.size > 0) return;
  languages?.disconnect();
  clearTimeout(timer);
  timer = undefined;
}

/** Draws every element on the page again. */
export function redraw(): void {
  for (const draw of followers.values()) draw();
}

function tick(): void {
  timer = setTimeout(tick, TICK_MS);
  if (!document.hidden) redraw();
}
