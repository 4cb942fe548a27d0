import { html } from 'lit';
import type { HostTrigger } from '../events.ts';
import { FakeStore, metricOf, nudgeOf } from '../testing/fake-store.ts';
import { FakeTime } from '../testing/fake-time.ts';
import { changesOf, cleanUp, find, mount, textOf, warningsOf } from '../testing/helpers.ts';
import { afterEach, beforeEach, describe, expect, fixture, it } from '../testing/test.ts';
import { pageView } from './page-view.ts';
import './upgrade-nudge.define.ts';
import type { BillingUpgradeNudge } from './upgrade-nudge.ts';

const make = () => document.createElement('billing-upgrade-nudge');
const storeWith = (...nudges: ReturnType<typeof nudgeOf>[]) =>
  new FakeStore({ metrics: [metricOf()], nudges });
const closeButton = (nudge: BillingUpgradeNudge) => find(nudge, 'button[part="dismiss"]')!;
const upgradeButton = (nudge: BillingUpgradeNudge) => find(nudge, '[part="upgrade"]');
const surfaceOf = (nudge: BillingUpgradeNudge) => find(nudge, '.surface');
const own: HostTrigger = {
  type: 'host',
  feature: 'exports',
  threshold: 50,
  message: { title: 'Half of your exports are gone', body: 'More with Pro.', cta: 'See plans' },
};

async function field(): Promise<HTMLInputElement> {
  const input = document.createElement('input');
  document.body.append(input);
  input.focus();
  await Promise.resolve();
  return input;
}

function escape(target: Element): void {
  target.dispatchEvent(
    new KeyboardEvent('keydown', { key: 'Escape', bubbles: true, composed: true, cancelable: true }),
  );
}

beforeEach(() => pageView.reset());
afterEach(() => {
  cleanUp();
  for (const input of document.querySelectorAll('body > input')) input.remove();
});

