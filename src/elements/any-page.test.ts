import { emulateMedia } from '@web/test-runner-commands';
import type { LitElement } from 'lit';
import { FakeStore, metricOf, nudgeOf } from './testing/fake-store.ts';
import { cleanUp, find, mount, textOf } from './testing/helpers.ts';
import { afterEach, beforeEach, describe, expect, fixture, it } from './testing/test.ts';
import { pageView } from './upgrade-nudge/page-view.ts';
import './define.ts';

/** The elements where they did not grow up: in other documents, dialogs and templates, under other people's CSS. */

const TAGS = ['billing-usage-display', 'billing-usage-bar', 'billing-upgrade-nudge'] as const;
type Tag = (typeof TAGS)[number];

const storeOf = (consumed = 842) => new FakeStore({ metrics: [metricOf({ consumed })], nudges: [nudgeOf()] });
const create = (tag: Tag, store = storeOf()) =>
  Object.assign(document.createElement(tag), { store, featureKey: 'api_calls', variant: 'inline' });
const pageOf = (frame: HTMLIFrameElement) => frame.contentDocument!;

beforeEach(() => pageView.reset());
afterEach(async () => {
  cleanUp();
  document.adoptedStyleSheets = [];
  await emulateMedia({ media: 'screen' });
});

async function iframe(): Promise<HTMLIFrameElement> {
  return fixture<HTMLIFrameElement>('<iframe></iframe>');
}

for (const tag of TAGS) {
  describe(`<${tag}> in another place`, () => {
    it('shows the same in another document, and lets go of the store when that is gone', async () => {
      const store = storeOf();
      const element = await mount(create(tag, store));
      const before = textOf(element);
      const frame = await iframe();
      pageOf(frame).body.append(pageOf(frame).adoptNode(element));
      await element.updateComplete;
      const { display } = getComputedStyle(find(element, '.root > *')!);
      expect([before.length > 0, textOf(element), store.subscribers, display !== 'inline']).to.deep.equal([
        true,
        before,
        1,
        true,
      ]);
      element.remove();
      expect(store.subscribers).to.equal(0);
    });

    it('shows the same back again', async () => {
      const element = await mount(create(tag));
      const before = textOf(element);
      const frame = await iframe();
      pageOf(frame).body.append(element);
      await element.updateComplete;
      document.body.append(element);
      await element.updateComplete;
      expect(textOf(element)).to.equal(before);
    });

    it('can be cloned out of a template', async () => {
      const template = document.createElement('template');
      template.innerHTML = `<div><${tag} feature-key="api_calls" variant="inline"></${tag}></div>`;
      const copy = document.importNode(template.content, true);
      const element = copy.querySelector(tag)!;
      element.store = storeOf();
      document.body.append(copy);
      await element.updateComplete;
      expect(textOf(element)).to.contain('84');
      element.parentElement!.remove();
    });

    it('is seen in a modal dialog', async () => {
      const dialog = await fixture<HTMLDialogElement>('<dialog></dialog>');
      const element = await mount(create(tag), {}, dialog);
      dialog.showModal();
      const { width, height } = find(element, '.root > *')!.getBoundingClientRect();
      expect(width * height).to.be.greaterThan(0);
    });
  });
}

describe('a nudge over a modal dialog', () => {
  for (const variant of ['banner', 'toast'] as const) {
    it(`can be pressed as a ${variant} in it`, async () => {
      const dialog = await fixture<HTMLDialogElement>('<dialog></dialog>');
      dialog.showModal();
      const nudge = await mount(create('billing-upgrade-nudge'), { variant }, dialog);
      await Promise.all(
        find(nudge, '.surface')!
          .getAnimations()
          .map(({ finished }) => finished),
      );
      const { x, y, width, height } = find(nudge, '[part="dismiss"]')!.getBoundingClientRect();
      const hit = nudge.shadowRoot!.elementFromPoint(x + width / 2, y + height / 2);
      expect(hit?.closest('[part="dismiss"]') === find(nudge, '[part="dismiss"]')).to.equal(true);
    });
  }
});

