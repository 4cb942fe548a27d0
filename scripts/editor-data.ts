/** What editors complete elements from, made from the custom elements manifest. */

interface Named {
  name: string;
  description?: string;
  type?: { text: string };
}

interface Attribute extends Named {
  fieldName?: string;
  /** The element itself changes it. */
  reflects?: boolean;
  /** What frameworks call it; `!` before it where they say the opposite. */
  'x-prop'?: string;
}

interface EventEntry extends Named {
  /** What frameworks call its listener, and the member of the detail that it gets first. */
  'x-callback'?: { name: string; member?: string };
}

interface Member extends Named {
  kind: string;
  privacy?: string;
}

export interface Declaration {
  name?: string;
  tagName?: string;
  description?: string;
  attributes?: Attribute[];
  members?: Member[];
  slots?: Named[];
  events?: EventEntry[];
  cssProperties?: Named[];
  cssParts?: Named[];
}

export interface Manifest {
  modules: { path: string; declarations?: Declaration[] }[];
}

/** The unions of texts that the sources declare, by name: `Theme` → `['auto', 'light', 'dark']`. */
export type Unions = ReadonlyMap<string, readonly string[]>;

/** The file that `html.customData` of VS Code names. */
export function htmlCustomData(manifest: Manifest, unions: Unions): object {
  const tags = elementsOf(manifest).map(({ tagName, description, attributes = [] }) => ({
    name: tagName,
    description,
    attributes: attributes.map((attribute) => {
      const values = valuesOf(attribute, unions).map((name) => ({ name }));
      return {
        name: attribute.name,
        description: attribute.description,
        ...(isBoolean(attribute) ? { valueSet: 'v' } : {}),
        ...(values.length > 0 ? { values } : {}),
      };
    }),
  }));
  return { version: 1.1, tags };
}

/** The file that `web-types` of a package.json names, for JetBrains' editors. */
export function webTypes(manifest: Manifest, unions: Unions, { name, version }: PackageName): object {
  const elements = elementsOf(manifest).map((element) => ({
    name: element.tagName,
    description: element.description,
    attributes: (element.attributes ?? []).map((attribute) => ({
      name: attribute.name,
      description: attribute.description,
      value: isBoolean(attribute) ? { kind: 'no-value' } : { type: webTypeOf(attribute, unions) },
    })),
    slots: (element.slots ?? []).map(plain),
    js: {
      properties: (element.members ?? []).filter(isDocumentedField).map(typed),
      events: (element.events ?? []).map(typed),
    },
    css: { properties: (element.cssProperties ?? []).map(plain), parts: (element.cssParts ?? []).map(plain) },
  }));
  return {
    $schema: 'https://raw.githubusercontent.com/JetBrains/web-types/master/schema/web-types.json',
    name,
    version,
    'description-markup': 'markdown',
    contributions: { html: { elements } },
  };
}

interface PackageName {
  name: string;
  version: string;
}

/** Finds the unions of texts in a source. */
export function unionsIn(source: string): [string, string[]][] {
  const declarations = source.matchAll(/export type (\w+) =((?:\s*\|?\s*'[^']*')+);/g);
  return Array.from(declarations, ([, name = '', union = '']) => [name, textsIn(union)]);
}

export function elementsOf({ modules }: Manifest): Declaration[] {
  return modules.flatMap(({ declarations = [] }) =>
    declarations.filter(({ tagName }) => tagName !== undefined),
  );
}

function valuesOf({ type }: Named, unions: Unions): readonly string[] {
  const names = type?.text.split('|').map((part) => part.trim()) ?? [];
  return names.flatMap((name) => unions.get(name) ?? textsIn(name));
}

export function webTypeOf(attribute: Named, unions: Unions): string {
  const values = valuesOf(attribute, unions);
  if (values.length > 0) return values.map((value) => `'${value}'`).join(' | ');
  return attribute.type?.text.replace(/ \| (null|undefined)/g, '') ?? 'string';
}

function textsIn(union: string): string[] {
  return Array.from(union.matchAll(/'([^']*)'/g), ([, text = '']) => text);
}

function isBoolean({ type }: Named): boolean {
  return type?.text === 'boolean';
}

export function isDocumentedField({ kind, privacy, description }: Member): boolean {
  return kind === 'field' && privacy !== 'private' && privacy !== 'protected' && description !== undefined;
}

function plain({ name, description }: Named): Named {
  return { name, ...(description === undefined ? {} : { description }) };
}

function typed(named: Named): object {
  return { ...plain(named), ...(named.type === undefined ? {} : { type: named.type.text }) };
}