describe('<billing-upgrade-nudge>', () => {
  it('opens by itself when the server has a nudge', async () => {
    const nudge = await mount(make(), { store: storeWith(nudgeOf()) });
    expect(nudge.open).to.equal(true);
    expect(nudge.hasAttribute('open')).to.equal(true);
    expect(surfaceOf(nudge)!.matches(':popover-open')).to.equal(true);
  });

  it('takes its words from the catalogue, not from the server', async () => {
    const nudge = await mount(make(), { store: storeWith(nudgeOf()) });
    expect(textOf(nudge, '.words')).to.equal('API calls: 84% used Pro raises the limit to 10,000.');
  });

  for (const variant of ['banner', 'toast', 'modal', 'inline'] as const) {
    it(`names plan and price on its button as ${variant}`, async () => {
      const nudge = await mount(make(), { variant, store: storeWith(nudgeOf()) });
      expect(upgradeButton(nudge)!.textContent).to.match(/Pro, \$49 a month/);
    });
  }

  it('says when it resets where the plan says nothing of the feature', async () => {
    const nudge = await mount(make(), { store: storeWith(nudgeOf({ feature: 'exports' })) });
    expect(textOf(nudge, '.body')).to.match(/^Resets on /);
  });

  it('puts its button below the words where both do not fit, and the way out beside them', async () => {
    const narrow = await fixture<HTMLElement>(html`<div></div>`);
    narrow.style.inlineSize = '280px';
    const nudge = await mount(make(), { variant: 'inline', store: storeWith(nudgeOf()) }, narrow);
    const words = find(nudge, '.words')!.getBoundingClientRect();
    expect(upgradeButton(nudge)!.getBoundingClientRect().top >= words.bottom).to.equal(true);
    expect(closeButton(nudge).getBoundingClientRect().left >= words.right).to.equal(true);
  });

  it('stays away when there is none', async () => {
    const nudge = await mount(make(), { store: storeWith() });
    expect(nudge.open).to.equal(false);
    expect(nudge.getAttributeNames()).to.deep.equal([]);
  });

  it('appears later, when a nudge comes', async () => {
    const store = storeWith();
    const nudge = await mount(make(), { store });
    store.set({ nudges: [nudgeOf()] });
    await nudge.updateComplete;
    expect(nudge.open).to.equal(true);
  });

  it('goes when the nudge is gone, without a dismissal', async () => {
    const store = storeWith(nudgeOf());
    const nudge = await mount(make(), { store });
    let dismissed = false;
    nudge.addEventListener('billing-dismiss', () => (dismissed = true));
    store.set({ nudges: [] });
    await nudge.updateComplete;
    expect(nudge.open).to.equal(false);
    expect(dismissed).to.equal(false);
  });

  it('tells once that it was shown', async () => {
    const nudge = make();
    const shown: string[] = [];
    nudge.addEventListener('billing-nudge-shown', (event) => shown.push(event.detail.trigger.id ?? ''));
    const store = storeWith(nudgeOf());
    await mount(nudge, { store });
    store.set({ nudges: [nudgeOf({ actual: 85 })] });
    await nudge.updateComplete;
    expect(shown).to.deep.equal(['nudge_1']);
  });

  it('never opens by itself when manual', async () => {
    const nudge = await mount(make(), { manual: true, store: storeWith(nudgeOf()) });
    expect(nudge.open).to.equal(false);
    nudge.open = true;
    await nudge.updateComplete;
    expect(surfaceOf(nudge) === null).to.equal(false);
  });

  it('hides nudges of lower thresholds', async () => {
    const nudge = await mount(make(), { threshold: 95, store: storeWith(nudgeOf()) });
    expect(nudge.open).to.equal(false);
  });

  it('cares for its feature only', async () => {
    const nudge = await mount(make(), { featureKey: 'storage_gb', store: storeWith(nudgeOf()) });
    expect(nudge.open).to.equal(false);
  });

  it('tells its developer once of a feature-key that no metric has', async () => {
    const store = storeWith(nudgeOf());
    const told = await warningsOf(async () => {
      await mount(make(), { featureKey: 'api_cals', store });
      await mount(make(), { featureKey: 'api_cals', store });
    });
    expect(told).to.deep.equal([
      'BillingOS: <billing-upgrade-nudge>: no metric has feature-key="api_cals": misspelt, or not in the plan.',
    ]);
  });

  it('shows one trigger in one place', async () => {
    const store = storeWith(nudgeOf());
    const first = await mount(make(), { store });
    const second = await mount(make(), { store });
    expect([first.open, second.open]).to.deep.equal([true, false]);
  });

  it('has no upgrade button without a plan, and says when it resets', async () => {
    const nudge = await mount(make(), { store: storeWith(nudgeOf({ suggestedPlan: null })) });
    expect(upgradeButton(nudge) === null).to.equal(true);
    expect(textOf(nudge, '.body')).to.match(/^Resets on March 1/);
  });

  it('is of the severity of its nudge', async () => {
    const nudge = await mount(make(), { store: storeWith(nudgeOf({ severity: 'critical' })) });
    expect(nudge.matches(':state(critical)')).to.equal(true);
  });

  it('takes space only when inline', async () => {
    const banner = await mount(make(), { store: storeWith(nudgeOf()) });
    expect(getComputedStyle(surfaceOf(banner)!).position).to.equal('fixed');
    const inline = await mount(make(), { variant: 'inline', store: storeWith(nudgeOf({ id: 'other' })) });
    expect(getComputedStyle(surfaceOf(inline)!).position).to.equal('static');
  });

  for (const variant of ['banner', 'toast', 'modal', 'inline'] as const) {
    it(`passes the accessibility audit as ${variant}`, async () => {
      const nudge = await mount(make(), { variant, store: storeWith(nudgeOf()), upgradeUrl: '/pricing' });
      surfaceOf(nudge)!.style.animation = 'none';
      await expect(nudge).to.be.accessible();
    });
  }
});

