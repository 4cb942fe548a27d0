import { html } from 'lit';
import { CONFIGURE_GRACE_MS } from '../internal/grace.ts';
import { FakeStore, metricOf } from '../testing/fake-store.ts';
import { FakeTime } from '../testing/fake-time.ts';
import {
  changesOf,
  developmentChecks,
  cleanUp,
  find,
  mount,
  textOf,
  warningsOf,
} from '../testing/helpers.ts';
import { afterEach, describe, expect, fixture, it, waitUntil } from '../testing/test.ts';
import './usage-bar.define.ts';
import { BillingUsageBar } from './usage-bar.ts';

const make = () => document.createElement('billing-usage-bar');
const meterOf = (bar: BillingUsageBar) => find(bar, '[role="meter"]');
const widthOf = (bar: BillingUsageBar) => find(bar, '.fill')!.getAttribute('width');

afterEach(cleanUp);

/** What developers are told when the time for configuring is over, `later` having been done in it. */
async function complaintsOf(bar: BillingUsageBar, later: () => unknown = () => undefined): Promise<string[]> {
  const time = new FakeTime();
  try {
    return await warningsOf(async () => {
      await mount(bar);
      await developmentChecks();
      await later();
      time.pass(CONFIGURE_GRACE_MS);
    });
  } finally {
    time.restore();
  }
}

