import { format } from 'prettier';
import type { Declaration, Manifest, Unions } from './editor-data.ts';
import { elementsOf, isDocumentedField, webTypeOf } from './editor-data.ts';

/** React components, Vue components and JSX types, made from the custom elements manifest. */

/** The provider of each framework is written by hand: it hands the store down by the framework's own means. */
const WRITTEN_BY_HAND = 'billing-provider';

export interface GeneratedFile {
  file: string;
  text: string;
}

interface Prop {
  /** What it is called in a framework. */
  name: string;
  description: string;
  type: string;
}

interface Component {
  /** `UsageBar` */
  name: string;
  /** `BillingUsageBar` */
  className: string;
  /** `elements/usage-bar/usage-bar` */
  path: string;
  tag: string;
  description: string;
  attributes: (Prop & { target: string })[];
  properties: Prop[];
  callbacks: (Prop & { event: string; eventType: string; member: string | undefined })[];
  slots: string[];
  reflects: boolean;
}

/** Reads what the analyzer does not see of an element: how frameworks call what it has, and what it reflects. */
export function addFrameworkFacts(declaration: Declaration, source: string): void {
  for (const [, property] of source.matchAll(/^ +(\w+): \{.*\breflect: true\b.*\},$/gm)) {
    const attribute = declaration.attributes?.find(({ fieldName }) => fieldName === property);
    if (attribute !== undefined) attribute.reflects = true;
  }
  for (const [, attributeName, alias = ''] of source.matchAll(/^ \* @alias \{([\w-]+)\} (!?\w+)$/gm)) {
    const attribute = declaration.attributes?.find(({ name }) => name === attributeName);
    if (attribute !== undefined) attribute['x-prop'] = alias;
  }
  for (const [, eventName, name = '', member] of source.matchAll(
    /^ \* @callback \{([\w-]+)\} (\w+)(?: (\w+))?$/gm,
  )) {
    const event = declaration.events?.find((candidate) => candidate.name === eventName);
    if (event !== undefined) event['x-callback'] = { name, ...(member === undefined ? {} : { member }) };
  }
}

export async function adapterFiles(manifest: Manifest, unions: Unions, by: string): Promise<GeneratedFile[]> {
  const all = manifest.modules.flatMap((module) =>
    elementsOf({ modules: [module] }).map((declaration) => componentOf(declaration, module.path, unions)),
  );
  const components = all.filter(({ tag }) => tag !== WRITTEN_BY_HAND);
  const files = [
    ...components.map((component) => ({
      file: `src/react/generated/${fileName(component)}`,
      text: reactComponent(component),
    })),
    ...components.map((component) => ({
      file: `src/vue/generated/${fileName(component)}`,
      text: vueComponent(component),
    })),
    { file: 'src/jsx.ts', text: jsxTypes(all) },
  ];
  return Promise.all(
    files.map(async ({ file, text }) => ({
      file,
      text: await format(`// ${by}\n${text}`, { parser: 'typescript', printWidth: 110, singleQuote: true }),
    })),
  );
}

/** The colours that show where an application sets them for one scheme only, out of the elements' design tokens. */
export function colorDefaults(by: string, cssText: string): GeneratedFile {
  const entries = cssText.matchAll(/var\(--billing-(color-\w+), light-dark\(([^,]+), (.+?)\)\);/g);
  const members = Array.from(entries, ([, name = '', light = '', dark = '']) => {
    return `  ${camelCase(name)}: { light: '${light}', dark: '${dark}' },\n`;
  });
  const text = `// ${by}\n'use client';\n\nexport const colorDefaults = {\n${members.join('')}};\n`;
  return { file: 'src/react/generated/color-defaults.ts', text };
}

/** `color-text` → `colorText` */
export function camelCase(name: string): string {
  return name.replace(/-(\w)/g, (_, letter: string) => letter.toUpperCase());
}

