import { html } from 'lit';
import type { BillingErrorEvent } from '../events.ts';
import { FakeStore, metricOf } from '../testing/fake-store.ts';
import { cleanUp, find, mount, textOf } from '../testing/helpers.ts';
import { afterEach, describe, expect, fixture, it } from '../testing/test.ts';
import type { UsageSnapshot } from '../../store/types.ts';
import '../usage-bar/usage-bar.define.ts';

/*
 * The consumer is registered before the provider, on purpose: what comes first in this file is what a page does
 * that loads them in the wrong order.
 */
const early = document.createElement('div');
early.innerHTML =
  '<billing-provider><billing-usage-bar feature-key="api_calls">fallback</billing-usage-bar></billing-provider>';
document.body.append(early);
const earlyBar = early.querySelector('billing-usage-bar')!;
await earlyBar.updateComplete;
const waitedFor = earlyBar.matches(':state(loading)');
const fallbackShown = find(earlyBar, 'slot') !== null;
await import('./provider.define.ts');

const makeBar = (featureKey = 'api_calls') =>
  Object.assign(document.createElement('billing-usage-bar'), { featureKey });
const storeOf = (consumed: number) => new FakeStore({ metrics: [metricOf({ consumed })] });

afterEach(cleanUp);

describe('<billing-provider>', () => {
  it('serves consumers that were upgraded before it', async () => {
    expect([waitedFor, fallbackShown]).to.deep.equal([true, true]);
    early.querySelector('billing-provider')!.store = storeOf(1);
    await earlyBar.updateComplete;
    expect(textOf(earlyBar)).to.equal('API calls 1 of 1,000');
    early.remove();
  });

  it('takes no part in the layout', async () => {
    const provider = await mount(document.createElement('billing-provider'));
    expect(getComputedStyle(provider).display).to.equal('contents');
  });

  it('sets nothing on itself', async () => {
    const provider = await mount(document.createElement('billing-provider'));
    expect(provider.getAttributeNames()).to.deep.equal([]);
  });

  it('has no store as long as no session is configured', async () => {
    const provider = await mount(document.createElement('billing-provider'));
    expect(provider.store === undefined).to.equal(true);
  });

  it('asks for nothing before somebody needs it', async () => {
    let asked = 0;
    const getSessionToken = () => {
      asked += 1;
      return Promise.reject(new Error('signed out'));
    };
    const provider = await mount(document.createElement('billing-provider'), { getSessionToken });
    expect(provider.store === undefined).to.equal(false);
    expect(asked).to.equal(0);
    await mount(makeBar(), {}, provider);
    await Promise.resolve();
    expect(asked).to.equal(1);
  });

  it('has its store at once, from attributes', async () => {
    const provider = await fixture<HTMLElementTagNameMap['billing-provider']>(
      html`<billing-provider session-token="t" api-url="http://127.0.0.1:9"></billing-provider>`,
    );
    const { store } = provider;
    expect(store === undefined).to.equal(false);
    await provider.updateComplete;
    expect(provider.store === store).to.equal(true);
  });

  it('makes another store when it is told another session', async () => {
    const provider = await mount(document.createElement('billing-provider'), {
      sessionToken: 'a',
      live: 'off',
    });
    const { store } = provider;
    provider.sessionToken = 'b';
    await provider.updateComplete;
    expect(provider.store === store).to.equal(false);
  });

  it('can be configured after it is on the page', async () => {
    const provider = await mount(document.createElement('billing-provider'));
    const bar = await mount(makeBar(), {}, provider);
    provider.store = storeOf(7);
    await bar.updateComplete;
    expect(textOf(bar)).to.equal('API calls 7 of 1,000');
  });

  it('serves elements that came in before the session did, all in one go', async () => {
    const provider = document.createElement('billing-provider');
    const bar = makeBar();
    document.body.append(provider);
    provider.append(bar);
    provider.getSessionToken = () => new Promise(() => undefined);
    await provider.updateComplete;
    await bar.updateComplete;
    expect(bar.matches(':state(loading)')).to.equal(true);
    provider.remove();
  });

  it('reaches consumers in shadow roots', async () => {
    const provider = await mount(document.createElement('billing-provider'), { store: storeOf(3) });
    const host = document.createElement('div');
    provider.append(host);
    const root = host.attachShadow({ mode: 'open' });
    const bar = makeBar();
    root.append(bar);
    await bar.updateComplete;
    expect(textOf(bar)).to.equal('API calls 3 of 1,000');
  });

  it('serves the consumers that are moved into it', async () => {
    const one = await mount(document.createElement('billing-provider'), { store: storeOf(1) });
    const two = await mount(document.createElement('billing-provider'), { store: storeOf(2) });
    const bar = await mount(makeBar(), {}, one);
    two.append(bar);
    await bar.updateComplete;
    expect(textOf(bar)).to.equal('API calls 2 of 1,000');
  });

  it('gives nothing to those that left it', async () => {
    const provider = await mount(document.createElement('billing-provider'), { store: storeOf(1) });
    const bar = await mount(makeBar(), {}, provider);
    document.body.append(bar);
    await bar.updateComplete;
    expect(find(bar, '.root') === null).to.equal(true);
    bar.remove();
  });

  it('leaves a consumer its own store', async () => {
    const provider = await mount(document.createElement('billing-provider'), { store: storeOf(1) });
    const bar = await mount(makeBar(), { store: storeOf(2) }, provider);
    expect(textOf(bar)).to.equal('API calls 2 of 1,000');
  });

  it('hands its theme down', async () => {
    const provider = await mount(document.createElement('billing-provider'), {
      store: storeOf(1),
      theme: 'dark',
    });
    const bar = await mount(makeBar(), {}, provider);
    expect(getComputedStyle(bar).colorScheme).to.equal('dark');
  });

  it('fires billing-error once, however many elements see the failure', async () => {
    const store = storeOf(1);
    const provider = await mount(document.createElement('billing-provider'), { store });
    await mount(makeBar(), {}, provider);
    await mount(makeBar(), {}, provider);
    const targets: EventTarget[] = [];
    document.addEventListener('billing-error', (event: BillingErrorEvent) => targets.push(event.target!), {
      once: true,
    });
    provider.addEventListener('billing-error', () => targets.push(provider));
    const error = Object.assign(new Error('down'), {
      name: 'NetworkError',
    }) as unknown as UsageSnapshot['error'];
    store.set({ error, stale: true });
    expect(targets.map((target) => target === provider)).to.deep.equal([true, true]);
  });
});
