import { warnOnce } from './dev.ts';

/**
 * Registers an element once: in the browser, and on a server in the registry that Lit brings, for rendering. Does
 * nothing where the same version is registered already; warns where it is another one; never throws, because a
 * second copy of a script must not take a page down.
 */
export function define(name: string, element: CustomElementConstructor & { version: string }): void {
  const present = customElements.get(name);
  if (present === undefined) {
    register(name, element);
    return;
  }
  const version = 'version' in present ? String(present.version) : 'unknown';
  if (version !== element.version) {
    warnOnce(
      `version ${version} is on this page already; the elements of version ${element.version} are ignored.`,
    );
  }
}

function register(name: string, element: CustomElementConstructor): void {
  try {
    customElements.define(name, element);
  } catch (error) {
    warnOnce(`<${name}> could not be defined: ${String(error)}`);
  }
}
