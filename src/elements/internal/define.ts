type Versioned = CustomElementConstructor & { version: string };

/**
 * Registers an element once: in the browser, and on a server in the registry that Lit brings, for rendering. Does
 * nothing where the same version is registered already; warns where it is another one; never throws, because a
 * second copy of a script must not take a page down.
 */
export function define(name: string, element: Versioned): void {
  const present = customElements.get(name) as Partial<Versioned> | undefined;
  if (present?.version === element.version) return;
  try {
    customElements.define(name, element);
  } catch (error) {
    void import('./conflict.ts').then(({ warnOfConflict }) => warnOfConflict(name, element.version, error));
  }
}
