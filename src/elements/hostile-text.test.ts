import type { LitElement } from 'lit';
import type { Trigger } from './events.ts';
import { FakeStore, metricOf, nudgeOf } from './testing/fake-store.ts';
import { cleanUp, find, mount } from './testing/helpers.ts';
import { afterEach, beforeEach, describe, expect, fixture, it } from './testing/test.ts';
import { pageView } from './upgrade-nudge/page-view.ts';
import './define.ts';

/**
 * Whatever text comes from a catalog, a host or an attribute: it is shown as text. None of it is executed, becomes
 * markup, a link that is not a page, or wider than its place.
 */

declare global {
  interface Window {
    executed: string[];
  }
}

const CODE = 'executed.push(1)';
const HANDLERS = ['onload', 'onerror', 'onfocus', 'onclick', 'onpointerover', 'ontoggle', 'onanimationstart'];
const ELEMENTS = [
  'img src=x',
  'svg',
  'body',
  'iframe src=x',
  'details open',
  'input autofocus',
  'video src=x',
];
const QUOTES = ['', '"', "'", '`', '">', "'>", '</bdi>', '</style>', '</title>', '-->', ']]>'];
const ENCODINGS: readonly ((text: string) => string)[] = [
  (text) => text,
  (text) => text.toUpperCase(),
  (text) => text.replaceAll('<', '&lt;').replaceAll('>', '&gt;'),
  (text) => text.replaceAll('<', '&#60;'),
  (text) => text.replaceAll('<', '\\u003c'),
  (text) => text.replaceAll('<', '\uff1c'),
  (text) => text.replaceAll('<', '%3C'),
  (text) => `\u0000${text}`,
];

const cross = <A, B, C>(as: readonly A[], bs: readonly B[], join: (a: A, b: B) => C): C[] =>
  as.flatMap((a) => bs.map((b) => join(a, b)));

const MARKUP = [
  ...cross(QUOTES, ENCODINGS, (quote, encode) => quote + encode(`<script>${CODE}</script>`)),
  ...cross(ELEMENTS, HANDLERS, (element, handler) => `<${element} ${handler}="${CODE}">`),
  ...cross(QUOTES, HANDLERS, (quote, handler) => `${quote} ${handler}=${CODE} x=${quote}`),
];
const TEMPLATES = [
  ...['${executed.push(1)}', '{{executed.push(1)}}', '{{constructor.constructor("executed.push(1)")()}}'],
  ...['<%= executed.push(1) %>', '#{executed.push(1)}', '[[executed.push(1)]]', '{%raw%}', '<!--lit-part-->'],
  ...[
    'lit$0$',
    '?lit$123$',
    '<?lit$1$>',
    '<template shadowrootmode="open">',
    '<slot>',
    '{plan}',
    '{used}',
    '{}',
  ],
];
const SHAPES = [
  ...[
    '\u202e\u2066evil\u2069',
    '\u2067\u202b\u202d',
    '\u200f'.repeat(50),
    'אבג 123 abc',
    '\u200b\u200d\ufeff',
  ],
  ...[
    'x'.repeat(20_000),
    'wort '.repeat(2_000),
    '𝕏'.repeat(3_000),
    'a\u0301'.repeat(2_000),
    '\n\t\r\f'.repeat(500),
  ],
  ...['\ud800', '\udc00\ud800', '\u0000\u0001\u0002\u007f', 'Z͑ͫ̓'.repeat(500), '👩‍👩‍👧‍👦'.repeat(500)],
  ...['__proto__', 'constructor', 'toString', 'NaN', 'null', 'undefined', '[object Object]', '-0', '1e999'],
  ...["'; DROP TABLE usage; --", '../../etc/passwd', '%00', '\\', '//evil.example', 'expression(alert(1))'],
];
const SCRIPT_SCHEMES = [
  'javascript:',
  'data:text/html,',
  'vbscript:',
  'blob:',
  'file:///',
  'about:',
  'filesystem:',
];
const DISGUISES: readonly ((scheme: string) => string)[] = [
  (scheme) => scheme,
  (scheme) => scheme.toUpperCase(),
  (scheme) => ` \t\n${scheme}`,
  (scheme) => `\u0001\u001f${scheme}`,
  (scheme) => `${scheme.slice(0, 4)}\t${scheme.slice(4)}`,
  (scheme) => `${scheme.slice(0, 2)}\n\r${scheme.slice(2)}`,
  (scheme) => `\ufeff\u00a0${scheme}`,
  (scheme) => scheme.replace('a', '&#97;'),
  (scheme) => scheme.replace(':', '&colon;'),
];
const URLS = cross(SCRIPT_SCHEMES, DISGUISES, (scheme, disguise) => `${disguise(scheme)}${CODE}//{priceId}`);
const PAYLOADS = [...MARKUP, ...TEMPLATES, ...SHAPES, ...URLS];

beforeEach(() => {
  window.executed = [];
  pageView.reset();
});
afterEach(cleanUp);

/** Element names inside, and of what kind: what a text that is read as markup would change. */
function skeletonOf(element: LitElement): string {
  return [...element.shadowRoot!.querySelectorAll('.root *')].map(({ localName }) => localName).join(' ');
}

function linksOf(element: LitElement): string[] {
  return [...element.shadowRoot!.querySelectorAll('a')].map((link) => link.protocol);
}

