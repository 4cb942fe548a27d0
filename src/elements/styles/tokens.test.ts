import fc from 'fast-check';
import { html, type LitElement } from 'lit';
import { FakeStore, metricOf, nudgeOf } from '../testing/fake-store.ts';
import { cleanUp, find, mount } from '../testing/helpers.ts';
import { afterEach, beforeEach, describe, expect, fixture, it } from '../testing/test.ts';
import '../define.ts';
import { pageView } from '../upgrade-nudge/page-view.ts';

/** WCAG 2, AA, for text. */
const CONTRAST_MIN = 4.5;
const SEED = 20_261_125;
const RUNS = 500;
/** Where text turns from white to black (`primary-button.ts`): the colours around it are the hardest. */
const TURN = 0.179;

const pixel = document.createElement('canvas').getContext('2d', { willReadFrequently: true })!;

/** The luminance of a CSS colour as it is painted. */
function luminanceOf(color: string): number {
  pixel.clearRect(0, 0, 1, 1);
  pixel.fillStyle = color;
  pixel.fillRect(0, 0, 1, 1);
  const [red = 0, green = 0, blue = 0] = pixel.getImageData(0, 0, 1, 1).data;
  return luminance(red, green, blue);
}

function luminance(...channels: [number, number, number]): number {
  const [red = 0, green = 0, blue = 0] = channels.map((channel) => {
    const share = channel / 255;
    return share <= 0.04045 ? share / 12.92 : ((share + 0.055) / 1.055) ** 2.4;
  });
  return 0.2126 * red + 0.7152 * green + 0.0722 * blue;
}

function contrast(a: string, b: string): number {
  const [dark = 0, light = 0] = [luminanceOf(a), luminanceOf(b)].sort((x, y) => x - y);
  return (light + 0.05) / (dark + 0.05);
}

const hex = (red: number, green: number, blue: number) => `rgb(${red} ${green} ${blue})`;
/** For any red and green the two blues around the turn, where there are any. */
const byTheTurn = fc.tuple(fc.nat(255), fc.nat(255)).map(([red, green]) => {
  const blues = Array.from({ length: 256 }, (_, blue) => blue);
  const nearest = blues.reduce((best, blue) =>
    Math.abs(luminance(red, green, blue) - TURN) < Math.abs(luminance(red, green, best) - TURN) ? blue : best,
  );
  return hex(red, green, nearest);
});
const anyColor = fc.oneof(
  fc.tuple(fc.nat(255), fc.nat(255), fc.nat(255)).map((channels) => hex(...channels)),
  byTheTurn,
  fc.constantFrom(
    'yellow',
    'black',
    'white',
    '#00f',
    'oklch(0.7 0.4 150)',
    'color(display-p3 0 1 0)',
    'hsl(60 100% 50%)',
  ),
);

afterEach(cleanUp);
beforeEach(() => pageView.reset());

async function nudgeIn(parent: HTMLElement): Promise<HTMLElement> {
  const store = new FakeStore({ metrics: [metricOf()], nudges: [nudgeOf()] });
  const nudge = await mount(
    document.createElement('billing-upgrade-nudge'),
    { variant: 'inline', store },
    parent,
  );
  const button = find(nudge, '.primary')!;
  button.style.transition = 'none';
  return button;
}

describe('text on the brand colour', () => {
  for (const theme of ['light', 'dark'] as const) {
    it(`is readable whatever the colour is, in the ${theme}`, async () => {
      const parent = await fixture<HTMLElement>(html`<div></div>`);
      parent.style.colorScheme = theme;
      const button = await nudgeIn(parent);
      fc.assert(
        fc.property(anyColor, (color) => {
          parent.style.setProperty('--billing-color-primary', color);
          const { backgroundColor, color: ink } = getComputedStyle(button);
          return contrast(backgroundColor, ink) >= CONTRAST_MIN;
        }),
        { seed: SEED, numRuns: RUNS },
      );
    });

    it(`is readable in the default colour, in the ${theme}`, async () => {
      const parent = await fixture<HTMLElement>(html`<div></div>`);
      parent.style.colorScheme = theme;
      const { backgroundColor, color } = getComputedStyle(await nudgeIn(parent));
      expect(contrast(backgroundColor, color)).to.be.greaterThan(CONTRAST_MIN);
    });
  }
});

describe('the five tokens', () => {
  const cases: [token: string, value: string, selector: string, property: string, expected: string][] = [
    ['--billing-color-primary', 'rgb(1 2 3)', '.primary', 'background-color', 'rgb(1, 2, 3)'],
    ['--billing-color-background', 'rgb(4 5 6)', '.surface', 'background-color', 'rgb(4, 5, 6)'],
    ['--billing-color-text', 'rgb(7 8 9)', '.surface', 'color', 'rgb(7, 8, 9)'],
    ['--billing-radius', '3px', '.surface', 'border-top-left-radius', '3px'],
    ['--billing-font', 'Courier', '.title', 'font-family', 'Courier'],
  ];
  for (const [token, value, selector, property, expected] of cases) {
    it(`change the elements: ${token}`, async () => {
      const parent = await fixture<HTMLElement>(html`<div></div>`);
      parent.style.setProperty(token, value);
      const nudge = ((await nudgeIn(parent)).getRootNode() as ShadowRoot).host;
      expect(getComputedStyle(find(nudge, selector)!).getPropertyValue(property)).to.equal(expected);
    });
  }

  it('are those of the sheet, which changes nothing', async () => {
    const sheet = new CSSStyleSheet();
    sheet.replaceSync(await (await fetch('/tokens.css')).text());
    const declared = [...(sheet.cssRules[0] as CSSStyleRule).style];
    const button = await nudgeIn(document.body);
    const before = paintOf(button);
    document.adoptedStyleSheets.push(sheet);
    const after = paintOf(button);
    document.adoptedStyleSheets.pop();
    // The typeface is the page's; saying so would say something else.
    expect(declared.sort()).to.deep.equal(
      cases
        .map(([token]) => token)
        .slice(0, -1)
        .sort(),
    );
    expect(after).to.deep.equal(before);
  });
});

function paintOf(button: HTMLElement): string[] {
  const surface = button.closest('.surface')!;
  return [button, surface].flatMap((element) => {
    const { color, backgroundColor, borderRadius, fontFamily } = getComputedStyle(element);
    return [color, backgroundColor, borderRadius, fontFamily];
  });
}

describe('an element without any sheet of the page’s', () => {
  for (const tag of ['billing-usage-display', 'billing-usage-bar', 'billing-upgrade-nudge'] as const) {
    it(`is whole: every colour of <${tag}> is one`, () => {
      const styles = (customElements.get(tag) as typeof LitElement).elementStyles.map(String).join('');
      const used = new Set([...styles.matchAll(/var\((--_[\w-]+)\)/g)].map(([, name]) => name));
      const declared = new Set([...styles.matchAll(/(--_[\w-]+):/g)].map(([, name]) => name));
      expect([...used].filter((name) => !declared.has(name))).to.deep.equal([]);
      expect([...styles.matchAll(/var\(--billing-[\w-]+\)/g)].map(String)).to.deep.equal([]);
    });
  }
});
