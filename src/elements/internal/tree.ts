/** The element, the host of the shadow root it is in, the host of that one's, and so on. */
export function* withHosts(element: Element): Generator<Element> {
  for (let at: Element | undefined = element; at !== undefined;) {
    yield at;
    const root: Node = at.getRootNode();
    at = root instanceof ShadowRoot ? root.host : undefined;
  }
}
