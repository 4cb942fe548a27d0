import type { LitElement } from 'lit';
import { FakeStore, metricOf, nudgeOf } from './testing/fake-store.ts';
import { cleanUp, find, mount } from './testing/helpers.ts';
import { afterEach, beforeEach, describe, expect, it } from './testing/test.ts';

/*
 * What a person may expect of any element, of all four. The page is written before the elements are defined, and
 * they are defined in the wrong order: the consumers before the provider.
 */

const TAGS = [
  'billing-provider',
  'billing-usage-display',
  'billing-usage-bar',
  'billing-upgrade-nudge',
] as const;
type Tag = (typeof TAGS)[number];

/** Watches what the page is asked to hold from now on. What it returns ends that, and tells what is still held. */
function watchPage(): () => { listeners: number; timers: number } {
  const timers = new Set<number>();
  let listeners = 0;
  const [start, stop] = [window.setTimeout.bind(window), window.clearTimeout.bind(window)];
  window.setTimeout = ((callback: () => void, delay?: number) => {
    const id = start(() => {
      timers.delete(id);
      callback();
    }, delay);
    timers.add(id);
    return id;
  }) as typeof window.setTimeout;
  window.clearTimeout = (id) => {
    timers.delete(Number(id));
    stop(id);
  };
  for (const target of [window, document]) {
    const add: EventTarget['addEventListener'] = target.addEventListener.bind(target);
    const remove: EventTarget['removeEventListener'] = target.removeEventListener.bind(target);
    target.addEventListener = (...args: Parameters<EventTarget['addEventListener']>) => {
      listeners += 1;
      add(...args);
    };
    target.removeEventListener = (...args: Parameters<EventTarget['removeEventListener']>) => {
      listeners -= 1;
      remove(...args);
    };
  }
  return () => {
    Object.assign(window, { setTimeout: start, clearTimeout: stop });
    for (const target of [window, document] as Partial<Document>[]) {
      delete target.addEventListener;
      delete target.removeEventListener;
    }
    return { listeners, timers: timers.size };
  };
}

const makeStore = () => new FakeStore({ metrics: [metricOf()], nudges: [nudgeOf()] });
const early = document.createElement('div');
early.innerHTML = `<billing-provider>${TAGS.slice(1)
  .map((tag) => `<${tag} feature-key="api_calls">fallback</${tag}>`)
  .join('')}</billing-provider>`;
document.body.append(early);
const earlyStore = makeStore();
Object.assign(early.querySelector('billing-provider')!, { store: earlyStore });
Object.assign(early.querySelector('billing-usage-bar')!, { label: 'Early' });

const { pageView } = await import('./upgrade-nudge/page-view.ts');
await import('./upgrade-nudge/upgrade-nudge.define.ts');
await import('./usage-bar/usage-bar.define.ts');
await import('./usage-display/usage-display.define.ts');
await import('./provider/provider.define.ts');
const earlyShows = await Promise.all(
  [...early.querySelectorAll<LitElement>(TAGS.slice(1).join())].map(async (element) => {
    await element.updateComplete;
    return find(element, '.root') !== null;
  }),
);
const earlyLabel = find(early.querySelector('billing-usage-bar')!, '.name')?.textContent;
early.remove();

/** Attributes and the properties they are, with a value for each; the property may read back another way. */
const ATTRIBUTES: Readonly<
  Record<Tag, readonly [attribute: string, property: string, text: string, value: unknown][]>
> = {
  'billing-provider': [
    ['session-token-url', 'sessionTokenUrl', '/session', '/session'],
    ['session-token', 'sessionToken', 't', 't'],
    ['api-url', 'apiUrl', 'http://127.0.0.1:9', 'http://127.0.0.1:9'],
    ['live', 'live', 'off', 'off'],
    ['theme', 'theme', 'dark', 'dark'],
  ],
  'billing-usage-display': [
    ['feature-key', 'featureKey', 'api_calls', 'api_calls'],
    ['heading', 'heading', 'Usage', 'Usage'],
    ['heading-level', 'headingLevel', '2', 2],
    ['hide-progress', 'hideProgress', '', true],
    ['hide-reset', 'hideReset', '', true],
    ['compact', 'compact', '', true],
    ['rows', 'rows', '4', 4],
    ['theme', 'theme', 'dark', 'dark'],
  ],
  'billing-usage-bar': [
    ['feature-key', 'featureKey', 'api_calls', 'api_calls'],
    ['consumed', 'consumed', '1.5', 1.5],
    ['limit', 'limit', '2', 2],
    ['label', 'label', 'Calls', 'Calls'],
    ['unit', 'unit', 'gb', 'gb'],
    ['warn-at', 'warnAt', '50', 50],
    ['critical-at', 'criticalAt', '90', 90],
    ['hide-label', 'hideLabel', '', true],
    ['hide-value', 'hideValue', '', true],
    ['theme', 'theme', 'dark', 'dark'],
  ],
  'billing-upgrade-nudge': [
    ['variant', 'variant', 'toast', 'toast'],
    ['feature-key', 'featureKey', 'api_calls', 'api_calls'],
    ['threshold', 'threshold', '80', 80],
    ['auto-dismiss', 'autoDismiss', '9000', 9000],
    ['snooze', 'snooze', '60', 60],
    ['upgrade-url', 'upgradeUrl', '/pricing', '/pricing'],
    ['manual', 'manual', '', true],
    ['open', 'open', '', true],
    ['theme', 'theme', 'dark', 'dark'],
  ],
};
const EVENTS = ['billing-upgrade', 'billing-dismiss', 'billing-error', 'change', 'input', 'toggle', 'close'];