describe('dismissing a nudge', () => {
  it('tells the store, with the snooze', async () => {
    const store = storeWith(nudgeOf());
    const nudge = await mount(make(), { store, snooze: 3600 });
    const reasons: string[] = [];
    nudge.addEventListener('billing-dismiss', (event) => reasons.push(event.detail.reason));
    closeButton(nudge).click();
    await nudge.updateComplete;
    expect(store.dismissed).to.deep.equal([{ id: 'nudge_1', snoozeSeconds: 3600 }]);
    expect(reasons).to.deep.equal(['user']);
    expect(nudge.open).to.equal(false);
  });

  it('keeps every other nudge of the page from opening', async () => {
    const store = storeWith(nudgeOf());
    const nudge = await mount(make(), { store });
    closeButton(nudge).click();
    store.set({ nudges: [nudgeOf({ id: 'nudge_2', threshold: 95 })] });
    await nudge.updateComplete;
    expect(nudge.open).to.equal(false);
  });

  it('is not what removing "open" does', async () => {
    const store = storeWith(nudgeOf());
    const nudge = await mount(make(), { store });
    nudge.removeAttribute('open');
    await nudge.updateComplete;
    store.set({ metrics: [metricOf({ consumed: 850 })] });
    await nudge.updateComplete;
    expect(nudge.open).to.equal(false);
    expect(store.dismissed).to.deep.equal([]);
  });

  it('by Escape takes the focus inside', async () => {
    const nudge = await mount(make(), { store: storeWith(nudgeOf()) });
    const reasons: string[] = [];
    nudge.addEventListener('billing-dismiss', (event) => reasons.push(event.detail.reason));
    escape(document.body);
    expect(nudge.open).to.equal(true);
    closeButton(nudge).focus();
    escape(closeButton(nudge));
    expect(reasons).to.deep.equal(['escape']);
  });

  it('does not bubble', async () => {
    const nudge = await mount(make(), { store: storeWith(nudgeOf()) });
    let heard = false;
    document.addEventListener('billing-dismiss', () => (heard = true), { once: true });
    closeButton(nudge).click();
    expect(heard).to.equal(false);
  });
});

describe('upgrading from a nudge', () => {
  it('fires a cancelable event that crosses shadow roots', async () => {
    const nudge = await mount(make(), { store: storeWith(nudgeOf()) });
    const fired: CustomEvent[] = [];
    const listen = (event: CustomEvent) => fired.push(event);
    document.addEventListener('billing-upgrade', listen);
    upgradeButton(nudge)!.click();
    document.removeEventListener('billing-upgrade', listen);
    expect(fired[0]!.cancelable && fired[0]!.composed).to.equal(true);
    expect((fired[0]!.detail as { priceId: string }).priceId).to.equal('price_pro_month');
  });

  it('leads to upgrade-url with the price in it', async () => {
    const nudge = await mount(make(), { store: storeWith(nudgeOf()), upgradeUrl: '/pricing?plan={priceId}' });
    expect(upgradeButton(nudge)!.getAttribute('href')).to.equal('/pricing?plan=price_pro_month');
  });

  it('goes nowhere when the event is prevented', async () => {
    const nudge = await mount(make(), { store: storeWith(nudgeOf()), upgradeUrl: '/pricing' });
    nudge.addEventListener('billing-upgrade', (event) => event.preventDefault());
    const click = new MouseEvent('click', { cancelable: true, bubbles: true });
    upgradeButton(nudge)!.dispatchEvent(click);
    expect(click.defaultPrevented).to.equal(true);
  });

  for (const url of [
    'javascript:alert(1)',
    ' JaVaScRiPt:alert(1)',
    'data:text/html,x',
    'java\nscript:alert(1)',
    'blob:x',
  ]) {
    it(`never uses ${JSON.stringify(url)}`, async () => {
      const nudge = await mount(make(), { store: storeWith(nudgeOf()), upgradeUrl: url });
      expect(upgradeButton(nudge)!.localName).to.equal('button');
    });
  }
});

