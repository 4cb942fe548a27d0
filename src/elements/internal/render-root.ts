import { adoptStyles, type LitElement } from 'lit';
import { onServer } from './environment.ts';

/**
 * Takes over what a server has rendered into the element, or returns `undefined` where there is nothing.
 *
 * It is cleared, and the element draws itself in the same task, so nobody sees it. Lit's hydration would adopt the
 * nodes unlooked at, and what differs stays wrong until it changes: clock, time zone and locale data of a server are
 * not this browser's. Its inline styles, which a strict CSP blocks, go with it.
 */
export function takeOverRoot(element: LitElement): ShadowRoot | undefined {
  const root = onServer ? null : element.shadowRoot;
  if (root === null) return undefined;
  root.replaceChildren();
  adoptStyles(root, (element.constructor as typeof LitElement).elementStyles);
  return root;
}