describe('<billing-usage-bar> standalone', () => {
  it('reads as name, number and meter', async () => {
    const bar = await mount(make(), { label: 'API calls', consumed: 842, limit: 1000 });
    expect(textOf(bar)).to.equal('API calls 842 of 1,000');
    expect(widthOf(bar)).to.equal('84.2%');
  });

  it('takes the same from attributes', async () => {
    const bar = await fixture<BillingUsageBar>(
      html`<billing-usage-bar label="Storage" unit="gb" consumed="3.2" limit="10"></billing-usage-bar>`,
    );
    expect(textOf(bar)).to.equal('Storage 3.2 GB of 10 GB');
  });

  it('keeps properties that were set before it was upgraded', async () => {
    const holder = document.createElement('template');
    holder.innerHTML = '<billing-usage-bar></billing-usage-bar>';
    const bar = holder.content.querySelector('billing-usage-bar')!;
    Object.assign(bar, { consumed: 5, limit: 10, label: 'Early' });
    await mount(document.adoptNode(bar));
    expect(textOf(bar)).to.equal('Early 5 of 10');
  });

  it('sets nothing on itself', async () => {
    const bar = await mount(make(), { label: 'API calls', consumed: 842, limit: 1000 });
    expect(bar.getAttributeNames()).to.deep.equal([]);
  });

  it('uses no inline style anywhere', async () => {
    const bar = await mount(make(), { label: 'API calls', consumed: 1240, limit: 1000 });
    expect(bar.shadowRoot!.querySelectorAll('[style], style')).to.have.length(0);
  });

  it('asks nobody for a store', async () => {
    let asked = false;
    document.addEventListener('context-request', () => (asked = true), { once: true });
    await mount(make(), { consumed: 1, limit: 2, featureKey: 'api_calls' });
    expect(asked).to.equal(false);
  });

  it('is loading without a number', async () => {
    const bar = await mount(make(), { label: 'API calls' });
    expect(bar.matches(':state(loading)')).to.equal(true);
    expect(find(bar, '[aria-busy="true"]') === null).to.equal(false);
  });

  // Each warning is told once a page: where it is not told comes first.
  const quiet: [string, Partial<BillingUsageBar>][] = [
    ['a number', { consumed: 0 }],
    ['a feature', { featureKey: 'api_calls', store: new FakeStore({ metrics: [metricOf()] }) }],
  ];
  for (const [name, properties] of quiet) {
    it(`has time to be given ${name}`, async () => {
      const bar = make();
      expect(await complaintsOf(bar, () => Object.assign(bar, properties))).to.deep.equal([]);
    });
  }

  it('says nothing once it is gone', async () => {
    const bar = make();
    expect(await complaintsOf(bar, () => bar.remove())).to.deep.equal([]);
  });

  it('tells its developer that it was given nothing to show', async () => {
    const nothing = 'BillingOS: <billing-usage-bar> has neither feature-key nor consumed';
    expect(await complaintsOf(make())).to.deep.equal([nothing]);
  });

  it('tells how feature-key is written', async () => {
    const bar = make();
    bar.setAttribute('featureKey', 'api_calls');
    const [complaint] = await complaintsOf(bar);
    expect(complaint?.endsWith('consumed: write feature-key')).to.equal(true);
  });

  it('has no meter without a limit', async () => {
    const bar = await mount(make(), { label: 'Emails sent', consumed: 18204 });
    expect(meterOf(bar) === null).to.equal(true);
    expect(textOf(bar)).to.equal('Emails sent 18,204 · Unlimited');
    expect(bar.matches(':state(unlimited)')).to.equal(true);
  });

  it('warns from 80 and is critical from 95 percent', async () => {
    const bar = await mount(make(), { label: 'x', consumed: 799, limit: 1000 });
    expect(bar.matches(':state(warning)')).to.equal(false);
    bar.consumed = 800;
    await bar.updateComplete;
    expect(bar.matches(':state(warning)')).to.equal(true);
    bar.consumed = 950;
    await bar.updateComplete;
    expect(bar.matches(':state(critical)')).to.equal(true);
    expect(bar.matches(':state(warning)')).to.equal(false);
  });

  it('turns where warn-at and critical-at say', async () => {
    const bar = await mount(make(), { label: 'x', consumed: 50, limit: 100, warnAt: 40, criticalAt: 60 });
    expect(bar.matches(':state(warning)')).to.equal(true);
    expect(find(bar, '.notch')!.getAttribute('x')).to.equal('40%');
  });

  it('never loses both its name and its value', async () => {
    const bar = await mount(make(), {
      label: 'API calls',
      consumed: 1,
      limit: 2,
      hideLabel: true,
      hideValue: true,
    });
    expect(textOf(bar)).to.equal('1 of 2');
  });

  it('hides the name alone, and keeps it for the meter', async () => {
    const bar = await mount(make(), { label: 'API calls', consumed: 1, limit: 2, hideLabel: true });
    expect(textOf(bar)).to.equal('1 of 2');
    expect(meterOf(bar)!.getAttribute('aria-label')).to.equal('API calls');
  });

  it('speaks the language around it', async () => {
    const german = await fixture(html`<div lang="de"></div>`);
    const bar = await mount(make(), { label: 'Aufrufe', consumed: 842, limit: 1000 }, german);
    await waitUntil(() => textOf(bar) === 'Aufrufe 842 von 1.000');
  });

  it('shows a byte as a byte', async () => {
    const bar = await mount(make(), { label: 'Storage', unit: 'gb', consumed: 0.000000000931, limit: 10 });
    expect(textOf(bar)).to.equal('Storage 1 byte of 10 GB');
  });

  it('shows text only, and one warning, for a limit that is no number', async () => {
    const bar = make();
    bar.setAttribute('limit', 'lots');
    const warnings = await warningsOf(() => mount(bar, { label: 'API calls', consumed: 5 }));
    expect(textOf(bar)).to.equal('API calls 5');
    expect(meterOf(bar) === null).to.equal(true);
    expect(warnings).to.have.length(1);
  });

  const odd: [string, Partial<BillingUsageBar>, string, string | null][] = [
    ['a negative number as none', { consumed: -5, limit: 10 }, 'x 0 of 10', '0%'],
    ['no number as a dash', { consumed: NaN, limit: 10 }, 'x –', null],
    ['infinitely much as a dash', { consumed: Infinity, limit: 10 }, 'x –', null],
    ['nothing of nothing as full', { consumed: 0, limit: 0 }, 'x 0 of 0', '100%'],
    ['a negative limit as text', { consumed: 3, limit: -1 }, 'x 3', null],
    ['an infinite limit as unlimited', { consumed: 3, limit: Infinity }, 'x 3 · Unlimited', null],
    ['a huge limit shortly', { consumed: 3, limit: 1e21 }, 'x 3 of 1E21', '3e-19%'],
    ['a null limit as unlimited', { consumed: 3, limit: null }, 'x 3 · Unlimited', null],
    [
      'a fraction of nearly all without rounding up',
      { consumed: 999.999, limit: 1000 },
      'x 999.99 of 1,000',
      '99.9999%',
    ],
  ];
  for (const [name, properties, text, width] of odd) {
    it(`shows ${name}`, async () => {
      const bar = await mount(make(), { label: 'x', ...properties });
      expect(textOf(bar)).to.equal(text);
      expect(find(bar, '.fill')?.getAttribute('width') ?? null).to.equal(width);
    });
  }

  it('takes a number that came as text', async () => {
    const bar = await mount(make(), { label: 'x', consumed: '842' as unknown as number, limit: 1000 });
    expect(textOf(bar)).to.equal('x 842 of 1,000');
  });

  it('passes the accessibility audit', async () => {
    const bar = await mount(make(), { label: 'API calls', consumed: 842, limit: 1000 });
    await expect(bar).to.be.accessible();
  });
});

