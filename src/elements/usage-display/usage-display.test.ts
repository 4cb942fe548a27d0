import { html } from 'lit';
import type { UsageSnapshot } from '../../store/types.ts';
import { FakeStore, metricOf } from '../testing/fake-store.ts';
import { cleanUp, find, mount, textOf } from '../testing/helpers.ts';
import { afterEach, beforeEach, describe, expect, fixture, it } from '../testing/test.ts';
import './usage-display.define.ts';
import '../usage-bar/usage-bar.define.ts';
import type { BillingUsageDisplay } from './usage-display.ts';

const make = () => document.createElement('billing-usage-display');
const errorNamed = (name: string) =>
  Object.assign(new Error('no'), { name }) as unknown as UsageSnapshot['error'];
const rowsOf = (display: BillingUsageDisplay) =>
  [...display.shadowRoot!.querySelectorAll('.row')].map((row) => row.textContent.replace(/\s+/g, ' ').trim());

const plan = [
  metricOf(),
  metricOf({
    feature_key: 'storage_gb',
    feature_title: 'Storage',
    feature_type: 'numeric_limit',
    unit: 'gb',
    consumed: 3.2,
    limit: 10,
    resets_in_days: null,
  }),
  metricOf({
    feature_key: 'team_members',
    feature_title: 'Team members',
    feature_type: 'numeric_limit',
    unit: 'seat',
    consumed: 4,
    limit: 5,
    resets_in_days: null,
  }),
  metricOf({ feature_key: 'files', feature_title: 'Files processed', consumed: 1240, overage_allowed: true }),
  metricOf({ feature_key: 'emails', feature_title: 'Emails sent', consumed: 18204, limit: Infinity }),
];

afterEach(cleanUp);
beforeEach(() => localStorage.clear());

describe('<billing-usage-display>', () => {
  it('reads every metered feature as a sentence, in the given order', async () => {
    const display = await mount(make(), { heading: 'Your usage', store: new FakeStore({ metrics: plan }) });
    expect(rowsOf(display)).to.deep.equal([
      'API calls 842 of 1,000 84% used, 158 left Resets in 9 days',
      'Storage 3.2 GB of 10 GB 32% used, 6.8 GB left',
      'Team members 4 of 5 1 left',
      'Files processed 1,240 of 1,000 included 240 over the included amount Resets in 9 days',
      'Emails sent 18,204 Unlimited Resets in 9 days',
    ]);
  });

  it('names the plan once and says that it is live', async () => {
    const display = await mount(make(), { heading: 'Your usage', store: new FakeStore({ metrics: plan }) });
    expect(textOf(display, '.head')).to.equal('Your usage Starter Live');
  });

  it('shows one feature without a heading', async () => {
    const display = await mount(make(), {
      featureKey: 'storage_gb',
      store: new FakeStore({ metrics: plan }),
    });
    expect(rowsOf(display)).to.have.length(1);
    expect(find(display, '.head') === null).to.equal(true);
  });

  it('is named after its one feature where it has no heading', async () => {
    const store = new FakeStore({ metrics: plan });
    const display = await mount(make(), { featureKey: 'storage_gb', store });
    expect(find(display, '.card')!.getAttribute('aria-label')).to.equal('Storage');
  });

  it('keeps a size and its unit on one line', async () => {
    const store = new FakeStore({ metrics: plan });
    const display = await mount(make(), { featureKey: 'storage_gb', store });
    expect(find(display, '.value')!.textContent).to.match(/3\.2\u00a0GB of 10\u00a0GB/);
  });

  it('says "Limit reached" when nothing is left', async () => {
    const store = new FakeStore({ metrics: [metricOf({ consumed: 1000 })] });
    const display = await mount(make(), { store });
    expect(rowsOf(display)[0]).to.contain('Limit reached');
    expect(display.matches(':state(exceeded)')).to.equal(true);
  });

  it('hatches what lies beyond the limit, behind a mark', async () => {
    const display = await mount(make(), { featureKey: 'files', store: new FakeStore({ metrics: plan }) });
    expect(Number.parseFloat(find(display, '.over .fill')!.getAttribute('width')!)).to.be.closeTo(80.6, 0.1);
    expect(find(display, '.cap') === null).to.equal(false);
  });

  it('never says that something is used up when it is nearly', async () => {
    const store = new FakeStore({ metrics: [metricOf({ consumed: 999.999 })] });
    const display = await mount(make(), { store });
    expect(rowsOf(display)[0]).to.contain('99% used');
  });

  it('says when a little is used that it is less than 1 %', async () => {
    const display = await mount(make(), { store: new FakeStore({ metrics: [metricOf({ consumed: 1 })] }) });
    expect(rowsOf(display)[0]).to.contain('Less than 1% used, 999 left');
  });

  it('leaves out bars and resets where asked', async () => {
    const store = new FakeStore({ metrics: plan.slice(0, 1) });
    const display = await mount(make(), { store, hideProgress: true, hideReset: true });
    expect(find(display, '[role="meter"]') === null).to.equal(true);
    expect(rowsOf(display)[0]).to.equal('API calls 842 of 1,000 84% used, 158 left');
  });

  it('is one line when compact', async () => {
    const display = await mount(make(), {
      compact: true,
      featureKey: 'api_calls',
      store: new FakeStore({ metrics: plan }),
    });
    expect(textOf(display)).to.equal('API calls 842/1,000');
  });

  it('has a heading of the level that is asked for', async () => {
    const store = new FakeStore({ metrics: plan });
    const display = await mount(make(), { heading: 'Usage', headingLevel: 2, store });
    expect(find(display, '[role="heading"]')!.getAttribute('aria-level')).to.equal('2');
  });

  it('takes level 3 for a level that is none', async () => {
    const store = new FakeStore({ metrics: plan });
    const display = await mount(make(), { heading: 'Usage', headingLevel: NaN, store });
    expect(find(display, '[role="heading"]')!.getAttribute('aria-level')).to.equal('3');
  });

  it('sets nothing on itself', async () => {
    const display = await mount(make(), { store: new FakeStore({ metrics: plan }) });
    expect(display.getAttributeNames()).to.deep.equal([]);
  });

  it('passes the accessibility audit', async () => {
    const display = await mount(make(), { heading: 'Your usage', store: new FakeStore({ metrics: plan }) });
    await expect(display).to.be.accessible();
  });

  it('passes the accessibility audit in the dark', async () => {
    const display = await mount(make(), { theme: 'dark', store: new FakeStore({ metrics: plan }) });
    await expect(display).to.be.accessible();
  });

  it('moves the reset below the rest where a card is too narrow for both, and breaks neither', async () => {
    const narrow = await fixture<HTMLElement>(html`<div></div>`);
    narrow.style.inlineSize = '320px';
    const over = metricOf({ consumed: 1_240_000, limit: 1_000_000, overage_allowed: true });
    const display = await mount(make(), { store: new FakeStore({ metrics: [over] }) }, narrow);
    const [said, reset] = [...find(display, '.sub .exceeded')!.parentElement!.children] as HTMLElement[];
    const heightOf = (line: HTMLElement | undefined) => line!.getBoundingClientRect().height;
    expect(heightOf(said)).to.be.at.most(1.5 * heightOf(reset));
    expect(heightOf(reset)).to.be.at.most(1.5 * heightOf(find(display, '.row .name')!));
    expect(reset!.offsetTop > said!.offsetTop).to.equal(true);
  });

  it('does not overflow at 240 pixels', async () => {
    const narrow = await fixture<HTMLElement>(html`<div></div>`);
    narrow.style.inlineSize = '240px';
    const long = metricOf({
      feature_key: 'long',
      feature_title: 'Verarbeitungsgeschwindigkeitsmessungen und Vorgänge',
    });
    const display = await mount(make(), { store: new FakeStore({ metrics: [...plan, long] }) }, narrow);
    expect(find(display, '.card')!.scrollWidth).to.be.at.most(240);
  });
});

