import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { ROOT } from './packed.ts';

/** What the elements have, by `custom-elements.json`. */

export interface ElementNames {
  readonly attributes: readonly string[];
  readonly parts: readonly string[];
  readonly properties: readonly string[];
  readonly states: readonly string[];
}

interface Named {
  name: string;
}

interface Manifest {
  modules: {
    declarations: {
      tagName?: string;
      attributes?: Named[];
      cssParts?: Named[];
      cssProperties?: Named[];
      cssStates?: Named[];
    }[];
  }[];
}

const manifest = JSON.parse(readFileSync(join(ROOT, 'custom-elements.json'), 'utf8')) as Manifest;
const namesOf = (members: readonly Named[] = []): string[] => members.map(({ name }) => name);

/** By tag. `properties` are custom properties of CSS. */
export const ELEMENTS: ReadonlyMap<string, ElementNames> = new Map(
  manifest.modules
    .flatMap(({ declarations }) => declarations)
    .flatMap(({ tagName, attributes, cssParts, cssProperties, cssStates }) => {
      if (tagName === undefined) return [];
      const names = {
        attributes: namesOf(attributes),
        parts: namesOf(cssParts),
        properties: namesOf(cssProperties),
        states: namesOf(cssStates),
      };
      return [[tagName, names]];
    }),
);
