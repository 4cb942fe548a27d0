import { configure, configureFromScript, getDefaultStore } from './configure.ts';
import { FakeStore, metricOf } from './testing/fake-store.ts';
import { cleanUp, mount, textOf } from './testing/helpers.ts';
import { afterEach, describe, expect, it } from './testing/test.ts';
import './usage-bar/usage-bar.define.ts';

const settings = { sessionToken: 't', apiUrl: 'http://127.0.0.1:9', live: 'off' } as const;
const makeBar = () => Object.assign(document.createElement('billing-usage-bar'), { featureKey: 'api_calls' });

afterEach(cleanUp);

describe('the page’s default store', () => {
  it('comes from the script tag’s attributes', () => {
    const script = document.createElement('script');
    script.type = 'application/json';
    script.dataset['sessionToken'] = 't';
    document.head.append(script);
    configureFromScript();
    script.remove();
    expect(getDefaultStore() === undefined).to.equal(false);
  });

  it('is returned by configure', () => {
    const store = configure(settings);
    expect(getDefaultStore() === store).to.equal(true);
  });

  it('serves elements outside of any provider', async () => {
    configure(settings);
    const bar = await mount(makeBar());
    expect(bar.matches(':state(loading)')).to.equal(true);
    expect(bar.shadowRoot!.querySelector('.root') === null).to.equal(false);
  });

  it('does not serve those inside a provider that is not upgraded yet', async () => {
    configure(settings);
    const provider = document.createElement('billing-provider');
    document.body.append(provider);
    const bar = await mount(makeBar(), {}, provider);
    expect(bar.shadowRoot!.querySelector('.root') === null).to.equal(true);
    await import('./provider/provider.define.ts');
    provider.store = new FakeStore({ metrics: [metricOf({ consumed: 5 })] });
    await bar.updateComplete;
    expect(textOf(bar)).to.equal('API calls 5 of 1,000');
    provider.remove();
  });

  it('says what is missing', () => {
    expect(() => configure({})).to.throw(/session/i);
  });
});
