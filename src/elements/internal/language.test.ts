import { html } from 'lit';
import { registerMessages } from '../messages.ts';
import { FakeStore, metricOf } from '../testing/fake-store.ts';
import { FakeTime } from '../testing/fake-time.ts';
import { cleanUp, find, mount, textOf, warningsOf } from '../testing/helpers.ts';
import { afterEach, describe, expect, fixture, it, waitUntil } from '../testing/test.ts';
import '../usage-bar/usage-bar.define.ts';
import '../usage-display/usage-display.define.ts';
import { add } from './languages.ts';

const DAY_MS = 24 * 60 * 60 * 1000;
const make = () =>
  Object.assign(document.createElement('billing-usage-bar'), { label: 'x', consumed: 1234.5, limit: 20_000 });
const within = (lang: string) => fixture<HTMLElement>(html`<div lang=${lang}></div>`);
/** Any white space between digits, as one: which one it is, is the browser's choice. */
const plain = (text: string) => text.replace(/\s+/g, ' ');
const shows = (element: Element, text: string) =>
  waitUntil(() => plain(textOf(element)) === text, `shows no "${text}"`);
const languageOf = (element: Element) => find(element, '.root')!.lang;

async function reads(lang: string, text: string): Promise<void> {
  await shows(await mount(make(), {}, await within(lang)), text);
}

afterEach(cleanUp);

describe('the language of an element', () => {
  it('is English until its catalogue has arrived', async () => {
    const bar = await mount(make(), {}, await within('fr'));
    expect([textOf(bar), languageOf(bar)]).to.deep.equal(['x 1,234.5 of 20,000', 'en']);
    await shows(bar, 'x 1 234,5 sur 20 000');
    expect(languageOf(bar)).to.equal('fr');
  });

  it('is at hand at once the second time', async () => {
    await reads('fr', 'x 1 234,5 sur 20 000');
    const bar = await mount(make(), {}, await within('fr'));
    expect(plain(textOf(bar))).to.equal('x 1 234,5 sur 20 000');
  });

  const habits = [
    ['de', 'x 1.234,5 von 20.000'],
    [
      'de-CH',
      `x ${new Intl.NumberFormat('de-CH').format(1234.5)} von ${new Intl.NumberFormat('de-CH').format(2e4)}`,
    ],
    ['de_DE', 'x 1.234,5 von 20.000'],
    ['de-@', 'x 1.234,5 von 20.000'],
    ['en-IN', 'x 1,234.5 of 20,000'],
    ['es', 'x 1234,5 de 20.000'],
    ['ja', 'x 1,234.5 / 20,000'],
    ['ar-EG', 'x ١٬٢٣٤٫٥ من ٢٠٬٠٠٠'],
    ['ar-AE', 'x 1,234.5 من 20,000'],
  ] as const;
  for (const [lang, text] of habits) {
    it(`has the number habits of its region: ${lang}`, async () => {
      await reads(lang, text);
    });
  }

  for (const lang of ['tlh', 'constructor', '-', '@', ' ']) {
    it(`is English where there are no texts: "${lang}"`, async () => {
      const bar = await mount(make(), {}, await within(lang));
      expect([textOf(bar), languageOf(bar)]).to.deep.equal(['x 1,234.5 of 20,000', 'en']);
    });
  }

  it('follows a change above it', async () => {
    const around = await within('de');
    const bar = await mount(make(), {}, around);
    await shows(bar, 'x 1.234,5 von 20.000');
    around.lang = 'en';
    await shows(bar, 'x 1,234.5 of 20,000');
  });

  it('follows a change above the shadow roots it is in', async () => {
    const around = await within('en');
    const outer = around.attachShadow({ mode: 'closed' }).appendChild(document.createElement('div'));
    const bar = make();
    outer.attachShadow({ mode: 'open' }).append(bar);
    outer.lang = 'de';
    await shows(bar, 'x 1.234,5 von 20.000');
    outer.removeAttribute('lang');
    around.lang = 'ja';
    await shows(bar, 'x 1,234.5 / 20,000');
  });

  it('follows the element to another place', async () => {
    const bar = await mount(make(), {}, await within('en'));
    (await within('de')).append(bar);
    await shows(bar, 'x 1.234,5 von 20.000');
  });

  it('stays English, with one warning, when the texts cannot be loaded', async () => {
    add('xx', () => Promise.reject(new Error('offline')));
    const warnings = await warningsOf(async () => {
      const bar = await mount(make(), {}, await within('xx'));
      await mount(make(), {}, await within('xx'));
      expect(textOf(bar)).to.equal('x 1,234.5 of 20,000');
    });
    expect(warnings).to.have.length(1);
  });
});