describe('<billing-usage-display> while it knows nothing', () => {
  it('reserves three rows', async () => {
    const display = await mount(make(), { store: new FakeStore({ status: 'pending' }) });
    expect(rowsOf(display)).to.have.length(3);
    expect(display.matches(':state(loading)')).to.equal(true);
  });

  it('reserves one row for one feature', async () => {
    const display = await mount(make(), {
      featureKey: 'api_calls',
      store: new FakeStore({ status: 'pending' }),
    });
    expect(rowsOf(display)).to.have.length(1);
  });

  it('reserves as many rows as asked, within reason', async () => {
    const display = await mount(make(), { rows: 1e9, store: new FakeStore({ status: 'pending' }) });
    expect(rowsOf(display)).to.have.length(20);
  });

  it('reserves as many rows as there were last', async () => {
    await mount(make(), { store: new FakeStore({ metrics: plan }) });
    const display = await mount(make(), { store: new FakeStore({ status: 'pending' }) });
    expect(rowsOf(display)).to.have.length(5);
  });

  it('does not move when the numbers come', async () => {
    const store = new FakeStore({ status: 'pending' });
    const display = await mount(make(), { store, heading: 'Your usage', rows: 1 });
    const before = find(display, '.card')!.getBoundingClientRect().height;
    store.set({ status: 'ready', metrics: [metricOf()] });
    await display.updateComplete;
    expect(find(display, '.card')!.getBoundingClientRect().height).to.be.closeTo(before, 1);
  });

  for (const [place, style] of [
    ['a wide place', ''],
    ['a narrow place', 'inline-size: 240px'],
  ] as const) {
    it(`has the height of its skeleton in ${place}, rows without a limit or a reset among its own`, async () => {
      const store = new FakeStore({ status: 'pending' });
      const holder = await fixture<HTMLElement>(html`<div style=${style}></div>`);
      const display = await mount(make(), { store, heading: 'Your usage', rows: plan.length }, holder);
      const before = find(display, '.card')!.getBoundingClientRect().height;
      store.set({ status: 'ready', live: true, metrics: plan });
      await display.updateComplete;
      expect(find(display, '.card')!.getBoundingClientRect().height).to.be.closeTo(before, 1);
    });
  }

  it('offers another try after a failure', async () => {
    const store = new FakeStore({ status: 'error', error: errorNamed('NetworkError') });
    const display = await mount(make(), { store });
    expect(display.matches(':state(error)')).to.equal(true);
    find(display, '[part="retry"]')!.click();
    expect(store.refetches).to.equal(1);
  });

  it('keeps the focus when another try brings the numbers', async () => {
    const store = new FakeStore({ status: 'error', error: errorNamed('NetworkError') });
    const display = await mount(make(), { store });
    find(display, '[part="retry"]')!.focus();
    store.set({ status: 'ready', error: null, metrics: [metricOf()] });
    await display.updateComplete;
    expect(display.shadowRoot!.activeElement === find(display, '.card')).to.equal(true);
  });

  it('takes no focus from elsewhere when the numbers come', async () => {
    const store = new FakeStore({ status: 'error', error: errorNamed('NetworkError') });
    const display = await mount(make(), { store });
    store.set({ status: 'ready', error: null, metrics: [metricOf()] });
    await display.updateComplete;
    expect(document.activeElement === document.body).to.equal(true);
  });

  it('gives a reason when nothing is metered', async () => {
    const display = await mount(make(), { store: new FakeStore() });
    expect(textOf(display)).to.contain('Your plan has no usage limits.');
  });

  it('says quietly that nobody is signed in', async () => {
    const store = new FakeStore({ status: 'error', error: errorNamed('AuthenticationError') });
    const display = await mount(make(), { store });
    expect(textOf(display)).to.contain('Sign in to see your usage.');
    expect(display.matches(':state(error)')).to.equal(false);
  });

  it('passes the accessibility audit', async () => {
    const display = await mount(make(), { store: new FakeStore({ status: 'pending' }) });
    await expect(display).to.be.accessible();
  });
});