/** What is wider than its place, or has something in it that is. */
function tooWide(element: LitElement): string[] {
  const { clientWidth } = document.documentElement;
  const page = element.parentElement!.clientWidth;
  return [...element.shadowRoot!.querySelectorAll('.card, .row, .line, .pill, .bar, .surface')]
    .filter((inner) => {
      const room = inner.matches('[popover], dialog') ? clientWidth : page;
      return inner.scrollWidth > inner.clientWidth + 1 || inner.getBoundingClientRect().width > room + 1;
    })
    .map((inner) => `${inner.className}: ${inner.scrollWidth} in ${inner.clientWidth}`);
}

async function place(): Promise<HTMLElement> {
  const parent = await fixture<HTMLElement>('<div></div>');
  parent.style.width = '400px';
  return parent;
}

/** Shows every payload in an element that stays, and says which went wrong. */
async function offendersAmong(
  element: LitElement,
  show: (text: string) => void,
  payloads: readonly string[] = PAYLOADS,
): Promise<string[]> {
  show('Harmless');
  await element.updateComplete;
  const harmless = skeletonOf(element);
  const offenders: string[] = [];
  for (const text of payloads) {
    show(text);
    await element.updateComplete;
    const isPage = linksOf(element).every((protocol) => protocol === 'http:' || protocol === 'https:');
    const isSame = skeletonOf(element) === harmless;
    const wide = tooWide(element);
    if (!isPage || !isSame || wide.length > 0) offenders.push([text.slice(0, 80), ...wide].join(' '));
  }
  await new Promise((resolve) => setTimeout(resolve));
  return [...offenders, ...window.executed];
}

it('there are enough of them', () => {
  expect(new Set(PAYLOADS).size).to.be.greaterThan(300);
});

describe('hostile text', () => {
  const metricTexts = (text: string) => metricOf({ feature_title: text, product_name: text, unit: text });

  for (const properties of [{}, { compact: true }]) {
    it(`in titles, plans and units stays text in the display: ${JSON.stringify(properties)}`, async () => {
      const store = new FakeStore();
      const display = await mount(
        document.createElement('billing-usage-display'),
        { store, ...properties },
        await place(),
      );
      const show = (text: string) => store.set({ metrics: [metricTexts(text)] });
      expect(await offendersAmong(display, show)).to.deep.equal([]);
    });
  }

  it('in a heading stays text', async () => {
    const store = new FakeStore({ metrics: [metricOf()] });
    const display = await mount(document.createElement('billing-usage-display'), { store }, await place());
    expect(await offendersAmong(display, (text) => (display.heading = text))).to.deep.equal([]);
  });

  it('in what a bar is given stays text', async () => {
    const bar = await mount(
      document.createElement('billing-usage-bar'),
      { consumed: 5, limit: 9 },
      await place(),
    );
    const show = (text: string) => Object.assign(bar, { label: text, unit: text, lang: text });
    expect(await offendersAmong(bar, show)).to.deep.equal([]);
  });

  for (const variant of ['banner', 'toast', 'modal', 'inline'] as const) {
    it(`of a server or a host stays text in a nudge, as a ${variant}`, async () => {
      const nudge = await mount(document.createElement('billing-upgrade-nudge'), { variant }, await place());
      const show = (text: string) => (nudge.trigger = triggerOf(text));
      expect(await offendersAmong(nudge, show)).to.deep.equal([]);
    });
  }

  it('in an upgrade-url is a page or no link', async () => {
    const nudge = document.createElement('billing-upgrade-nudge');
    await mount(nudge, { variant: 'inline', trigger: triggerOf('Harmless') }, await place());
    const offenders: string[] = [];
    for (const upgradeUrl of PAYLOADS) {
      nudge.upgradeUrl = upgradeUrl;
      await nudge.updateComplete;
      const link = find(nudge, 'a') as HTMLAnchorElement | null;
      if (link !== null && !/^https?:$/.test(link.protocol)) offenders.push(upgradeUrl);
    }
    expect(offenders).to.deep.equal([]);
    expect(window.executed).to.deep.equal([]);
  });

  it('as a price in an upgrade-url stays in its place', async () => {
    const nudge = document.createElement('billing-upgrade-nudge');
    await mount(nudge, { variant: 'inline', upgradeUrl: '/pricing?plan={priceId}&from=nudge' });
    const offenders: string[] = [];
    for (const text of PAYLOADS) {
      nudge.trigger = triggerOf(text);
      await nudge.updateComplete;
      const { pathname, searchParams, origin } = new URL((find(nudge, 'a') as HTMLAnchorElement).href);
      const isThere = pathname === '/pricing' && origin === location.origin;
      if (!isThere || searchParams.get('from') !== 'nudge' || [...searchParams].length !== 2) {
        offenders.push(text.slice(0, 80));
      }
    }
    expect(offenders).to.deep.equal([]);
  });

  it('for a whole price template leads to a page, too', async () => {
    const nudge = document.createElement('billing-upgrade-nudge');
    await mount(nudge, { variant: 'inline', upgradeUrl: '{priceId}' });
    const offenders = await offendersAmong(nudge, (text) => (nudge.trigger = triggerOf(text)), URLS);
    expect(offenders).to.deep.equal([]);
  });
});

/** A trigger that says this text wherever one can be said. */
function triggerOf(text: string): Trigger {
  const { suggestedPlan } = nudgeOf();
  return {
    type: text,
    feature: text,
    threshold: 80,
    resets_at: text,
    message: { title: text, body: text, cta: text },
    suggestedPlan: suggestedPlan && {
      ...suggestedPlan,
      id: text,
      priceId: text,
      name: text,
      price: { amount: 4900, currency: text, interval: text },
      highlights: [text],
      limits: [{ feature: text, title: text, from: 1, to: 2 }],
    },
  };
}