describe('registerMessages', () => {
  it('says a text differently, on the page already too', async () => {
    const bar = await mount(make(), {}, await within('en-GB'));
    registerMessages('en', { valueOfLimit: '{used} out of {limit}' });
    await shows(bar, 'x 1,234.5 out of 20,000');
    registerMessages('en', { valueOfLimit: '{used} of {limit}' });
  });

  it('goes before a catalogue that comes later', async () => {
    const { default: catalogue } = await import('../locales/de.ts');
    let arrive: () => void = () => undefined;
    add('yy', () => new Promise((resolve) => (arrive = () => resolve({ default: catalogue }))));
    const display = document.createElement('billing-usage-display');
    await mount(display, { store: new FakeStore({ metrics: [metricOf()] }) }, await within('yy'));
    registerMessages('yy', { valueOfLimit: '{used}|{limit}' });
    arrive();
    await waitUntil(() => textOf(display, '.heading') === 'Nutzung');
    expect(textOf(display, '.value')).to.equal('842|1,000');
  });

  it('gives a language to pages that have none', async () => {
    registerMessages('pt', { valueOfLimit: '{used} de {limit}' });
    await reads('pt-BR', 'x 1.234,5 de 20.000');
  });

  it('keeps what a region says to that region', async () => {
    registerMessages('DE-at', { valueOfLimit: '{used} aus {limit}' });
    await reads('de-AT', 'x 1 234,5 aus 20 000');
    await reads('de', 'x 1.234,5 von 20.000');
  });

  it('ignores what is no text of the elements, with one warning', async () => {
    const odd = { nonsense: 'x', valueOfLimit: 5, resetsIn: { one: 'x' }, constructor: 'x' };
    const warnings = await warningsOf(() => {
      registerMessages('en', odd as object);
      registerMessages('en', odd as object);
    });
    expect(warnings).to.have.length(1);
    expect(warnings[0]!).to.contain('nonsense, valueOfLimit, resetsIn, constructor');
    await reads('en', 'x 1,234.5 of 20,000');
  });

  it('takes text, not markup', async () => {
    registerMessages('qq', { valueOfLimit: '<img src=x> {used} {nothing}' });
    await reads('qq', 'x <img src=x> 1,234.5');
  });
});

describe('the days until a reset', () => {
  const summaries: [string, number, string][] = [
    ['de', 1, 'Reset in 1 Tag'],
    ['fr', 9, 'Réinitialisation dans 9 jours'],
    ['ja', 9, '9日後にリセット'],
    ['ar', 1, 'يتجدد خلال يوم واحد'],
    ['ar', 2, 'يتجدد خلال يومين'],
    ['ar', 3, 'يتجدد خلال 3 أيام'],
    ['ar', 11, 'يتجدد خلال 11 يومًا'],
    ['ar', 100, 'يتجدد خلال 100 يوم'],
  ];
  for (const [lang, days, text] of summaries) {
    it(`are said in the plural of ${lang}: ${days}`, async () => {
      const periodEnd = new Date(Date.parse('2026-02-03T14:02:00.000Z') + days * DAY_MS).toISOString();
      const store = new FakeStore({ metrics: [metricOf({ resets_in_days: days, period_end: periodEnd })] });
      const display = document.createElement('billing-usage-display');
      await mount(display, { store }, await within(lang));
      await waitUntil(() => textOf(display, '.sub').endsWith(text), `says no "${text}"`);
    });
  }

  it('pass while the page is open', async () => {
    const time = new FakeTime();
    const store = new FakeStore({ metrics: [metricOf()] });
    const display = await mount(document.createElement('billing-usage-display'), { store });
    const before = textOf(display, '.sub');
    time.pass(2 * DAY_MS);
    await display.updateComplete;
    const after = textOf(display, '.sub');
    time.restore();
    expect(before).to.equal('84% used, 158 left Resets in 9 days');
    expect(after).to.equal('84% used, 158 left Resets in 7 days');
  });

  it('are drawn by one timer, and by none without elements', async () => {
    const time = new FakeTime();
    await mount(make());
    await mount(make());
    const running = time.pending;
    cleanUp();
    const left = time.pending;
    time.restore();
    expect([running, left]).to.deep.equal([1, 0]);
  });
});
