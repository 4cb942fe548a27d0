import { onServer } from './environment.ts';
import { withHosts } from './tree.ts';

/** An element that is drawn again when something around it changes. */
export interface Follower extends Element {
  requestUpdate(): void;
}

/*
 * What changes around an element without telling it: a `lang` above it, the texts at hand. One observer serves all
 * elements of the page, and only while there are any.
 */
const followers = new Set<Follower>();
let languages: MutationObserver | undefined;

export function follow(follower: Follower): void {
  if (onServer) return;
  followers.add(follower);
  languages ??= new MutationObserver(redraw);
  for (const element of withHosts(follower)) {
    languages.observe(element.getRootNode(), { subtree: true, attributeFilter: ['lang'] });
  }
}

export function unfollow(follower: Follower): void {
  followers.delete(follower);
  if (followers.size === 0) languages?.disconnect();
}

/** Draws every element on the page again. */
export function redraw(): void {
  for (const follower of followers) follower.requestUpdate();
}