type Loose = LitElement & Record<string, unknown>;
const create = (tag: Tag) => document.createElement(tag) as LitElement as Loose;
const shown = (element: Element) => find(element, '.root')?.textContent.replace(/\s+/g, ' ');

beforeEach(() => pageView.reset());
afterEach(cleanUp);

describe('elements that were on the page before they were defined', () => {
  it('find their provider, which was defined after them', () => {
    expect(earlyShows).to.deep.equal([true, true, true]);
  });

  it('keep the properties that were set on them', () => {
    expect(earlyLabel).to.equal('Early');
  });
});

for (const tag of TAGS) {
  describe(`<${tag}>`, () => {
    it('is made by its constructor and by its name alike, with nothing on it', () => {
      const Element = customElements.get(tag)!;
      expect([new Element(), create(tag)].map((made) => made.outerHTML)).to.deep.equal([
        `<${tag}></${tag}>`,
        `<${tag}></${tag}>`,
      ]);
    });

    it('sets nothing on itself on the page', async () => {
      const element = await mount(create(tag), { store: new FakeStore({ metrics: [metricOf()] }) });
      expect(element.outerHTML).to.equal(`<${tag}></${tag}>`);
    });

    for (const [attribute, property, text, value] of ATTRIBUTES[tag]) {
      it(`takes ${attribute} as ${property}`, () => {
        const element = create(tag);
        element.setAttribute(attribute, text);
        expect(element[property]).to.equal(value);
      });

      it(`goes back when ${attribute} is removed`, () => {
        const element = create(tag);
        const before = element[property];
        element.setAttribute(attribute, text);
        element.removeAttribute(attribute);
        expect(Boolean(element[property]) && element[property] !== before).to.equal(false);
      });

      if (attribute !== 'open') {
        it(`leaves the attribute ${attribute} alone when ${property} is set`, async () => {
          const element = await mount(create(tag), { store: new FakeStore() });
          element[property] = value;
          await element.updateComplete;
          expect(element.hasAttribute(attribute)).to.equal(false);
        });
      }
    }

    it('is hidden by the hidden attribute', async () => {
      const element = await mount(create(tag), { store: makeStore(), hidden: true });
      expect(getComputedStyle(element).display).to.equal('none');
    });

    it('survives to be taken away and put back, and lets go in between', async () => {
      const store = makeStore();
      const element = await mount(create(tag), { store, featureKey: 'api_calls' });
      const before = [shown(element), store.subscribers];
      element.remove();
      const away = store.subscribers;
      pageView.reset();
      await mount(element);
      expect([[shown(element), store.subscribers], away]).to.deep.equal([before, 0]);
    });

    it('leaves no listener, timer or subscription behind in 1 000 connections', async () => {
      const store = makeStore();
      const element = await mount(create(tag), { store, featureKey: 'api_calls' });
      element.remove();
      const holds = watchPage();
      for (let round = 0; round < 1_000; round += 1) {
        document.body.append(element);
        if (round % 50 === 0) await element.updateComplete;
        element.remove();
      }
      await element.updateComplete;
      expect([store.subscribers, holds()]).to.deep.equal([0, { listeners: 0, timers: 0 }]);
    });

    it('is the same after it was moved', async () => {
      const store = makeStore();
      const element = await mount(create(tag), { store, featureKey: 'api_calls' });
      const before = shown(element);
      const elsewhere = document.body.appendChild(document.createElement('div'));
      elsewhere.append(element);
      await element.updateComplete;
      expect(shown(element)).to.equal(before);
      elsewhere.remove();
    });

    it('can be cloned with its attributes', async () => {
      const element = await mount(create(tag), { store: makeStore() });
      element.setAttribute('theme', 'dark');
      const holder = document.createElement('div');
      holder.append(element.cloneNode(true));
      const copy = holder.querySelector<Loose>(tag)!;
      await mount(copy);
      expect([copy instanceof customElements.get(tag)!, copy['theme']]).to.deep.equal([true, 'dark']);
    });

    it('fires no event when the page writes to it', async () => {
      const fired: string[] = [];
      const element = create(tag);
      for (const event of EVENTS) element.addEventListener(event, () => fired.push(event));
      await mount(element, { store: makeStore() });
      for (const [attribute, property, text, value] of ATTRIBUTES[tag]) {
        element[property] = value;
        await element.updateComplete;
        element.setAttribute(attribute, text);
        await element.updateComplete;
        element.removeAttribute(attribute);
        await element.updateComplete;
      }
      expect(fired).to.deep.equal([]);
    });
  });
}