describe('a trigger of the page’s own', () => {
  it('is shown as given, and nothing is fetched', async () => {
    const store = storeWith(nudgeOf());
    const nudge = await mount(make(), { trigger: own, store });
    expect(textOf(nudge, '.words')).to.equal('Half of your exports are gone More with Pro.');
    expect(textOf(nudge, '[part="upgrade"]')).to.equal('See plans');
    expect(store.subscribers).to.equal(0);
  });

  it('is dismissed by the event alone, and does not reopen', async () => {
    const store = storeWith();
    const nudge = await mount(make(), { trigger: own, store });
    closeButton(nudge).click();
    nudge.trigger = { ...own };
    await nudge.updateComplete;
    expect(nudge.open).to.equal(false);
    expect(store.dismissed).to.deep.equal([]);
  });

  it('gives way to another one', async () => {
    const nudge = await mount(make(), { trigger: own });
    nudge.trigger = { ...own, threshold: 90, message: { title: 'Nearly all' } };
    await nudge.updateComplete;
    expect(nudge.open).to.equal(true);
    expect(textOf(nudge, '.title')).to.equal('Nearly all');
  });
});

describe('a modal nudge', () => {
  it('is still modal after it was moved in the page', async () => {
    const nudge = await mount(make(), { variant: 'modal', store: storeWith(nudgeOf()) });
    const elsewhere = await fixture<HTMLElement>(html`<div></div>`);
    elsewhere.append(nudge);
    await nudge.updateComplete;
    expect(surfaceOf(nudge)!.matches(':modal')).to.equal(true);
  });

  it('takes the focus, and gives it back', async () => {
    const button = document.createElement('button');
    document.body.append(button);
    button.focus();
    const nudge = await mount(make(), { variant: 'modal', store: storeWith(nudgeOf()) });
    expect(document.activeElement === nudge).to.equal(true);
    closeButton(nudge).click();
    expect(document.activeElement === button).to.equal(true);
    button.remove();
  });

  it('compares the plans', async () => {
    const nudge = await mount(make(), { variant: 'modal', store: storeWith(nudgeOf()) });
    expect(textOf(nudge, '.plan-head')).to.equal('Pro $49 a month');
    expect(textOf(nudge, '.limits li')).to.equal('API calls 1,000 10,000');
  });

  it('waits while the person is typing', async () => {
    const time = new FakeTime();
    const input = await field();
    const nudge = await mount(make(), { variant: 'modal', store: storeWith(nudgeOf()) });
    const whileTyping = nudge.open;
    input.blur();
    time.pass(0);
    time.restore();
    await nudge.updateComplete;
    expect(whileTyping).to.equal(false);
    expect(nudge.open).to.equal(true);
  });

  it('is dismissed by Escape', async () => {
    const nudge = await mount(make(), { variant: 'modal', store: storeWith(nudgeOf()) });
    const reasons: string[] = [];
    nudge.addEventListener('billing-dismiss', (event) => reasons.push(event.detail.reason));
    surfaceOf(nudge)!.dispatchEvent(new Event('cancel', { cancelable: true }));
    expect(reasons).to.deep.equal(['escape']);
  });
});

describe('every other nudge', () => {
  for (const variant of ['banner', 'toast', 'inline'] as const) {
    it(`leaves the focus where it is as ${variant}`, async () => {
      const input = await field();
      const nudge = await mount(make(), { variant, store: storeWith(nudgeOf()) });
      expect(nudge.open).to.equal(true);
      expect(document.activeElement === input).to.equal(true);
    });

    it(`gives the focus back that was given to it, when it is dismissed as ${variant}`, async () => {
      const input = await field();
      const nudge = await mount(make(), { variant, store: storeWith(nudgeOf()) });
      upgradeButton(nudge)!.focus();
      closeButton(nudge).focus();
      escape(closeButton(nudge));
      await nudge.updateComplete;
      expect(document.activeElement === input).to.equal(true);
    });
  }

  it('gives the focus back when the page hides it', async () => {
    const input = await field();
    const nudge = await mount(make(), { store: storeWith(nudgeOf()) });
    closeButton(nudge).focus();
    nudge.open = false;
    await nudge.updateComplete;
    expect(document.activeElement === input).to.equal(true);
  });

  it('takes no focus back that went elsewhere meanwhile', async () => {
    await field();
    const nudge = await mount(make(), { store: storeWith(nudgeOf()) });
    closeButton(nudge).focus();
    const elsewhere = await field();
    closeButton(nudge).click();
    await nudge.updateComplete;
    expect(document.activeElement === elsewhere).to.equal(true);
  });

  it('gives the focus to nothing that is gone', async () => {
    const input = await field();
    const nudge = await mount(make(), { store: storeWith(nudgeOf()) });
    closeButton(nudge).focus();
    input.remove();
    escape(closeButton(nudge));
    await nudge.updateComplete;
    expect(document.activeElement === document.body).to.equal(true);
  });
});