function componentOf(declaration: Declaration, path: string, unions: Unions): Component {
  const {
    name = '',
    tagName = '',
    description = '',
    attributes = [],
    members = [],
    events = [],
  } = declaration;
  return {
    name: name.replace(/^Billing/, ''),
    className: name,
    path: path.replace(/^src\//, '').replace(/\.ts$/, ''),
    tag: tagName,
    description: oneLine(description),
    attributes: attributes.map((attribute) => {
      const alias = attribute['x-prop'] ?? attribute.fieldName ?? attribute.name;
      const isOpposite = alias.startsWith('!');
      return {
        name: alias.replace('!', ''),
        description: attribute.description ?? '',
        type: webTypeOf(attribute, unions),
        target: isOpposite ? `!${attribute.name}` : attribute.name,
      };
    }),
    properties: members
      .filter((member) => isDocumentedField(member) && !isAttribute(member.name, declaration))
      .filter(({ name: member }) => !member.startsWith('#'))
      .map((member) => ({
        name: member.name,
        description: member.description ?? '',
        type: `${name}['${member.name}']`,
      })),
    callbacks: events.flatMap((event) => {
      const callback = event['x-callback'];
      if (callback === undefined) return [];
      const eventType = event.type?.text ?? 'Event';
      const { member } = callback;
      const argument = member === undefined ? '' : `${member}: ${eventType}['detail']['${member}'], `;
      return {
        name: callback.name,
        description: event.description ?? '',
        type: `(${argument}event: ${eventType}) => void`,
        event: event.name,
        eventType,
        member,
      };
    }),
    reflects: attributes.some(({ reflects }) => reflects === true),
    slots: (declaration.slots ?? []).map((slot) => slot.name).filter((slot) => slot !== ''),
  };
}

function isAttribute(member: string, { attributes = [] }: Declaration): boolean {
  return attributes.some(({ fieldName }) => fieldName === member);
}

function reactComponent(component: Component): string {
  const { name, className, tag, path, description, callbacks } = component;
  const props = [...propsOf(component), ...callbacks];
  return `'use client';

import '../../${path}.define.ts';
${importEvents(callbacks)}import type { ${className} } from '../../${path}.ts';
import { elementComponent, type HostProps } from '../element-component.ts';

export interface ${name}Props extends HostProps<${props.map((prop) => `'${prop.name}'`).join(' | ')}> {
  ${props.map(optionalMember).join('\n')}
}

/**
 * ${description}
 * The element is \`<${tag}>\`; its slots, parts and design tokens work here, too.
 */
export const ${name} = elementComponent<${className}, ${name}Props>('${name}', ${descriptionOf(component)});
`;
}

function vueComponent(component: Component): string {
  const { name, className, tag, path, description, attributes, properties, callbacks, slots } = component;
  const emits = callbacks.map((callback) => emitMember({ ...callback, name: emitted(callback.name) }));
  const slotNames = ['default', ...slots].map((slot) => `'${slot}'`);
  const options = attributes.map((prop) => `${prop.name}: ${vueOption(prop.type)}`);
  return `
import '../../${path}.define.ts';
${importEvents(callbacks)}import type { ${className} } from '../../${path}.ts';
import { type ElementComponent, elementComponent } from '../element-component.ts';

export interface ${name}Props {
  ${propsOf(component).map(optionalMember).join('\n')}
}

/**
 * ${description}
 * The element is \`<${tag}>\`; its slots, parts and design tokens work here, too.
 */
export const ${name}: ElementComponent<
  ${name}Props,
  ${emits.length === 0 ? 'never[]' : `{${emits.join('\n')}}`},
  ${slotNames.join(' | ')}
> = elementComponent('${name}', ${descriptionOf(component)}, {
  props: { ${[...options, ...properties.map((prop) => `${prop.name}: Object`)].join(', ')} },
  emits: [${callbacks.map((callback) => `'${emitted(callback.name)}'`).join(', ')}],
});
`;
}

function jsxTypes(components: Component[]): string {
  const classes = components.map(
    ({ className, path }) => `import type { ${className} } from './${path}.ts';`,
  );
  const interfaces = components.map(({ name, tag, description, ...component }) => {
    const attributes = component.attributes.map((prop) => ({
      ...prop,
      name: `'${prop.target.replace('!', '')}'`,
    }));
    const listeners = component.callbacks.map((callback) => ({
      ...callback,
      name: `'on${callback.event}'`,
      type: `(event: ${callback.eventType}) => void`,
    }));
    return `/**
       * ${description}
       * The element is \`<${tag}>\`.
       */
      export interface ${name}Attributes {
        ${[...attributes, ...component.properties, ...listeners].map(optionalMember).join('\n')}
      }`;
  });
  return `
/**
 * The elements in JSX, for those who write the tags themselves. With React, \`import '@billingos/sdk/jsx'\` once is all.
 * Other makers of JSX have an \`IntrinsicElements\` of their own, to extend by \`BillingElements\`.
 */

// eslint-disable-next-line @typescript-eslint/ban-ts-comment -- nothing is wrong where there is no React
/** @ts-ignore */
import type { HTMLAttributes, Ref } from 'react';
${importEvents(components.flatMap(({ callbacks }) => callbacks)).replace('../../', './')}${classes.join('\n')}

${interfaces.join('\n\n')}

/** The tags. \`Common\` is what a maker of JSX lets any element take, such as its \`HTMLAttributes\`. */
export interface BillingElements<Common = unknown> {
  ${components.map(({ tag, name }) => `'${tag}': Common & ${name}Attributes;`).join('\n')}
}

interface ReactAttributes<Element> extends HTMLAttributes<Element> {
  ref?: Ref<Element> | undefined;
  class?: string | undefined;
}

// eslint-disable-next-line @typescript-eslint/ban-ts-comment -- nothing is wrong where there is no React
/** @ts-ignore */
declare module 'react' {
  // eslint-disable-next-line @typescript-eslint/no-namespace -- it is where React looks for tags
  namespace JSX {
    interface IntrinsicElements {
      ${components.map(({ tag, name, className }) => `'${tag}': ReactAttributes<${className}> & ${name}Attributes;`).join('\n')}
    }
  }
}
`;
}

/** The element's description for the code that all components share (src/adapters/element.ts). */
function descriptionOf({ tag, attributes, properties, callbacks, reflects }: Component): string {
  const members = attributes.map(({ name, target }) => `${name}: '${target}'`);
  const listeners = callbacks.map(({ name, event, member }) => {
    return `${name}: ['${event}'${member === undefined ? '' : `, '${member}'`}]`;
  });
  return `{
    tag: '${tag}',
    attributes: { ${members.join(', ')} },
    properties: [${properties.map(({ name }) => `'${name}'`).join(', ')}],
    callbacks: { ${listeners.join(', ')} },
    reflects: ${reflects},
  }`;
}

function optionalMember({ name, description, type }: Prop): string {
  const isFunction = type.includes('=>');
  return `/** ${description} */\n${name}?: ${isFunction ? `(${type})` : type} | undefined;`;
}

function emitMember({ name, description, type }: Prop): string {
  return `/** ${description} */\n${name}: ${type};`;
}

function importEvents(callbacks: Component['callbacks']): string {
  const types = callbacks.map(({ eventType }) => eventType).sort();
  return types.length === 0 ? '' : `import type { ${types.join(', ')} } from '../../elements/events.ts';\n`;
}

function propsOf({ attributes, properties }: Component): Prop[] {
  const plain = attributes.map(({ description, target, ...prop }) => ({
    ...prop,
    description: target.startsWith('!') ? `Default true. False: ${description}` : description,
  }));
  return [...plain, ...properties];
}

function oneLine(text: string): string {
  return text.replaceAll(/\s+/g, ' ');
}

/** A Boolean that is absent must stay so: Vue would make it false. */
function vueOption(type: string): string {
  if (type === 'boolean') return '{ type: Boolean, default: undefined }';
  return type === 'number' ? 'Number' : 'String';
}

/** `onUpgrade` → `upgrade` */
function emitted(callback: string): string {
  return callback.charAt(2).toLowerCase() + callback.slice(3);
}

function fileName({ path }: Component): string {
  return `${path.split('/').at(-1) ?? ''}.ts`;
}