describe('the meter of <billing-usage-bar>', () => {
  it('says its name and value', async () => {
    const store = new FakeStore({ metrics: [metricOf()] });
    const bar = await mount(make(), { featureKey: 'api_calls', store });
    const meter = meterOf(bar)!;
    expect(meter.getAttribute('aria-label')).to.equal('API calls');
    expect(meter.getAttribute('aria-valuetext')).to.equal('842 of 1,000 used, resets in 9 days');
    expect(meter.getAttribute('aria-valuemin')).to.equal('0');
    expect(meter.getAttribute('aria-valuemax')).to.equal('1000');
    expect(meter.getAttribute('aria-valuenow')).to.equal('842');
  });

  it('is clamped over the limit and says the real number', async () => {
    const bar = await mount(make(), { label: 'Files', consumed: 1240, limit: 1000 });
    const meter = meterOf(bar)!;
    expect(meter.getAttribute('aria-valuenow')).to.equal('1000');
    expect(meter.getAttribute('aria-valuetext')).to.equal('1,240 of 1,000 used, limit reached');
  });

  it('is on a rendered element, not on the host', async () => {
    const bar = await mount(make(), { label: 'Files', consumed: 1, limit: 2 });
    expect(bar.getAttribute('role')).to.equal(null);
    expect(meterOf(bar)!.getBoundingClientRect().height).to.be.greaterThan(0);
  });
});

describe('<billing-usage-bar> with a store', () => {
  it('follows the feature', async () => {
    const store = new FakeStore({ metrics: [metricOf()] });
    const bar = await mount(make(), { featureKey: 'api_calls', store });
    store.set({ metrics: [metricOf({ consumed: 900 })] });
    await bar.updateComplete;
    expect(textOf(bar)).to.equal('API calls 900 of 1,000');
  });

  it('goes by the server’s status', async () => {
    const store = new FakeStore({ metrics: [metricOf({ consumed: 10, status: 'critical' })] });
    const bar = await mount(make(), { featureKey: 'api_calls', store });
    expect(bar.matches(':state(critical)')).to.equal(true);
  });

  it('draws a few whole units one by one', async () => {
    const seats = metricOf({ consumed: 4, limit: 5, feature_type: 'numeric_limit', resets_in_days: null });
    const bar = await mount(make(), { featureKey: 'api_calls', store: new FakeStore({ metrics: [seats] }) });
    expect(bar.shadowRoot!.querySelectorAll('.segment')).to.have.length(5);
    expect(bar.shadowRoot!.querySelectorAll('.segment.on')).to.have.length(4);
  });

  it('tells its developer once of a feature-key that no metric has', async () => {
    const store = new FakeStore({ metrics: [metricOf()] });
    const told = await warningsOf(async () => {
      await mount(make(), { featureKey: 'api_cals', store });
      await mount(make(), { featureKey: 'api_cals', store });
    });
    expect(told).to.deep.equal([
      'BillingOS: <billing-usage-bar>: no metric has feature-key="api_cals": misspelt, or not in the plan.',
    ]);
  });

  it('tells nothing of a feature-key before there are metrics, or with them', async () => {
    const store = new FakeStore({ status: 'pending' });
    const told = await warningsOf(async () => {
      await mount(make(), { featureKey: 'exports', store });
      store.set({ status: 'ready', metrics: [metricOf({ feature_key: 'exports' })] });
    });
    expect(told).to.deep.equal([]);
  });

  it('says when the feature is not in the plan', async () => {
    const bar = await mount(make(), { featureKey: 'other', store: new FakeStore() });
    expect(textOf(bar)).to.equal('Not part of your plan');
  });

  it('is stale when its store is', async () => {
    const store = new FakeStore({ metrics: [metricOf()], stale: true });
    const bar = await mount(make(), { featureKey: 'api_calls', store });
    expect(bar.matches(':state(stale)')).to.equal(true);
  });

  it('is the only one of 1,000 that renders when its feature alone changes', async () => {
    const keys = Array.from({ length: 1_000 }, (_, index) => `feature_${index}`);
    const metrics = keys.map((key) => metricOf({ feature_key: key, consumed: 100 }));
    const store = new FakeStore({ metrics });
    const bars = keys.map((featureKey) => Object.assign(make(), { id: featureKey, featureKey, store }));
    const page = await fixture(html`<div></div>`);
    page.append(...bars);
    const drawn = () => Promise.all(bars.map((bar) => bar.updateComplete));
    await drawn();
    const rendered: string[] = [];
    for (const bar of bars) bar.addController({ hostUpdated: () => rendered.push(bar.id) });
    store.set({ metrics: metrics.with(500, metricOf({ feature_key: 'feature_500', consumed: 101 })) });
    await drawn();
    expect(rendered).to.deep.equal(['feature_500']);
    expect(textOf(bars[500]!)).to.equal('API calls 101 of 1,000');
  });

  it('becomes stale though its feature stays as it is', async () => {
    const store = new FakeStore({ metrics: [metricOf()] });
    const bar = await mount(make(), { featureKey: 'api_calls', store });
    store.set({ stale: true });
    await bar.updateComplete;
    expect(bar.matches(':state(stale)')).to.equal(true);
  });

  it('loses a feature that the plan no longer has', async () => {
    const store = new FakeStore({ metrics: [metricOf()] });
    const bar = await mount(make(), { featureKey: 'api_calls', store });
    store.set({ metrics: [] });
    await bar.updateComplete;
    expect(textOf(bar)).to.equal('Not part of your plan');
  });

  it('lets go of the store when it leaves the page and takes it again when it comes back', async () => {
    const store = new FakeStore({ metrics: [metricOf()] });
    const bar = await mount(make(), { featureKey: 'api_calls', store });
    expect(store.subscribers).to.equal(1);
    bar.remove();
    expect(store.subscribers).to.equal(0);
    await mount(bar);
    expect(store.subscribers).to.equal(1);
  });

  it('retains nothing after many connects', async () => {
    const store = new FakeStore({ metrics: [metricOf()] });
    const bar = await mount(make(), { featureKey: 'api_calls', store });
    for (let round = 0; round < 100; round += 1) {
      bar.remove();
      document.body.append(bar);
      await bar.updateComplete;
    }
    expect(store.subscribers).to.equal(1);
  });

  it('shows its light-DOM fallback until there is a store', async () => {
    const bar = await fixture<BillingUsageBar>(
      html`<billing-usage-bar feature-key="api_calls">See your account</billing-usage-bar>`,
    );
    expect(find(bar, 'slot') === null).to.equal(false);
    expect(find(bar, '.root') === null).to.equal(true);
    expect(bar.matches(':state(error)')).to.equal(true);
  });

  it('can be cloned', async () => {
    const bar = await fixture<BillingUsageBar>(
      html`<billing-usage-bar label="API calls" consumed="1" limit="2"></billing-usage-bar>`,
    );
    const copy = bar.cloneNode(true);
    if (!(copy instanceof BillingUsageBar)) throw new Error('not cloned as itself');
    await mount(copy);
    expect(textOf(copy)).to.equal('API calls 1 of 2');
  });
});

