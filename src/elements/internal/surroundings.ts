import { onServer } from './environment.ts';
import { withHosts } from './tree.ts';

/*
 * What changes around an element without telling it: a `lang` above it, the texts at hand. One observer serves all
 * elements of the page, and only while there are any.
 */
const followers = new Map<Element, () => void>();
let languages: MutationObserver | undefined;

/** Calls `draw` when something around the element changes, until `unfollow`. */
export function follow(follower: Element, draw: () => void): void {
  if (onServer) return;
  followers.set(follower, draw);
  languages ??= new MutationObserver(redraw);
  for (const element of withHosts(follower)) {
    languages.observe(element.getRootNode(), { subtree: true, attributeFilter: ['lang'] });
  }
}

export function unfollow(follower: Element): void {
  followers.delete(follower);
  if (followers.size === 0) languages?.disconnect();
}

/** Draws every element on the page again. */
export function redraw(): void {
  for (const draw of followers.values()) draw();
}
