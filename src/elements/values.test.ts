import fc from 'fast-check';
import { FakeStore, metricOf, nudgeOf } from './testing/fake-store.ts';
import { cleanUp, mount, warningsOf } from './testing/helpers.ts';
import { afterEach, beforeEach, describe, expect, it } from './testing/test.ts';
import { anyNumber, anyUnit, leaksOf } from './testing/values.ts';
import type { UsageMetric } from '../store/types.ts';
import './define.ts';
import { pageView } from './upgrade-nudge/page-view.ts';

/** The values a host can assign, to every element: whatever it is, what is on screen makes sense. */

const SEED = 20_261_125;
const RUNS = 300;

type Element = HTMLElementTagNameMap['billing-usage-bar'] &
  HTMLElementTagNameMap['billing-usage-display'] &
  HTMLElementTagNameMap['billing-upgrade-nudge'];

async function holds(name: keyof HTMLElementTagNameMap, values: fc.Arbitrary<object>): Promise<void> {
  await warningsOf(() =>
    fc.assert(
      fc.asyncProperty(values, async (assigned) => {
        const element = await mount(document.createElement(name) as Element, assigned);
        const leaks = leaksOf(element);
        element.remove();
        pageView.reset();
        expect(leaks).to.deep.equal([]);
      }),
      { seed: SEED, numRuns: RUNS },
    ),
  );
}

const anyMetric: fc.Arbitrary<UsageMetric> = fc
  .record({
    consumed: fc.double(),
    limit: fc.oneof(fc.double(), fc.constantFrom(0, 5, Infinity)),
    warn_at: fc.double(),
    resets_in_days: fc.constantFrom(null, 0, 1, 9, NaN),
    period_end: fc.constantFrom(null, '', 'soon', '2026-03-01T00:00:00.000Z'),
    as_of: fc.constantFrom('', '2026-02-03T14:02:00.000Z'),
    unit: anyUnit as fc.Arbitrary<string>,
    feature_type: fc.constantFrom('usage_quota' as const, 'numeric_limit' as const),
    overage_allowed: fc.boolean(),
  })
  .map((given) => metricOf(given));

const anyPlan = fc.oneof(
  fc.constantFrom(null, undefined, {}, 'pro', { name: 'Pro', price: {}, limits: [] }),
  fc.record({
    name: fc.string(),
    priceId: fc.string(),
    price: fc.record({
      amount: anyNumber,
      currency: fc.string(),
      interval: fc.constantFrom('month', 'constructor'),
    }),
    limits: fc.array(fc.record({ feature: fc.string(), title: fc.string(), from: anyNumber, to: anyNumber })),
  }),
);

const anyTrigger = fc.oneof(
  fc.constantFrom({}, [], 5, 'text', true),
  fc.record({
    type: fc.constantFrom('host', undefined),
    feature: fc.constantFrom('api_calls', 'other', undefined),
    threshold: anyNumber,
    actual: anyNumber,
    severity: fc.constantFrom('critical', 'nonsense', undefined, null),
    message: fc.constantFrom(undefined, null, 'text', {}, { title: 'Hello' }),
    resets_at: fc.constantFrom(undefined, null, '', 'soon', '2026-03-01T00:00:00.000Z'),
    suggestedPlan: anyPlan,
  }),
);

afterEach(cleanUp);
beforeEach(() => pageView.reset());

// First, while nothing has been warned of yet.
describe('a value that makes no sense', () => {
  const odd: [string, keyof HTMLElementTagNameMap, object][] = [
    ['consumed', 'billing-usage-bar', { consumed: 'many' }],
    ['limit', 'billing-usage-bar', { consumed: 1, limit: 'lots' }],
    ['warn-at', 'billing-usage-bar', { consumed: 1, limit: 2, warnAt: NaN }],
    [
      'heading-level',
      'billing-usage-display',
      { headingLevel: 'top', store: new FakeStore({ metrics: [metricOf()] }) },
    ],
    ['rows', 'billing-usage-display', { rows: 'all', store: new FakeStore({ status: 'pending' }) }],
    [
      'threshold',
      'billing-upgrade-nudge',
      { threshold: 'high', store: new FakeStore({ nudges: [nudgeOf()] }) },
    ],
    [
      'auto-dismiss',
      'billing-upgrade-nudge',
      { autoDismiss: 'soon', store: new FakeStore({ nudges: [nudgeOf()] }) },
    ],
    ['variant', 'billing-upgrade-nudge', { variant: 'popup', store: new FakeStore({ nudges: [nudgeOf()] }) }],
    ['trigger', 'billing-upgrade-nudge', { trigger: {} }],
  ];
  for (const [attribute, name, assigned] of odd) {
    it(`is warned of once: ${attribute}`, async () => {
      const warnings = await warningsOf(async () => {
        const element = await mount(document.createElement(name) as Element, assigned);
        element.requestUpdate();
        await element.updateComplete;
        await mount(document.createElement(name) as Element, assigned);
      });
      expect(warnings).to.have.length(1);
      expect(warnings[0]!).to.contain(attribute);
    });
  }
});

describe('any value a host assigns', () => {
  it('makes sense in a bar', async () => {
    const amounts = { consumed: anyNumber, limit: anyNumber, warnAt: anyNumber, criticalAt: anyNumber };
    const label = fc.constantFrom('Calls', '', null, undefined, 5);
    await holds('billing-usage-bar', fc.record({ ...amounts, unit: anyUnit, label }));
  });

  it('makes sense in a display', async () => {
    const store = fc.array(anyMetric, { maxLength: 3 }).map((metrics) => new FakeStore({ metrics }));
    const own = { headingLevel: anyNumber, rows: anyNumber, compact: fc.boolean() };
    await holds('billing-usage-display', fc.record({ ...own, store }));
  });

  it('makes sense in a display that waits', async () => {
    const store = fc.constant(new FakeStore({ status: 'pending' }));
    await holds('billing-usage-display', fc.record({ rows: anyNumber, store }));
  });

  it('makes sense in a nudge', async () => {
    const variant = fc.constantFrom('banner', 'toast', 'modal', 'inline', 'nonsense', null);
    const trigger = fc.oneof(anyTrigger, fc.constant(undefined));
    const store = anyMetric.map((metric) => new FakeStore({ metrics: [metric], nudges: [nudgeOf()] }));
    const own = { threshold: anyNumber, autoDismiss: anyNumber, snooze: anyNumber };
    await holds('billing-upgrade-nudge', fc.record({ ...own, variant, trigger, store }));
  });
});
