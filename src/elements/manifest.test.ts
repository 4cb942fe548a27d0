import type { LitElement } from 'lit';
import type { UsageSnapshot } from '../store/types.ts';
import { FakeStore, metricOf, nudgeOf } from './testing/fake-store.ts';
import { cleanUp, mount } from './testing/helpers.ts';
import { afterEach, beforeEach, describe, expect, it } from './testing/test.ts';
import './define.ts';
import { pageView } from './upgrade-nudge/page-view.ts';

/** The manifest against the elements: nothing public is undocumented, and nothing documented is missing. */

interface Named {
  name: string;
  description?: string;
}

interface Declaration {
  tagName?: string;
  attributes?: (Named & { fieldName: string })[];
  members?: (Named & { kind: string; privacy?: string })[];
  events?: Named[];
  slots?: Named[];
  cssParts?: Named[];
  cssProperties?: Named[];
  cssStates?: Named[];
}

const manifest = (await (await fetch('/custom-elements.json')).json()) as {
  modules: { path: string; declarations?: Declaration[] }[];
};
const tags = [
  'billing-provider',
  'billing-usage-display',
  'billing-usage-bar',
  'billing-upgrade-nudge',
] as const;
type Tag = (typeof tags)[number];

const entryOf = (tag: Tag) => {
  const entries = manifest.modules.flatMap(({ path, declarations = [] }) =>
    declarations.filter(({ tagName }) => tagName === tag).map((declaration) => ({ path, declaration })),
  );
  expect(entries).to.have.length(1);
  return entries[0]!;
};
const documented = (tag: Tag, kind: Exclude<keyof Declaration, 'tagName'>) =>
  namesOf(entryOf(tag).declaration[kind]);
const namesOf = (list: readonly Named[] = []) => [...new Set(list.map(({ name }) => name))].sort();
const classOf = (tag: Tag) => customElements.get(tag) as typeof LitElement;

const errorNamed = (name: string) =>
  Object.assign(new Error('no'), { name }) as unknown as UsageSnapshot['error'];
const seats = { feature_type: 'numeric_limit', consumed: 4, limit: 5 } as const;
const metrics = [
  metricOf(),
  metricOf({ ...seats, feature_key: 'seats' }),
  metricOf({ feature_key: 'over', consumed: 2000 }),
  metricOf({ feature_key: 'full', consumed: 960 }),
  metricOf({ feature_key: 'free', limit: Infinity }),
];
const pictures: Partial<UsageSnapshot>[] = [
  { status: 'pending' },
  { status: 'error', error: errorNamed('NetworkError') },
  { metrics: [] },
  ...metrics.map((metric) => ({ metrics: [metric], nudges: [nudgeOf({ feature: metric.feature_key })] })),
  { metrics, nudges: [nudgeOf({ severity: 'critical' })], stale: true },
  { metrics, nudges: [nudgeOf({ severity: 'exceeded' })] },
];
const variants: object[] = [
  {},
  { compact: true },
  { variant: 'toast' },
  { variant: 'modal' },
  { heading: 'Usage', featureKey: 'api_calls' },
  ...metrics.map((metric) => ({ featureKey: metric.feature_key })),
];
const NAMES = ['loading', 'error', 'stale', 'warning', 'critical', 'exceeded', 'unlimited'];

/** Every part, slot and state that an element has in any of its pictures. */
async function seenIn(tag: Tag): Promise<Record<'parts' | 'slots' | 'states', string[]>> {
  const parts = new Set<string>();
  const slots = new Set<string>();
  const states = new Set<string>();
  for (const picture of [undefined, ...pictures]) {
    for (const properties of variants) {
      pageView.reset();
      const store = picture === undefined ? {} : { store: new FakeStore(picture) };
      const element = await mount(
        Object.assign(document.createElement(tag) as LitElement, store, properties),
      );
      const root = element.shadowRoot!;
      for (const part of root.querySelectorAll('[part]')) for (const name of part.part) parts.add(name);
      for (const slot of root.querySelectorAll('slot')) slots.add(slot.name);
      for (const name of NAMES) if (element.matches(`:state(${name})`)) states.add(name);
      element.remove();
    }
  }
  return { parts: [...parts].sort(), slots: [...slots].sort(), states: [...states].sort() };
}

/** The events that a source dispatches on the element itself. */
async function firedBy(path: string): Promise<string[]> {
  const source = await (await fetch(`/${path}`)).text();
  const names = [...source.matchAll(/new CustomEvent\(\s*["'](billing-[\w-]+)/g)].map(([, name]) => name!);
  return [...new Set(names)].sort();
}

beforeEach(() => pageView.reset());
afterEach(cleanUp);

for (const tag of tags) {
  describe(`the manifest of <${tag}>`, () => {
    it('has its attributes, and no other', () => {
      expect(documented(tag, 'attributes')).to.deep.equal([...classOf(tag).observedAttributes].sort());
    });

    it('names the property of every attribute', () => {
      const properties = classOf(tag).elementProperties;
      const wrong = (entryOf(tag).declaration.attributes ?? []).filter(({ name, fieldName }) => {
        const options = properties.get(fieldName);
        return (options?.attribute ?? fieldName) !== name;
      });
      expect(wrong).to.deep.equal([]);
    });

    it('has the properties that are no attributes', () => {
      const properties = [...classOf(tag).elementProperties].filter(
        ([, { attribute }]) => attribute === false,
      );
      const members = (entryOf(tag).declaration.members ?? []).filter(
        ({ description }) => description !== undefined,
      );
      const missing = properties
        .map(([name]) => String(name))
        .filter((name) => !namesOf(members).includes(name));
      expect(missing).to.deep.equal([]);
    });

    it('has its events, and no other', async () => {
      // The provider's is fired for it, by whichever element sees the failure first.
      const path = tag === 'billing-provider' ? 'src/elements/internal/errors.ts' : entryOf(tag).path;
      expect(documented(tag, 'events')).to.deep.equal(await firedBy(path));
    });

    it('has its parts, slots and states, and no other', async () => {
      expect(await seenIn(tag)).to.deep.equal({
        parts: documented(tag, 'cssParts'),
        slots: documented(tag, 'slots'),
        states: documented(tag, 'cssStates'),
      });
    });

    it('has the design tokens it uses, and no other', () => {
      const styles = classOf(tag).elementStyles.map(String).join('');
      const used = [...styles.matchAll(/var\((--billing-[\w-]+)/g)].map(([, name]) => name!);
      expect(documented(tag, 'cssProperties')).to.deep.equal([...new Set(used)].sort());
    });

    it('describes everything that it names', () => {
      const { attributes = [], events = [], slots = [], ...css } = entryOf(tag).declaration;
      const { cssParts = [], cssProperties = [], cssStates = [] } = css;
      const all = [...attributes, ...events, ...slots, ...cssParts, ...cssProperties, ...cssStates];
      expect(all.filter(({ description }) => (description ?? '') === '')).to.deep.equal([]);
    });
  });
}
