import { warningsOf } from '../testing/helpers.ts';
import { describe, expect, it } from '../testing/test.ts';
import { define } from './define.ts';
import { VERSION } from './version.ts';

const element = (version: string) =>
  class extends HTMLElement {
    static version = version;
  };

describe('define', () => {
  it('registers an element', () => {
    const Made = element('1');
    define('test-one', Made);
    expect(customElements.get('test-one') === Made).to.equal(true);
  });

  it('is silent about the same version', async () => {
    const warnings = await warningsOf(() => {
      define('test-two', element('1'));
      define('test-two', element('1'));
    });
    expect(warnings).to.deep.equal([]);
  });

  it('warns once about another version and keeps the first', async () => {
    const First = element('1');
    const warnings = await warningsOf(() => {
      define('test-three', First);
      define('test-three', element('2'));
      define('test-three', element('2'));
    });
    expect(warnings).to.have.length(1);
    expect(customElements.get('test-three') === First).to.equal(true);
  });

  it('never throws', async () => {
    const Made = element('1');
    await warningsOf(() => {
      define('test-four', Made);
      define('test-five', Made);
      define('notaname', element('1'));
    });
  });
});

describe('the elements’ version', () => {
  it('is the package’s', async () => {
    const manifest = (await (await fetch('/package.json')).json()) as { version: string };
    expect(VERSION).to.equal(manifest.version);
  });
});

describe('the elements module', () => {
  it('registers nothing', async () => {
    const { BillingUsageBar } = await import('../index.ts');
    expect(typeof BillingUsageBar).to.equal('function');
    expect(customElements.get('billing-usage-bar') === undefined).to.equal(true);
  });
});

describe('the define module', () => {
  it('registers all elements', async () => {
    await import('../define.ts');
    const names = ['billing-provider', 'billing-usage-display', 'billing-usage-bar', 'billing-upgrade-nudge'];
    expect(names.map((name) => customElements.get(name) !== undefined)).to.deep.equal([
      true,
      true,
      true,
      true,
    ]);
  });
});