describe('under other people’s CSS', () => {
  const SHEETS: Readonly<Record<string, string>> = {
    'rules for everything':
      '* { color: lime; background: red; border: 9px solid; margin: 9px; padding: 9px; float: left; opacity: 1 }',
    'rules for what is in here':
      'button, a, p, ul, li, b, svg, span, section, div { all: unset; color: lime }',
    'important rules': 'button, p, li { color: lime !important; display: none !important }',
    'classes of the same names':
      '.card, .row, .track, .fill, .surface, .button { display: none; fill: lime }',
    'ways to write':
      'body { text-align: right; text-indent: 4em; text-transform: uppercase; white-space: pre }',
    'a small root': ':root { font-size: 62.5% } body { font-size: 16px }',
  };
  const PROPERTIES = [
    ...[
      'color',
      'background-color',
      'border-top-width',
      'padding-top',
      'display',
      'fill',
      'opacity',
      'cursor',
    ],
    ...['text-align', 'text-indent', 'text-transform', 'white-space-collapse', 'font-size', 'line-height'],
  ];

  /** The look of everything inside. */
  function lookOf(element: Element): string[] {
    return [...element.shadowRoot!.querySelectorAll('.root, .root *')].map((inner) => {
      const style = getComputedStyle(inner);
      const values = PROPERTIES.map((property) => `${property}: ${style.getPropertyValue(property)}`);
      return `${inner.localName}.${inner.getAttribute('class')} ${values.join('; ')}`;
    });
  }

  function use(css: string): void {
    const sheet = new CSSStyleSheet();
    sheet.replaceSync(css);
    document.adoptedStyleSheets = [sheet];
  }

  for (const tag of TAGS) {
    for (const [name, css] of Object.entries(SHEETS)) {
      it(`<${tag}> looks the same: ${name}`, async () => {
        document.body.style.fontSize = '16px';
        // What is laid out by the width that there is must find the same.
        const place = await fixture('<div style="display: block; inline-size: 400px"></div>');
        const element: LitElement = await mount(create(tag), {}, place);
        const before = lookOf(element);
        use(css);
        expect(lookOf(element)).to.deep.equal(before);
        document.body.style.fontSize = '';
      });
    }

    it(`<${tag}> stays whole where everything is unset`, async () => {
      const element = await mount(create(tag));
      use('* { all: unset }');
      const { width, height } = find(element, '.root > *')!.getBoundingClientRect();
      expect(width * height).to.be.greaterThan(0);
    });

    it(`<${tag}> stays hidden whatever the page says`, async () => {
      const element = await mount(create(tag), { hidden: true });
      use(`* { display: flex } ${tag} { display: grid }`);
      expect(getComputedStyle(element).display).to.equal('none');
    });
  }
});

describe('where a box is as wide as what is in it', () => {
  const PLACES = {
    'a flex row': 'display: flex',
    'a column that centres': 'display: flex; flex-direction: column; align-items: center',
    'a grid that centres': 'display: grid; justify-items: center',
    'an inline block': 'display: inline-block',
  };
  for (const [name, place] of Object.entries(PLACES)) {
    for (const width of [1000, 200]) {
      it(`the card has a width, and fits: ${name} in ${width} pixels`, async () => {
        const parent = await fixture<HTMLElement>('<div><div></div></div>');
        parent.style.width = `${width}px`;
        const inner = parent.firstElementChild as HTMLElement;
        inner.style.cssText = `${place}; max-width: 100%`;
        const display = await mount(create('billing-usage-display'), {}, inner);
        const card = find(display, '.card')!.getBoundingClientRect();
        expect(card.width).to.be.greaterThan(190);
        expect(card.width).to.be.at.most(width);
      });
    }
  }
});

describe('on paper', () => {
  it('the card has its numbers and no light that says it is live', async () => {
    const store = new FakeStore({ metrics: [metricOf()], live: true });
    const display = await mount(document.createElement('billing-usage-display'), { store });
    await emulateMedia({ media: 'print' });
    expect(getComputedStyle(find(display, '.live')!).display).to.equal('none');
    expect(find(display, '.row')!.getBoundingClientRect().height).to.be.greaterThan(0);
  });

  for (const variant of ['banner', 'toast', 'inline', 'modal'] as const) {
    it(`there is no nudge, as a ${variant}`, async () => {
      const nudge = await mount(create('billing-upgrade-nudge'), { variant });
      await emulateMedia({ media: 'print' });
      expect(find(nudge, '.surface')!.getBoundingClientRect().height).to.equal(0);
    });
  }
});