describe('auto-dismiss', () => {
  let time: FakeTime;
  beforeEach(() => {
    time = new FakeTime();
  });
  afterEach(() => time.restore());

  it('hides after the time given and records nothing', async () => {
    const store = storeWith(nudgeOf());
    const nudge = await mount(make(), { store, autoDismiss: 8000 });
    const reasons: string[] = [];
    nudge.addEventListener('billing-dismiss', (event) => reasons.push(event.detail.reason));
    time.pass(7999);
    expect(nudge.open).to.equal(true);
    time.pass(1);
    expect(nudge.open).to.equal(false);
    expect(reasons).to.deep.equal(['timeout']);
    expect(store.dismissed).to.deep.equal([]);
  });

  it('takes at least five seconds', async () => {
    const nudge = await mount(make(), { store: storeWith(nudgeOf()), autoDismiss: 10 });
    time.pass(4999);
    expect(nudge.open).to.equal(true);
    time.pass(1);
    expect(nudge.open).to.equal(false);
  });

  it('stands still under the pointer', async () => {
    const nudge = await mount(make(), { store: storeWith(nudgeOf()), autoDismiss: 6000 });
    time.pass(3000);
    surfaceOf(nudge)!.dispatchEvent(new PointerEvent('pointerenter'));
    time.pass(60_000);
    expect(nudge.open).to.equal(true);
    surfaceOf(nudge)!.dispatchEvent(new PointerEvent('pointerleave'));
    time.pass(3000);
    expect(nudge.open).to.equal(false);
  });

  it('stands still with the focus inside', async () => {
    const nudge = await mount(make(), { store: storeWith(nudgeOf()), autoDismiss: 6000 });
    closeButton(nudge).focus();
    time.pass(60_000);
    expect(nudge.open).to.equal(true);
  });

  it('is not for a modal', async () => {
    const nudge = await mount(make(), { variant: 'modal', store: storeWith(nudgeOf()), autoDismiss: 6000 });
    time.pass(60_000);
    expect(nudge.open).to.equal(true);
  });

  it('is never with 0', async () => {
    const nudge = await mount(make(), { store: storeWith(nudgeOf()), autoDismiss: 0 });
    time.pass(3_600_000);
    expect(nudge.open).to.equal(true);
  });
});

describe('the live region of a nudge alone', () => {
  const regionOf = (nudge: Element) => find(nudge, '[role="status"][aria-live="polite"].unseen')!;

  it('is silent on load', async () => {
    const nudge = await mount(make(), { store: new FakeStore({ metrics: [metricOf()] }) });
    expect(regionOf(nudge).textContent).to.equal('');
  });

  it('speaks exactly once when a threshold is crossed', async () => {
    const store = new FakeStore({ metrics: [metricOf({ consumed: 700 })] });
    const nudge = await mount(make(), { store });
    const said = await changesOf(regionOf(nudge), async () => {
      for (const consumed of [842, 843]) {
        store.set({ metrics: [metricOf({ consumed })] });
        await nudge.updateComplete;
      }
    });
    expect(said).to.deep.equal(['API calls: 84% used, 158 left']);
  });
});