describe('the live region of a bar alone', () => {
  const regionOf = (bar: Element) => find(bar, '[role="status"]')!;

  it('is silent on load', async () => {
    const store = new FakeStore({ metrics: [metricOf()] });
    const bar = await mount(make(), { featureKey: 'api_calls', store });
    expect(regionOf(bar).textContent).to.equal('');
  });

  it('speaks exactly once when a threshold is crossed', async () => {
    const store = new FakeStore({ metrics: [metricOf({ consumed: 700 })] });
    const bar = await mount(make(), { featureKey: 'api_calls', store });
    const said = await changesOf(regionOf(bar), async () => {
      for (const consumed of [842, 843]) {
        store.set({ metrics: [metricOf({ consumed })] });
        await bar.updateComplete;
      }
    });
    expect(said).to.deep.equal(['API calls: 84% used, 158 left']);
  });

  it('speaks of a feature that no bar shows', async () => {
    const storage = (consumed: number) =>
      metricOf({ feature_key: 'storage_gb', feature_title: 'Storage', consumed });
    const store = new FakeStore({ metrics: [metricOf(), storage(700)] });
    const bar = await mount(make(), { featureKey: 'api_calls', store });
    store.set({ metrics: [store.feature('api_calls')!, storage(1000)] });
    await bar.updateComplete;
    expect(regionOf(bar).textContent).to.equal('Storage: Limit reached');
  });
});

describe('how <billing-usage-bar> looks', () => {
  it('is hidden by the hidden attribute', async () => {
    const bar = await mount(make(), { consumed: 1, limit: 2, hidden: true });
    expect(getComputedStyle(bar).display).to.equal('none');
  });

  it('follows the color-scheme it inherits', async () => {
    const dark = await fixture(html`<div></div>`);
    (dark as HTMLElement).style.colorScheme = 'dark';
    const bar = await mount(make(), { label: 'x', consumed: 1, limit: 2 }, dark);
    const inherited = getComputedStyle(find(bar, '.name')!).color;
    bar.theme = 'light';
    await bar.updateComplete;
    expect(getComputedStyle(find(bar, '.name')!).color).to.not.equal(inherited);
  });
});