describe('<billing-usage-display> with old numbers', () => {
  it('shows them with their time and without "Live"', async () => {
    const display = await mount(make(), {
      heading: 'Usage',
      store: new FakeStore({ metrics: plan, stale: true }),
    });
    expect(textOf(display, '.head')).to.match(/As of .+[AP]M, reconnecting…$/);
    expect(display.matches(':state(stale)')).to.equal(true);
  });

  it('says the time in the row where there is no heading', async () => {
    const store = new FakeStore({ metrics: plan, stale: true });
    const display = await mount(make(), { featureKey: 'api_calls', store });
    expect(rowsOf(display)[0]).to.match(/As of .+[AP]M, reconnecting…$/);
  });
});

describe('the live region', () => {
  const regionOf = (element: Element) => find(element, '[role="status"]');

  it('is there before it speaks, and silent on load', async () => {
    const display = await mount(make(), { store: new FakeStore({ metrics: [metricOf()] }) });
    expect(regionOf(display)!.textContent).to.equal('');
  });

  it('speaks when a threshold is crossed', async () => {
    const store = new FakeStore({ metrics: [metricOf({ consumed: 700 })] });
    const display = await mount(make(), { store });
    const region = regionOf(display)!;
    store.set({ metrics: [metricOf({ consumed: 842 })] });
    await display.updateComplete;
    expect(regionOf(display) === region).to.equal(true);
    expect(region.textContent).to.equal('API calls: 84% used, 158 left');
  });

  it('says the same again when it happens again', async () => {
    const store = new FakeStore({ metrics: [metricOf({ consumed: 999 })] });
    const display = await mount(make(), { store });
    const full = { metrics: [metricOf({ consumed: 1000 })] };
    store.set(full);
    await display.updateComplete;
    store.set({ metrics: [metricOf({ consumed: 1000, limit: 10_000 })] });
    await display.updateComplete;
    expect(regionOf(display)!.textContent).to.equal('');
    store.set(full);
    await display.updateComplete;
    expect(regionOf(display)!.textContent).to.equal('API calls: Limit reached');
  });

  it('keeps silent while a number merely grows', async () => {
    const store = new FakeStore({ metrics: [metricOf({ consumed: 700 })] });
    const display = await mount(make(), { store });
    store.set({ metrics: [metricOf({ consumed: 710 })] });
    await display.updateComplete;
    expect(regionOf(display)!.textContent).to.equal('');
  });

  it('is one for a store, in the display rather than in a bar', async () => {
    const store = new FakeStore({ metrics: plan });
    const bar = await mount(document.createElement('billing-usage-bar'), { featureKey: 'api_calls', store });
    const display = await mount(make(), { store });
    await bar.updateComplete;
    expect(regionOf(bar) === null).to.equal(true);
    expect(regionOf(display) === null).to.equal(false);
    display.remove();
    await bar.updateComplete;
    expect(regionOf(bar) === null).to.equal(false);
  });
});
