import { noChange } from 'lit';
import { Directive, directive, type ElementPart } from 'lit/directive.js';

/** Sets attributes by name, and takes away those that are no longer given; objects become properties. */
class Attributes extends Directive {
  #given: readonly string[] = [];

  render(_args: Readonly<Record<string, unknown>>): typeof noChange {
    return noChange;
  }

  override update({ element }: ElementPart, [args]: [Readonly<Record<string, unknown>>]): typeof noChange {
    for (const name of this.#given) if (!(name in args)) element.removeAttribute(name);
    for (const [name, value] of Object.entries(args)) set(element, name, value);
    this.#given = Object.keys(args);
    return noChange;
  }
}

export const attributes = directive(Attributes);

function set(element: Element, name: string, value: unknown): void {
  if (typeof value === 'object' && value !== null) Object.assign(element, { [name]: value });
  else if (typeof value === 'boolean') element.toggleAttribute(name, value);
  else if (typeof value === 'string' || typeof value === 'number') element.setAttribute(name, String(value));
  else element.removeAttribute(name);
}
