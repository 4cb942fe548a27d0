import fc from 'fast-check';
import { beforeEach, describe, expect, it, vi } from 'vitest';
import type { CatalogDocument } from '../../metering/catalog.ts';
import type { UsageEvent, Verdict } from '../../metering/decide.ts';
import type { Subscription } from '../../metering/subscription.ts';
import { command, DAY_MS, NOW, PRICING } from '../../metering/testing/pricing.ts';
import { rowsOf, shownOf, type Shown } from '../account.ts';
import { auditIdAt } from '../audit-trail.ts';
import { AUDIT_READ_MAX, type Change, type Ledger, type TenantLedger } from '../ledger.ts';
import type { Audit } from './audit.ts';

/** A ledger on an empty store of its own, closed after the test. */
export interface OpenedLedger {
  readonly ledger: Ledger;
  /** Closes the ledger and opens another on the same store. */
  reopen(): Promise<Ledger>;
  /** Adds up what is stored, past the ledger. */
  audit(): Promise<Audit>;
  /** Changes what is stored, past the ledger. */
  tamper(sql: string): Promise<void>;
}

/** What any ledger must do; whatever passes is one. */
export function ledgerContract(name: string, open: (clock: () => number) => Promise<OpenedLedger>): void {
  describe(name, () => {
    const context = {} as Context;

    beforeEach(async () => {
      context.now = NOW;
      context.opened = await open(() => context.now);
      context.ledger = context.opened.ledger;
      context.tenantId = await context.ledger.ensureTenant('Acme', 'test', NOW);
      context.tenant = context.ledger.tenant(context.tenantId);
      await context.tenant.putCatalog(PRICING, NOW);
    });

    describe('an event', () => recordsEvents(context));
    describe('a limit', () => enforcesLimits(context));
    describe('an idempotency key', () => countsOnce(context));
    describe('a counter', () => counts(context));
    describe('a period', () => keepsPeriods(context));
    describe('a plan', () => changesPlans(context));
    describe('a plan in time', () => endsPlans(context));
    describe('a catalog', () => keepsCatalogs(context));
    describe('a customer', () => keepsCustomers(context));
    describe('a customer who is known', () => knowsCustomers(context));
    describe('deleting a customer', () => forgetsCustomers(context));
    describe('a credential', () => endsCredentials(context));
    describe('a change that nobody told', () => missesNothing(context));
    describe('an idempotency key in time', () => forgetsKeys(context));
    describe('a tenant', () => keepsTenants(context));
    describe('a secret key', () => keepsSecretKeys(context));
    describe('a change', () => tellsChanges(context));
    describe('a store', () => outlivesProcesses(context));
    describe('a verification', () => verifies(context));
    describe('the audit trail', () => audits(context));
  });
}

interface Context {
  now: number;
  opened: OpenedLedger;
  ledger: Ledger;
  tenantId: string;
  tenant: TenantLedger;
}

function recordsEvents(context: Context): void {
  it('is answered with all that its reply is printed from', async () => {
    const [event] = recorded(
      await context.tenant.track([command('api_calls', 3, { idempotencyKey: 'k', metadata: '{"a":1}' })]),
    );
    expect(event).toMatchObject({
      feature: 'api_calls',
      action: 'add',
      quantity: 3n,
      delta: 3n,
      consumed: 3n,
      limit: 100n,
      sequence: 1,
      recordedAt: NOW,
      idempotencyKey: 'k',
      metadata: '{"a":1}',
      period: { start: NOW },
    });
  });

  it('is seen by whoever reads after its promise resolved', async () => {
    for (let sequence = 1; sequence <= 10; sequence += 1) {
      await context.tenant.track([command('api_calls', 1)]);
      expect(await usage(context, 'api_calls')).toMatchObject({ sequence, consumed: BigInt(sequence) });
    }
  });

  it('is decided in its place in the batch, each seeing what the ones before it did', async () => {
    const verdicts = await context.tenant.track([
      command('seats', 4),
      command('seats', 2),
      command('seats', -3),
      command('seats', 2),
      command('seats', 5, { action: 'set' }),
    ]);
    expect(verdicts.map(word)).toEqual(['recorded', 'quota_exceeded', 'recorded', 'recorded', 'recorded']);
    expect(recorded(verdicts).map(({ consumed }) => consumed)).toEqual([4n, 1n, 3n, 5n]);
  });

  it('that cannot be recorded sinks none of its batch', async () => {
    const verdicts = await context.tenant.track([
      command('nothing', 1),
      command('api_calls', 1),
      command('sso', 1),
      command('api_calls', '0.5'),
      command('api_calls', 1, { timestamp: NOW + DAY_MS }),
      command('exports', 1),
      command('api_calls', 1, { externalId: 'user_2' }),
    ]);
    expect(verdicts.map(word)).toEqual([
      'feature_not_found',
      'recorded',
      'feature_not_metered',
      'fraction_not_allowed',
      'timestamp_out_of_range',
      'feature_not_in_plan',
      'recorded',
    ]);
    expect((await context.opened.audit()).eventIds).toHaveLength(2);
  });

  it('keeps 64-bit amounts exactly, and refuses what is beyond', async () => {
    const verdicts = await context.tenant.track([
      command('events', '9223372036854775807'),
      command('events', 1),
    ]);
    expect(verdicts.map(word)).toEqual(['recorded', 'quantity_out_of_range']);
    expect(await usage(context, 'events')).toMatchObject({ consumed: 9_223_372_036_854_775_807n });
  });

  it('keeps text of any script', async () => {
    const externalId = '用户 🦄 "1" \\ {a,b} NULL';
    const metadata = JSON.stringify({ text: '\0 \ud800 {} , "\\" NULL', list: [null] });
    const once = command('api_calls', 1, { externalId, metadata, idempotencyKey: '{"\\,NULL}' });
    const [first] = recorded(await context.tenant.track([once]));
    expect(await context.tenant.track([once])).toEqual([{ outcome: 'duplicate', event: first }]);
    expect(first?.metadata).toBe(metadata);
    expect(await context.tenant.customerByExternalId(externalId)).toMatchObject({ externalId });
  });
}

function enforcesLimits(context: Context): void {
  it('lets exactly 100 of 200 parallel events through', async () => {
    const verdicts = await Promise.all(
      Array.from({ length: 200 }, () => context.tenant.track([command('api_calls', 1)])),
    );
    expect(tally(verdicts.flat())).toEqual({ recorded: 100, quota_exceeded: 100 });
    const { eventIds, faults } = await context.opened.audit();
    expect(eventIds).toHaveLength(100);
    expect(faults).toEqual([]);
  });

  it('takes an increase whole or not at all', async () => {
    const verdicts = await context.tenant.track([command('api_calls', 60), command('api_calls', 41)]);
    expect(verdicts).toMatchObject([
      { outcome: 'recorded' },
      { code: 'quota_exceeded', usage: { consumed: 60n, limit: 100n } },
    ]);
  });

  it('that allows overage is passed', async () => {
    const verdicts = await context.tenant.track([command('emails', 50), command('emails', 7)]);
    expect(recorded(verdicts).map(({ consumed }) => consumed)).toEqual([50n, 57n]);
  });

  it('leaves nothing behind of what it refused', async () => {
    expect((await context.tenant.track([command('api_calls', 101)])).map(word)).toEqual(['quota_exceeded']);
    expect(await context.opened.audit()).toMatchObject({ eventIds: [], faults: [] });
    expect(await usage(context, 'api_calls')).toMatchObject({ consumed: 0n, sequence: 0 });
  });

  it('is the one in force when the event is committed', async () => {
    await context.tenant.track([command('api_calls', 50)]);
    const lower = changed((document) => limitOf(document, 'free', 'api_calls', 50));
    await context.tenant.putCatalog(lower, NOW);
    expect((await context.tenant.track([command('api_calls', 1)])).map(word)).toEqual(['quota_exceeded']);
    await upgrade(context);
    expect((await context.tenant.track([command('api_calls', 1)])).map(word)).toEqual(['recorded']);
  });
}

function countsOnce(context: Context): void {
  it('used 50 times at the same moment is counted once and answered alike', async () => {
    const once = command('api_calls', 1, { idempotencyKey: 'k' });
    const verdicts = (
      await Promise.all(Array.from({ length: 50 }, () => context.tenant.track([once])))
    ).flat();
    expect(tally(verdicts)).toEqual({ recorded: 1, duplicate: 49 });
    const [event] = recorded(verdicts);
    for (const verdict of verdicts) expect(verdict).toMatchObject({ event });
    expect(await context.opened.audit()).toMatchObject({ eventIds: [event?.id], faults: [] });
  });

  it('repeated in one batch is a duplicate', async () => {
    const once = command('api_calls', 1, { idempotencyKey: 'k' });
    expect((await context.tenant.track([once, once])).map(word)).toEqual(['recorded', 'duplicate']);
  });

  it('repeats its first answer before any limit, plan or period is looked at', async () => {
    const once = command('api_calls', 100, { idempotencyKey: 'k' });
    const [event] = recorded(await context.tenant.track([once]));
    context.now = NOW + 40 * DAY_MS;
    expect(await context.tenant.track([once])).toEqual([{ outcome: 'duplicate', event }]);
  });

  it('given to another event is refused', async () => {
    const key = { idempotencyKey: 'k' };
    await context.tenant.track([command('api_calls', 1, key)]);
    const verdicts = await context.tenant.track([
      command('api_calls', 2, key),
      command('seats', 1, key),
      command('nothing', 1, key),
      command('api_calls', 1, { ...key, timestamp: NOW }),
      command('api_calls', 1, { ...key, metadata: '{}' }),
    ]);
    expect(verdicts.map(word)).toEqual([
      ...Array.from({ length: 4 }, () => 'idempotency_key_reused'),
      'duplicate',
    ]);
  });

  it('aimed at two features at the same moment goes to one of them', async () => {
    const aim = (feature: string) => context.tenant.track([command(feature, 1, { idempotencyKey: 'k' })]);
    const verdicts = (await Promise.all([aim('api_calls'), aim('seats')])).flat();
    expect(tally(verdicts)).toEqual({ recorded: 1, idempotency_key_reused: 1 });
  });

  it('belongs to one customer and one kind of credential', async () => {
    const key = { idempotencyKey: 'k' };
    const verdicts = await context.tenant.track([
      command('api_calls', 1, key),
      command('api_calls', 1, { ...key, externalId: 'user_2' }),
      command('api_calls', 1, { ...key, origin: 'session' }),
    ]);
    expect(verdicts.map(word)).toEqual(['recorded', 'recorded', 'recorded']);
  });

  it('of a refused event is free again', async () => {
    const big = command('api_calls', 500, { idempotencyKey: 'k' });
    expect((await context.tenant.track([big])).map(word)).toEqual(['quota_exceeded']);
    await upgrade(context);
    expect((await context.tenant.track([big])).map(word)).toEqual(['recorded']);
  });
}

function counts(context: Context): void {
  it('numbers its events without gaps, whatever is refused between them', async () => {
    const verdicts = await Promise.all(
      Array.from({ length: 60 }, (_, index) =>
        context.tenant.track([command('seats', index % 3 === 0 ? 1 : index % 3 === 1 ? 9 : -1)]),
      ),
    );
    const sequences = recorded(verdicts.flat()).map(({ sequence }) => sequence);
    expect(sequences).toEqual(sequences.map((_, index) => index + 1));
    expect((await context.opened.audit()).faults).toEqual([]);
  });

  it('falls to zero and not below', async () => {
    const verdicts = await context.tenant.track([
      command('seats', 2),
      command('seats', -3),
      command('seats', -2),
    ]);
    expect(verdicts.map(word)).toEqual(['recorded', 'usage_below_zero', 'recorded']);
    expect(await usage(context, 'seats')).toMatchObject({ consumed: 0n, sequence: 2 });
  });

  it('set to an amount records the difference', async () => {
    const set = { action: 'set' } as const;
    const verdicts = await context.tenant.track([
      command('storage_gb', '2.5', set),
      command('storage_gb', '1', set),
      command('storage_gb', '10.000000000001', set),
    ]);
    expect(verdicts.map(word)).toEqual(['recorded', 'recorded', 'quota_exceeded']);
    expect(recorded(verdicts).map(({ delta }) => delta)).toEqual([2_500_000_000_000n, -1_500_000_000_000n]);
  });

  it('remembers how often its thresholds were crossed', async () => {
    await context.tenant.track([command('seats', 4), command('seats', -2), command('seats', 3)]);
    const counter = await usage(context, 'seats');
    expect(counter?.crossings).toEqual([2, 1, 1]);
  });
}

function keepsPeriods(context: Context): void {
  it('begins with the customer and counts from zero again when it has ended', async () => {
    const [first] = recorded(await context.tenant.track([command('api_calls', 100)]));
    context.now = first?.period.end ?? 0;
    const [next] = recorded(await context.tenant.track([command('api_calls', 1)]));
    expect(next).toMatchObject({ consumed: 1n, sequence: 1, period: { start: context.now } });
  });

  it('that has ended is still charged by an event of its time', async () => {
    await context.tenant.track([command('api_calls', 99)]);
    context.now = NOW + 31 * DAY_MS;
    const late = { timestamp: NOW + DAY_MS };
    const verdicts = await context.tenant.track([
      command('api_calls', 1, late),
      command('api_calls', 1, late),
      command('api_calls', 1),
    ]);
    expect(verdicts.map(word)).toEqual(['recorded', 'quota_exceeded', 'recorded']);
    expect(recorded(verdicts).map(({ consumed }) => consumed)).toEqual([100n, 1n]);
  });

  it('never ends for what is held and not used up', async () => {
    await context.tenant.track([command('seats', 5)]);
    context.now = NOW + 400 * DAY_MS;
    expect((await context.tenant.track([command('seats', 1)])).map(word)).toEqual(['quota_exceeded']);
  });
}

function changesPlans(context: Context): void {
  it('takes effect with the next event, and keeps the anchor and what was consumed', async () => {
    await context.tenant.track([command('api_calls', 100)]);
    context.now = NOW + 5;
    await upgrade(context);
    const [event] = recorded(await context.tenant.track([command('api_calls', 1)]));
    expect(event).toMatchObject({ consumed: 101n, sequence: 2, limit: 10_000n, period: { start: NOW } });
    expect(await context.tenant.customerByExternalId('user_1')).toMatchObject({
      anchor: NOW,
      revision: 2,
      subscription: { priceId: 'price_pro', implicit: false },
    });
  });

  it('that changes the reset is no refill, there and back', async () => {
    const { tenant } = context;
    const use = async (quantity: number) => (await tenant.track([command('api_calls', quantity)])).map(word);
    const { id } = await upgrade(context);
    await use(9_000);
    await tenant.updateSubscription(id, { priceId: 'price_pro_year' }, NOW);
    expect(await use(1_001)).toEqual(['quota_exceeded']);
    expect(await use(500)).toEqual(['recorded']);
    await tenant.updateSubscription(id, { priceId: 'price_pro' }, NOW);
    expect(await usage(context, 'api_calls')).toMatchObject({
      reset: 'month',
      consumed: 9_500n,
      sequence: 2,
    });
    expect((await context.opened.audit()).faults).toEqual([]);
  });

  it('that changes the reset while events come in loses none of them', async () => {
    const { tenant } = context;
    const { id } = await upgrade(context);
    const prices = ['price_pro_year', 'price_pro'];
    await Promise.all(
      Array.from({ length: 60 }, (_, index) =>
        index % 10 === 5
          ? tenant.updateSubscription(id, { priceId: prices[index % 20 === 5 ? 0 : 1] }, NOW)
          : tenant.track([command('api_calls', 1)]),
      ),
    );
    expect(await usage(context, 'api_calls')).toMatchObject({ consumed: 54n });
    expect((await context.opened.audit()).faults).toEqual([]);
  });

  it('ends at once when told to, and again when asked again', async () => {
    const { id } = await upgrade(context);
    const ended = await context.tenant.updateSubscription(id, { cancelImmediately: true }, NOW + 1);
    expect(ended).toMatchObject({ kind: 'updated', subscription: { status: 'canceled', endsAt: NOW + 1 } });
    expect(await context.tenant.updateSubscription(id, { cancelImmediately: true }, NOW + 2)).toEqual({
      ...ended,
      kind: 'ended',
    });
    const again = await upgrade(context);
    expect(await context.tenant.customerByExternalId('user_1')).toMatchObject({ subscription: again });
  });

  it('replaces the implicit one, is the same again, and is not replaced by another', async () => {
    const customer = await someone(context);
    const created = await context.tenant.subscribe(customer.id, 'price_pro', { note: 'a' }, NOW);
    expect(created).toMatchObject({ kind: 'created', subscription: { metadata: { note: 'a' } } });
    const subscription = 'subscription' in created ? created.subscription : null;
    expect(await context.tenant.subscribe(customer.id, 'price_pro', {}, NOW)).toEqual({
      kind: 'existing',
      subscription,
    });
    expect(await context.tenant.subscribe(customer.id, 'price_pro_year', {}, NOW)).toEqual({
      kind: 'conflict',
      subscription,
    });
    expect(await context.tenant.subscription(subscription?.id ?? '')).toEqual(subscription);
    expect(await context.tenant.subscription(customer.subscription?.id ?? '')).toMatchObject({
      status: 'canceled',
      endsAt: NOW,
    });
  });

  it('is made once, however often it is asked for at the same moment', async () => {
    const customer = await someone(context);
    const outcomes = await Promise.all(
      Array.from({ length: 10 }, () => context.tenant.subscribe(customer.id, 'price_pro', {}, NOW)),
    );
    expect(outcomes.map(({ kind }) => kind).sort()).toEqual([
      'created',
      ...Array.from({ length: 9 }, () => 'existing'),
    ]);
  });

  it('of nobody, or on no price, is not made', async () => {
    const customer = await someone(context);
    expect(await context.tenant.subscribe('cus_0', 'price_pro', {}, NOW)).toEqual({ kind: 'no_customer' });
    expect(await context.tenant.subscribe('\0', 'price_pro', {}, NOW)).toEqual({ kind: 'no_customer' });
    expect(await context.tenant.subscribe(customer.id, 'price_0', {}, NOW)).toEqual({ kind: 'no_price' });
  });

  it('is changed in all its parts, and moves the revision each time', async () => {
    const { id } = await upgrade(context);
    const yearly = { priceId: 'price_pro_year', status: 'past_due', metadata: { a: 1 } } as const;
    const updated = await context.tenant.updateSubscription(id, yearly, NOW + 1);
    expect(updated).toMatchObject({ kind: 'updated', subscription: yearly });
    expect(await context.tenant.subscription(id)).toEqual('subscription' in updated && updated.subscription);
    expect(await context.tenant.customerByExternalId('user_1')).toMatchObject({ revision: 4 });
    expect(await context.tenant.updateSubscription(id, { priceId: 'price_0' }, NOW)).toEqual({
      kind: 'no_price',
    });
    expect(await context.tenant.updateSubscription('\0', {}, NOW)).toEqual({ kind: 'no_subscription' });
  });
}

function endsPlans(context: Context): void {
  it('that is canceled ends with the period paid for, by itself', async () => {
    const { id } = await upgrade(context);
    const updated = await context.tenant.updateSubscription(id, { cancelAtPeriodEnd: true }, NOW);
    const endsAt = 'subscription' in updated ? (updated.subscription.endsAt ?? 0) : 0;
    context.now = endsAt - 1;
    expect((await context.tenant.track([command('exports', 1)])).map(word)).toEqual(['recorded']);
    context.now = endsAt;
    expect((await context.tenant.track([command('exports', 1)])).map(word)).toEqual(['feature_not_in_plan']);
    expect(await context.tenant.updateSubscription(id, { cancelAtPeriodEnd: false }, endsAt)).toMatchObject({
      kind: 'ended',
      subscription: { id },
    });
  });

  it('gives each customer one trial of a product', async () => {
    const customer = await someone(context);
    const first = await context.tenant.subscribe(customer.id, 'price_trial', {}, NOW);
    expect(first).toMatchObject({ subscription: { status: 'trialing' } });
    const id = 'subscription' in first ? first.subscription.id : '';
    await context.tenant.updateSubscription(id, { cancelAtPeriodEnd: true }, NOW);
    const again = await context.tenant.subscribe(customer.id, 'price_trial', {}, NOW + 40 * DAY_MS);
    expect(again).toMatchObject({ kind: 'created', subscription: { status: 'active', trialEnd: null } });
  });

  it('gives no second trial to who moved on to another product during the first', async () => {
    const customer = await someone(context);
    const first = await context.tenant.subscribe(customer.id, 'price_trial', {}, NOW);
    const id = 'subscription' in first ? first.subscription.id : '';
    await context.tenant.updateSubscription(id, { priceId: 'price_pro', cancelAtPeriodEnd: true }, NOW);
    const again = await context.tenant.subscribe(customer.id, 'price_trial', {}, NOW + 40 * DAY_MS);
    expect(again).toMatchObject({ kind: 'created', subscription: { status: 'active', trialEnd: null } });
  });

  it('holds no event up, and no event holds it up', async () => {
    const customer = await someone(context);
    const pro = await context.tenant.subscribe(customer.id, 'price_pro', {}, NOW);
    const id = 'subscription' in pro ? pro.subscription.id : '';
    const work = Array.from({ length: 20 }, (_, index) => [
      context.tenant.track([command('api_calls', 1), command('seats', index % 2 === 0 ? 1 : -1)]),
      context.tenant.updateSubscription(id, { metadata: { index } }, NOW),
      context.tenant.putCatalog(
        changed((document) => limitOf(document, 'pro', 'api_calls', 5_000 + index)),
        NOW,
      ),
    ]);
    await Promise.all(work.flat<Promise<unknown>[][]>());
    expect(await usage(context, 'api_calls')).toMatchObject({ consumed: 20n, sequence: 20 });
    expect((await context.opened.audit()).faults).toEqual([]);
  });
}

function keepsCatalogs(context: Context): void {
  it('reads as it was written', async () => {
    const { document, catalog } = await context.tenant.catalog();
    expect(document).toEqual(PRICING);
    expect(catalog.defaultProduct?.id).toBe('free');
    expect(catalog.revision).toBe(2);
  });

  it('written again changes nothing', async () => {
    await context.tenant.putCatalog(PRICING, NOW + 1);
    expect((await context.tenant.catalog()).catalog.revision).toBe(2);
  });

  it('keeps what is counted and what is subscribed to', async () => {
    await context.tenant.track([command('api_calls', 1), command('seats', 99)]);
    const outcome = await context.tenant.putCatalog({ features: [], products: [] }, NOW);
    expect(outcome).toEqual({ kind: 'in_use', names: ['feature api_calls', 'price price_free'] });
    const retyped = changed((document) => ({
      ...document,
      features: document.features.map((feature) => ({ ...feature, decimals: 2 })),
    }));
    expect(await context.tenant.putCatalog(retyped, NOW)).toMatchObject({ names: ['feature api_calls'] });
    expect((await context.tenant.catalog()).document).toEqual(PRICING);
  });

  it('takes a default that is written out for the same', async () => {
    await context.tenant.track([command('compute', 1)]);
    const spelled = changed((document) => ({
      ...document,
      features: document.features.map((feature) => ({ decimals: 9, ...feature })),
    }));
    expect(await context.tenant.putCatalog(spelled, NOW)).toMatchObject({ kind: 'kept' });
  });

  it('lets go of a price whose last subscription has ended by itself', async () => {
    const { id } = await upgrade(context);
    await context.tenant.updateSubscription(id, { cancelAtPeriodEnd: true }, NOW);
    const without = changed((document) => ({
      ...document,
      products: document.products.filter((product) => product.id !== 'pro'),
    }));
    expect(await context.tenant.putCatalog(without, NOW)).toMatchObject({ names: ['price price_pro'] });
    expect(await context.tenant.putCatalog(without, NOW + 32 * DAY_MS)).toMatchObject({ kind: 'kept' });
  });

  it('that is not there makes no customer and counts nothing', async () => {
    const bare = context.ledger.tenant(await context.ledger.ensureTenant('Bare', 'test', NOW));
    expect((await bare.track([command('api_calls', 1)])).map(word)).toEqual(['customer_not_found']);
    expect(await bare.ensureCustomer('user_1', {}, NOW)).toBeNull();
    expect((await bare.catalog()).document).toEqual({ features: [], products: [] });
  });
}

function keepsCustomers(context: Context): void {
  it('is made by its first event, on the default product', async () => {
    await context.tenant.track([command('api_calls', 1)]);
    const customer = await context.tenant.customerByExternalId('user_1');
    expect(customer).toMatchObject({
      externalId: 'user_1',
      anchor: NOW,
      revision: 0,
      metadata: {},
      subscription: { implicit: true, priceId: 'price_free', status: 'active' },
    });
    expect(await context.tenant.customer(customer?.id ?? '')).toEqual(customer);
    expect(await context.tenant.subscription(customer?.subscription?.id ?? '')).toEqual(
      customer?.subscription,
    );
  });

  it('is made once, however many see it first', async () => {
    const customers = await Promise.all(
      Array.from({ length: 20 }, () => context.tenant.ensureCustomer('user_1', {}, NOW)),
    );
    expect(new Set(customers.map((customer) => customer?.id)).size).toBe(1);
  });

  it('takes what is told of it and keeps the rest', async () => {
    await context.tenant.ensureCustomer('user_1', { email: 'a@example.com' }, NOW);
    await context.tenant.ensureCustomer('user_1', { externalOrganizationId: 'org_1' }, NOW + 1);
    const customer = await context.tenant.ensureCustomer('user_1', {}, NOW + 2);
    expect(customer).toMatchObject({
      email: 'a@example.com',
      externalOrganizationId: 'org_1',
      createdAt: NOW,
      updatedAt: NOW + 1,
    });
    expect(await context.tenant.customerByExternalId('user_1')).toEqual(customer);
  });

  it('never seen reads as nobody, and reading writes nothing', async () => {
    expect(await context.tenant.account('user_1', NOW)).toMatchObject({
      customer: null,
      counters: new Map(),
      dismissals: new Map(),
    });
    expect(await context.tenant.customer('\0')).toBeNull();
    expect(await context.tenant.customerByExternalId('user_1')).toBeNull();
  });

  it('has an account of every metered feature, or of one', async () => {
    await context.tenant.track([command('api_calls', 1), command('seats', 2)]);
    const rows = rowsOf(await context.tenant.account('user_1', NOW), NOW);
    expect(rows.map(({ entitlement, counter }) => [entitlement.feature.key, counter.consumed])).toEqual([
      ['api_calls', 1n],
      ['compute', 0n],
      ['emails', 0n],
      ['events', 0n],
      ['storage_gb', 0n],
      ['seats', 2n],
    ]);
    expect((await context.tenant.account('user_1', NOW, 'seats')).counters.size).toBe(1);
  });

  it('is not nudged before the snooze has ended', async () => {
    await someone(context);
    const nudge = 'ndg_api_calls~1769853600000~80~1';
    await context.tenant.dismissNudge('user_1', nudge, NOW + 5);
    await context.tenant.dismissNudge('user_1', nudge, NOW + 10);
    await context.tenant.dismissNudge('nobody', nudge, NOW + 10);
    expect((await context.tenant.account('user_1', NOW + 9)).dismissals).toEqual(
      new Map([[nudge, NOW + 10]]),
    );
    expect((await context.tenant.account('user_1', NOW + 10)).dismissals).toEqual(new Map());
  });
}

function knowsCustomers(context: Context): void {
  it('is created with a profile, and is the same again', async () => {
    const profile = { email: 'a@example.com', name: 'Ada', metadata: { a: 1 } };
    const created = await context.tenant.createCustomer('user_1', profile, NOW);
    expect(created).toMatchObject({ kind: 'created', customer: { ...profile, implicit: false } });
    expect(await context.tenant.customerByExternalId('user_1')).toEqual(created.customer);
    expect(await context.tenant.createCustomer('user_1', profile, NOW + 1)).toEqual({
      ...created,
      kind: 'existing',
    });
    expect(await context.tenant.createCustomer('user_1', { name: 'Eve' }, NOW + 1)).toEqual({
      ...created,
      kind: 'conflict',
    });
  });

  it('is created once, however many ask at the same moment', async () => {
    const outcomes = await Promise.all(
      Array.from({ length: 10 }, () => context.tenant.createCustomer('user_1', {}, NOW)),
    );
    expect(outcomes.filter(({ kind }) => kind === 'created')).toHaveLength(1);
    expect(new Set(outcomes.map(({ customer }) => customer.id)).size).toBe(1);
  });

  it('that first sight had made takes what is said of it when it is created', async () => {
    const { id } = await someone(context);
    const outcome = await context.tenant.createCustomer('user_1', { email: 'a@example.com' }, NOW + 1);
    expect(outcome).toMatchObject({
      kind: 'existing',
      customer: { id, implicit: false, updatedAt: NOW + 1 },
    });
    expect(await context.tenant.customer(id)).toEqual(outcome.customer);
  });

  it('is changed in what is given, and cleared of what is null', async () => {
    const { id } = await someone(context);
    await context.tenant.updateCustomer(id, { email: 'a@example.com', name: 'Ada' }, NOW);
    const updated = await context.tenant.updateCustomer(id, { name: null, metadata: { b: 2 } }, NOW + 1);
    expect(updated).toMatchObject({ email: 'a@example.com', name: null, metadata: { b: 2 } });
    expect(await context.tenant.customer(id)).toEqual(updated);
    expect(await context.tenant.updateCustomer('cus_0', {}, NOW)).toBeNull();
  });

  it('lists its subscriptions, newest first', async () => {
    const { id, subscription } = await someone(context);
    context.now = NOW + 1;
    const pro = await upgrade(context);
    const ids = (await context.tenant.subscriptions(id))?.map((one) => one.id);
    expect(ids).toEqual([pro.id, subscription?.id]);
    expect(await context.tenant.subscriptions('cus_0')).toBeNull();
  });
}

function forgetsCustomers(context: Context): void {
  const gone = async () => {
    const customer = await someone(context);
    await context.tenant.updateCustomer(customer.id, { email: 'a@example.com', metadata: { a: 1 } }, NOW);
    await context.tenant.track([command('seats', 5, { idempotencyKey: 'k', metadata: '{"who":"Ada"}' })]);
    await context.tenant.dismissNudge('user_1', 'ndg_1', NOW + 1);
    expect(await context.tenant.deleteCustomer(customer.id, NOW + 1)).toBe(true);
    return customer;
  };

  it('leaves nothing of the person', async () => {
    const { id, subscription } = await gone();
    const left = await context.tenant.customer(id);
    expect(left).toMatchObject({ deletedAt: NOW + 1, email: null, name: null, metadata: {} });
    expect(JSON.stringify(left)).not.toContain('user_1');
    expect(await context.tenant.subscription(subscription?.id ?? '')).toMatchObject({ status: 'canceled' });
    expect(await context.tenant.customerByExternalId('user_1')).toBeNull();
    expect(await context.tenant.subscriptions(id)).toBeNull();
    expect(await context.tenant.deleteCustomer(id, NOW)).toBe(false);
    expect(await context.tenant.updateCustomer(id, { name: 'x' }, NOW)).toBeNull();
    expect(await context.tenant.subscribe(id, 'price_pro', {}, NOW)).toEqual({ kind: 'no_customer' });
  });

  it('keeps the events, without what was said in them', async () => {
    await gone();
    const { eventIds, metadata, faults } = await context.opened.audit();
    expect([eventIds.length, metadata, faults]).toEqual([1, [], []]);
  });

  it.each([
    ['by the sweep', (_id: string) => context.ledger.sweep(NOW)],
    ['when asked again', (id: string) => context.tenant.deleteCustomer(id, NOW)],
  ])('that was broken off is finished %s', async (_by, finish) => {
    const { id } = await gone();
    await context.tenant.track([command('seats', 5, { externalId: 'user_2', metadata: '{"who":"Bob"}' })]);
    await context.opened.tamper(`update event set metadata = '{"who":"Ada"}' where customer_id = '${id}'`);
    expect(Number(await finish(id))).toBe(0);
    const { metadata, faults } = await context.opened.audit();
    expect([metadata, faults]).toEqual([[{ metadata: '{"who":"Bob"}' }], []]);
  });

  it('lets nobody come back by themselves', async () => {
    await gone();
    const verdicts = await context.tenant.track([
      command('seats', 1),
      command('seats', 1, { externalId: 'user_2' }),
      command('seats', 5, { idempotencyKey: 'k' }),
    ]);
    expect(verdicts.map(word)).toEqual(['customer_not_found', 'recorded', 'customer_not_found']);
    expect(await context.tenant.ensureCustomer('user_1', {}, NOW)).toBeNull();
    expect(await context.tenant.account('user_1', NOW)).toMatchObject({ customer: null, deleted: true });
    expect(await context.tenant.account('user_3', NOW)).toMatchObject({ customer: null, deleted: false });
    expect(await context.tenant.event('user_1', 'secret', 'k')).toBeNull();
  });

  it('makes another customer of one who is created again, as often as need be', async () => {
    const first = await gone();
    const second = await context.tenant.createCustomer('user_1', {}, NOW + 2);
    expect(second.kind).toBe('created');
    expect((await context.tenant.track([command('seats', 5, { idempotencyKey: 'k' })])).map(word)).toEqual([
      'recorded',
    ]);
    await context.tenant.deleteCustomer(second.customer.id, NOW + 3);
    const third = await context.tenant.createCustomer('user_1', {}, NOW + 4);
    expect(new Set([first.id, second.customer.id, third.customer.id]).size).toBe(3);
  });

  it('shows one who is created again as newer than all that was shown before', async () => {
    await upgrade(context);
    const [before] = recorded(await context.tenant.track([command('seats', 1)]));
    await gone();
    await context.tenant.createCustomer('user_1', {}, NOW + 2);
    const [after] = recorded(await context.tenant.track([command('seats', 1)]));
    expect(after?.revision).toBeGreaterThan(before?.revision ?? NaN);
  });
}

function endsCredentials(context: Context): void {
  it('holds while its key, its token and its customer do', async () => {
    const { ledger, tenant, tenantId } = context;
    await ledger.addSecretKey(tenantId, { hash: 'h', name: 'first' }, NOW);
    const keyId = (await ledger.findSecretKey('h'))?.id ?? '';
    const { id: customerId } = await someone(context);
    const other = await tenant.ensureCustomer('user_2', {}, NOW);
    const grants = [
      { keyId, tokenId: null, customerId: null },
      { keyId, tokenId: 'tok_1', customerId },
      { keyId, tokenId: 'tok_2', customerId },
      { keyId, tokenId: 'tok_3', customerId: other?.id ?? '' },
      { keyId: 'key_0', tokenId: 'tok_4', customerId },
      { keyId, tokenId: 'tok_5', customerId: 'cus_0' },
    ];
    expect(await tenant.grantsHold(grants)).toEqual([true, true, true, true, false, false]);
    await tenant.revokeToken('tok_2', NOW + DAY_MS, NOW);
    await tenant.revokeToken('tok_2', NOW + DAY_MS, NOW);
    await tenant.deleteCustomer(other?.id ?? '', NOW);
    expect(await tenant.grantsHold(grants)).toEqual([true, true, false, false, false, false]);
    expect(await tenant.grantsHold([])).toEqual([]);
  });

  it('is another tenant’s nowhere else', async () => {
    const { ledger, tenantId } = context;
    await ledger.addSecretKey(tenantId, { hash: 'h', name: 'first' }, NOW);
    const keyId = (await ledger.findSecretKey('h'))?.id ?? '';
    const elsewhere = ledger.tenant(await ledger.ensureTenant('Acme', 'live', NOW));
    expect(await elsewhere.grantsHold([{ keyId, tokenId: null, customerId: null }])).toEqual([false]);
  });
}

function missesNothing(context: Context): void {
  const shown = async (externalId = 'user_1') => {
    const account = await context.tenant.account(externalId, context.now);
    return shownOf(externalId, account, rowsOf(account, context.now));
  };
  const kinds = async (was: Shown) => (await context.tenant.changedSince([was])).map(({ kind }) => kind);

  it('to a counter is found, and only to that one', async () => {
    await context.tenant.track([command('api_calls', 1), command('seats', 1)]);
    const was = await shown();
    expect(await context.tenant.changedSince([was])).toEqual([]);
    await context.tenant.track([command('seats', 1), command('events', 1)]);
    const { tenantId } = context;
    const usage = { kind: 'usage', tenantId, externalId: 'user_1' };
    expect(await context.tenant.changedSince([was])).toEqual([
      { ...usage, feature: 'events' },
      { ...usage, feature: 'seats' },
    ]);
  });

  it('of a plan, of first sight, and of the catalog is found', async () => {
    const nobody = await shown();
    expect(await kinds(nobody)).toEqual([]);
    await someone(context);
    expect(await kinds(nobody)).toContain('plan');
    const free = await shown();
    await upgrade(context);
    expect(await kinds(free)).toContain('plan');
    const pro = await shown();
    await context.tenant.putCatalog(
      changed((document) => limitOf(document, 'pro', 'seats', 99)),
      NOW,
    );
    expect(await kinds(pro)).toContain('catalog');
  });

  it('of one customer says nothing of another', async () => {
    await context.tenant.track([command('seats', 1), command('seats', 1, { externalId: 'user_2' })]);
    const both = [await shown('user_1'), await shown('user_2')];
    await context.tenant.track([command('seats', 1, { externalId: 'user_2' })]);
    expect(await context.tenant.changedSince(both)).toMatchObject([{ externalId: 'user_2' }]);
  });
}

function forgetsKeys(context: Context): void {
  const once = command('events', 1, { idempotencyKey: 'k' });

  it('is kept for 36 days, and let go by the sweep some time after', async () => {
    await context.tenant.track([once, command('events', 1)]);
    context.now = NOW + 36 * DAY_MS;
    expect(await context.ledger.sweep(context.now)).toBe(0);
    expect((await context.tenant.track([once])).map(word)).toEqual(['duplicate']);
    context.now = NOW + 37 * DAY_MS + 1;
    expect(await context.ledger.sweep(context.now)).toBe(1);
    expect(await context.ledger.sweep(context.now)).toBe(0);
    expect(await context.tenant.event('user_1', 'secret', 'k')).toBeNull();
    expect((await context.tenant.track([once])).map(word)).toEqual(['recorded']);
  });

  it('is let go in steps, however many there are', async () => {
    const many = Array.from({ length: 2_500 }, (_, index) =>
      command('events', 1, { idempotencyKey: `k${index}` }),
    );
    await context.tenant.track(many);
    context.now = NOW + 37 * DAY_MS;
    await context.tenant.track([command('events', 1, { idempotencyKey: 'young' })]);
    expect(await context.ledger.sweep(context.now + 1)).toBe(2_500);
    expect(await context.tenant.event('user_1', 'secret', 'young')).not.toBeNull();
    expect(await context.tenant.event('user_1', 'secret', 'k2499')).toBeNull();
  });

  it('is found with the event that holds it, by its kind of credential', async () => {
    const [event] = recorded(await context.tenant.track([once]));
    expect(await context.tenant.event('user_1', 'secret', 'k')).toEqual(event);
    expect(await context.tenant.event('user_1', 'session', 'k')).toBeNull();
    expect(await context.tenant.event('user_2', 'secret', 'k')).toBeNull();
    expect(await context.tenant.event('\0', 'secret', '\0')).toBeNull();
  });
}

function keepsTenants(context: Context): void {
  it('is the same for the same organization and mode, however many ask first', async () => {
    const ids = await Promise.all(
      Array.from({ length: 10 }, (_, index) => context.ledger.ensureTenant('New', 'live', NOW + index)),
    );
    expect(new Set(ids).size).toBe(1);
    expect(await context.ledger.ensureTenant('New', 'test', NOW)).not.toBe(ids[0]);
  });

  it('sees nothing of another, whatever names they share', async () => {
    const other = context.ledger.tenant(await context.ledger.ensureTenant('Acme', 'live', NOW));
    await other.putCatalog(PRICING, NOW);
    const once = command('api_calls', 100, { idempotencyKey: 'k' });
    const verdicts = await Promise.all([context.tenant.track([once]), other.track([once])]);
    expect(verdicts.flat().map(word)).toEqual(['recorded', 'recorded']);
    const mine = await someone(context);
    expect(await other.customer(mine.id)).toBeNull();
    expect(await other.subscription(mine.subscription?.id ?? '')).toBeNull();
  });

  it('is found by its secret keys', async () => {
    const { ledger, tenantId } = context;
    await ledger.addSecretKey(tenantId, { hash: 'h', name: 'first' }, NOW);
    expect(await ledger.findSecretKey('h')).toMatchObject({ tenantId, mode: 'test' });
    expect(await ledger.findSecretKey('other')).toBeNull();
  });

  it('signs with the key that was there first', async () => {
    const key = (kid: string) => ({ kid, secret: new Uint8Array(32).fill(kid.length) });
    const rings = await Promise.all(
      ['a', 'bb', 'ccc'].map((kid) => context.ledger.signingKeys(key(kid), NOW)),
    );
    for (const ring of rings) expect(ring).toHaveLength(1);
    const [signing] = await context.ledger.signingKeys(key('dddd'), NOW);
    expect(new Set(rings.flat().map(({ kid }) => kid))).toEqual(new Set([signing?.kid]));
    expect([...(signing?.secret ?? [])]).toEqual([...key(signing?.kid ?? '').secret]);
  });
}

function tellsChanges(context: Context): void {
  function listen(): { heard: Change[]; stop: () => void } {
    const heard: Change[] = [];
    return { heard, stop: context.ledger.onChange((changes) => heard.push(...changes)) };
  }

  it('of usage is told once per customer and feature, and not for refusals', async () => {
    const { heard } = listen();
    await context.tenant.track([command('api_calls', 1), command('api_calls', 2), command('seats', 9)]);
    const { tenantId } = context;
    expect(heard).toEqual([{ kind: 'usage', tenantId, externalId: 'user_1', feature: 'api_calls' }]);
  });

  it('of a plan or the catalog is told when there really is one', async () => {
    const { tenant, tenantId } = context;
    const { heard } = listen();
    await upgrade(context);
    await upgrade(context);
    await tenant.putCatalog(PRICING, NOW);
    await tenant.putCatalog(
      changed((document) => limitOf(document, 'free', 'seats', 6)),
      NOW,
    );
    await tenant.dismissNudge('user_1', 'ndg_1', NOW + 1);
    const plan = { kind: 'plan', tenantId, externalId: 'user_1' };
    expect(heard).toEqual([plan, { kind: 'catalog', tenantId }, plan]);
  });

  it('is not told to who stopped listening', async () => {
    const { heard, stop } = listen();
    stop();
    await context.tenant.track([command('api_calls', 1)]);
    expect(heard).toEqual([]);
  });

  it('stands when a listener throws', async () => {
    const warned = vi.spyOn(process, 'emitWarning').mockImplementation(() => undefined);
    context.ledger.onChange(() => {
      throw new Error('a listener’s own fault');
    });
    const { heard } = listen();
    expect((await context.tenant.track([command('api_calls', 1)])).map(word)).toEqual(['recorded']);
    expect(heard).toHaveLength(1);
    expect(warned).toHaveBeenCalledOnce();
    warned.mockRestore();
  });
}

function outlivesProcesses(context: Context): void {
  it('has everything after it was closed and opened again', async () => {
    const keyed = command('seats', 3, { idempotencyKey: 'k' });
    const [event] = recorded(await context.tenant.track([keyed]));
    await context.tenant.dismissNudge('user_1', 'ndg_1', NOW + 1);
    const account = await context.tenant.account('user_1', NOW);
    const reopened = (await context.opened.reopen()).tenant(context.tenantId);
    expect(await reopened.account('user_1', NOW)).toEqual(account);
    expect(await reopened.track([keyed])).toEqual([{ outcome: 'duplicate', event }]);
  });

  it('is ready while it is open', async () => {
    expect(await context.ledger.isReady()).toBe(true);
    await context.ledger.close();
    await expect(context.ledger.isReady()).rejects.toMatchObject({ name: 'LedgerUnavailableError' });
  });

  it('that is closed takes nothing any more, and closing it again does no harm', async () => {
    await context.ledger.close();
    await context.ledger.close();
    await expect(context.tenant.track([command('api_calls', 1)])).rejects.toMatchObject({
      name: 'LedgerUnavailableError',
    });
  });
}

function keepsSecretKeys(context: Context): void {
  const add = (name: string, tenantId = context.tenantId, now = NOW): Promise<string> =>
    context.ledger.addSecretKey(tenantId, { hash: `hash of ${name}`, name }, now);

  it('is found by its hash until it is revoked', async () => {
    const { ledger, tenantId } = context;
    const id = await add('one');
    expect(await ledger.findSecretKey('hash of one')).toEqual({ id, tenantId, mode: 'test' });
    await ledger.revokeSecretKey(id, NOW);
    expect(await ledger.findSecretKey('hash of one')).toBeNull();
  });

  it('is listed with every tenant’s others, oldest first, revoked or not', async () => {
    const { ledger } = context;
    const live = await ledger.ensureTenant('Other', 'live', NOW);
    const second = await add('second', live, NOW + 1);
    const first = await add('first');
    await ledger.revokeSecretKey(second, NOW + 2);
    const acme = { organization: 'Acme', mode: 'test', createdAt: NOW, revokedAt: null };
    const other = { organization: 'Other', mode: 'live', createdAt: NOW + 1, revokedAt: NOW + 2 };
    expect(await ledger.listSecretKeys()).toEqual([
      { id: first, name: 'first', ...acme },
      { id: second, name: 'second', ...other },
    ]);
  });

  it('that is revoked twice was revoked the first time', async () => {
    const id = await add('one');
    await context.ledger.revokeSecretKey(id, NOW + 1);
    expect(await context.ledger.revokeSecretKey(id, NOW + 2)).toMatchObject({ id, revokedAt: NOW + 1 });
  });

  it.each(['key_nobody', 'nul\0', '\ud800'])('that is not there cannot be revoked: %j', async (id) => {
    await add('one');
    expect(await context.ledger.revokeSecretKey(id, NOW)).toBeNull();
  });
}

function verifies(context: Context): void {
  const verify = () => context.ledger.verify(context.now, () => undefined);
  /** Three keyed events of 2 on one counter, of `user_1`. */
  const trackThree = async (): Promise<[UsageEvent, UsageEvent, UsageEvent]> => {
    const commands = ['a', 'b', 'c'].map((key) => command('api_calls', 2, { idempotencyKey: key }));
    const [first, second, third] = (await context.tenant.track(commands)).map(eventOf);
    if (first === undefined || second === undefined || third === undefined)
      throw new Error('too few verdicts');
    return [first, second, third];
  };

  it('finds everything exact, whatever was recorded, refused, repeated or carried over', async () => {
    await trackThree();
    await trackThree();
    await context.tenant.track([
      command('seats', 4),
      command('seats', -1),
      command('seats', 2, { action: 'set' }),
      command('seats', 99),
      command('nothing', 1),
      command('events', 1, { externalId: 'user_2', idempotencyKey: 'a' }),
    ]);
    await upgrade(context);
    await trackThree();
    expect(await verify()).toMatchObject({ events: 7, differencesTotal: 0, differences: [] });
  });

  it('reads one snapshot beside whoever writes', async () => {
    const writing = Array.from({ length: 50 }, () => context.tenant.track([command('events', 1)]));
    const verifications = await Promise.all(Array.from({ length: 5 }, verify));
    await Promise.all(writing);
    expect(verifications.flatMap(({ differences }) => differences)).toEqual([]);
  });

  it('tells how far it is, from the start', async () => {
    await trackThree();
    const told: [number, number][] = [];
    await context.ledger.verify(NOW, (events, of) => told.push([events, of]));
    expect(told).toEqual([[0, 3]]);
  });

  const total = (consumed: bigint, sequence: number) => ({ consumed, sequence });

  it('finds a counter that is not the sum of its events', async () => {
    const [event] = await trackThree();
    await context.opened.tamper('update counter set consumed = consumed + 1');
    const { customerId, reset, periodStart } = event;
    const counter = { tenantId: context.tenantId, customerId, feature: 'api_calls', reset, periodStart };
    expect(await verify()).toEqual({
      events: 3,
      counters: 1,
      differencesTotal: 1,
      differences: [{ kind: 'counter', ...counter, stored: total(7n, 3), recomputed: total(6n, 3) }],
    });
  });

  it('finds a counter that is gone', async () => {
    await trackThree();
    await context.opened.tamper('delete from counter');
    const { differences } = await verify();
    expect(differences).toMatchObject([{ kind: 'counter', stored: null, recomputed: total(6n, 3) }]);
  });

  it('finds a counter whose events are gone', async () => {
    await trackThree();
    await context.opened.tamper('delete from event; delete from idempotency');
    const { differences } = await verify();
    expect(differences).toMatchObject([{ kind: 'counter', stored: total(6n, 3), recomputed: total(0n, 0) }]);
  });

  it('finds the gap where an event is missing, and what its counter lacks', async () => {
    const [, second, third] = await trackThree();
    await context.opened.tamper(`delete from event where id = '${second.id}'`);
    expect((await verify()).differences).toMatchObject([
      { kind: 'sequence', eventId: third.id, expected: 2, found: 3 },
      { kind: 'record', key: 'b', eventId: second.id, eventExists: false },
      { kind: 'counter', stored: total(6n, 3), recomputed: total(4n, 3) },
    ]);
  });

  it('finds a sequence that is there twice', async () => {
    const [, second, third] = await trackThree();
    await context.opened.tamper(`update event set sequence = 2 where id = '${third.id}'`);
    const [repeated] = [second.id, third.id].sort().slice(1);
    const { differences } = await verify();
    // Events of one moment have no order but their ids': the third may be read first, and then its amount stands out too.
    expect(differences.filter(({ kind }) => kind !== 'consumed')).toMatchObject([
      { kind: 'sequence', eventId: repeated, expected: 3, found: 2 },
      { kind: 'counter', stored: total(6n, 3), recomputed: total(6n, 2) },
    ]);
  });

  it('finds a key that a repeat would not find', async () => {
    const [, second] = await trackThree();
    await context.opened.tamper("delete from idempotency where key = 'b'");
    expect((await verify()).differences).toMatchObject([
      { kind: 'idempotency', eventId: second.id, found: null },
    ]);
  });

  it('finds a key that leads to another event', async () => {
    const [first, second] = await trackThree();
    await context.opened.tamper(`update idempotency set event_id = '${first.id}' where key = 'b'`);
    expect((await verify()).differences).toMatchObject([
      { kind: 'idempotency', eventId: second.id, found: first.id },
      { kind: 'record', key: 'b', eventId: first.id, eventExists: true },
    ]);
  });

  it.each([
    [
      'the event is gone',
      (id: string) => `update idempotency set event_id = 'evt_0' where event_id = '${id}'`,
    ],
    ['it leads to another', (id: string) => `update event set idempotency_key = 'x' where id = '${id}'`],
  ])('has an answer for a key whose record is damaged: %s', async (_damage, sql) => {
    const [first] = await trackThree();
    await context.opened.tamper(sql(first.id));
    const again = command('api_calls', 2, { idempotencyKey: 'a' });
    const verdicts = await context.tenant.track([again, command('api_calls', 1)]);
    expect(verdicts.map(word)).toEqual(['idempotency_key_reused', 'recorded']);
    expect(await context.tenant.event('user_1', 'secret', 'a')).toBeNull();
  });

  it('finds an event whose key was cleared', async () => {
    const [first] = await trackThree();
    await context.opened.tamper(`update event set idempotency_key = null where id = '${first.id}'`);
    expect((await verify()).differences).toEqual([
      {
        kind: 'record',
        tenantId: context.tenantId,
        customerId: first.customerId,
        origin: 'secret',
        key: 'a',
        eventId: first.id,
        eventExists: true,
      },
    ]);
  });

  it('finds a record that leads nowhere', async () => {
    const [first] = await trackThree();
    await context.opened.tamper(`update idempotency set event_id = 'evt_0' where key = 'a'`);
    expect((await verify()).differences).toMatchObject([
      { kind: 'idempotency', eventId: first.id, found: 'evt_0' },
      { kind: 'record', key: 'a', eventId: 'evt_0', eventExists: false },
    ]);
  });

  it.each(['customer_id', 'origin'])('finds a record whose %s is not its event’s', async (column) => {
    await context.tenant.track([command('api_calls', 2, { idempotencyKey: 'a' })]);
    await context.opened.tamper(`update idempotency set ${column} = 'x'`);
    expect((await verify()).differences).toMatchObject([
      { kind: 'idempotency', found: null },
      { kind: 'record', [column === 'origin' ? 'origin' : 'customerId']: 'x', eventExists: true },
    ]);
  });

  it('finds an event that says another amount was consumed, from the first to the last', async () => {
    const [first, second, third] = await trackThree();
    const found = async ({ id }: UsageEvent) => {
      await context.opened.tamper(`update event set consumed = consumed + 1 where id = '${id}'`);
      const { differences } = await verify();
      await context.opened.tamper(`update event set consumed = consumed - 1 where id = '${id}'`);
      return differences;
    };
    const says = (event: UsageEvent, expected: bigint, found: bigint) => ({
      kind: 'consumed',
      eventId: event.id,
      expected,
      found,
    });
    expect(await found(first)).toMatchObject([says(first, 2n, 3n), says(second, 5n, 4n)]);
    expect(await found(third)).toMatchObject([says(third, 6n, 7n)]);
    expect((await verify()).differencesTotal).toBe(0);
  });

  it('finds deltas that were exchanged, though their sum is the same', async () => {
    const [less, more] = (await context.tenant.track([command('seats', 1), command('seats', 3)])).map(
      eventOf,
    );
    await context.opened.tamper('update event set delta = 4 - delta, quantity = 4 - quantity');
    expect((await verify()).differences).toMatchObject([
      { kind: 'consumed', eventId: less?.id, expected: 3n, found: 1n },
      { kind: 'consumed', eventId: more?.id, expected: 2n, found: 4n },
    ]);
  });

  it('finds a quantity that does not come to its delta, whatever was done', async () => {
    await upgrade(context);
    const { id } = await upgrade(context);
    await context.tenant.track([command('api_calls', 7)]);
    await context.tenant.updateSubscription(id, { priceId: 'price_pro_year' }, NOW);
    await context.tenant.track([command('seats', 4), command('seats', 3, { action: 'set' })]);
    expect((await verify()).differencesTotal).toBe(0);
    await context.opened.tamper('update event set quantity = quantity + 1');
    const kinds = (await verify()).differences.map(({ kind }) => kind);
    expect(kinds).toEqual(['quantity', 'quantity', 'quantity', 'quantity']);
  });

  it('raises no false alarm, whatever has happened', async () => {
    await fc.assert(
      fc.asyncProperty(histories, async (steps) => {
        for (const step of steps) await happen(context, step);
        expect((await verify()).differences).toEqual([]);
      }),
      { numRuns: HISTORIES },
    );
  });

  it('asks for no key that is older than a repeat may be', async () => {
    await trackThree();
    await context.opened.tamper('delete from idempotency');
    context.now = NOW + 36 * DAY_MS - 1;
    expect((await verify()).differencesTotal).toBe(3);
    context.now = NOW + 36 * DAY_MS;
    expect((await verify()).differencesTotal).toBe(0);
  });
}

const HISTORIES = 15;

type Step =
  | {
      do: 'track';
      feature: string;
      quantity: number;
      action: 'add' | 'set';
      key: string | null;
      late: number | null;
    }
  | { do: 'move'; priceId: string }
  | { do: 'cancel'; cancelImmediately: boolean }
  | { do: 'limit'; limit: number }
  | { do: 'delete' | 'create' | 'sweep' }
  | { do: 'wait'; days: number };

const histories = fc.array(
  fc.oneof<fc.MaybeWeightedArbitrary<Step>[]>(
    {
      weight: 6,
      arbitrary: fc.record({
        do: fc.constant('track'),
        feature: fc.constantFrom('api_calls', 'events', 'seats', 'exports'),
        quantity: fc.integer({ min: -3, max: 60 }),
        action: fc.constantFrom('add', 'add', 'set'),
        key: fc.option<string>(fc.constantFrom('a', 'b', 'c'), { nil: null }),
        late: fc.option<number>(fc.nat(30), { nil: null }),
      }),
    },
    { weight: 2, arbitrary: fc.record({ do: fc.constant('wait'), days: fc.constantFrom(1, 20, 36, 38) }) },
    fc.record({
      do: fc.constant('move'),
      priceId: fc.constantFrom('price_pro', 'price_pro_year', 'price_free'),
    }),
    fc.record({ do: fc.constant('cancel'), cancelImmediately: fc.boolean() }),
    fc.record({ do: fc.constant('limit'), limit: fc.integer({ min: 50, max: 200 }) }),
    fc.record({ do: fc.constantFrom('delete', 'create', 'sweep') }),
  ),
  { minLength: 5, maxLength: 40, size: 'max' },
);

/** Does one thing to `user_1` and the store, as far as it can be done. */
async function happen(context: Context, step: Step): Promise<void> {
  const { tenant, ledger, now } = context;
  const customer = await tenant.customerByExternalId('user_1');
  const subscription = customer?.subscription ?? null;
  switch (step.do) {
    case 'track': {
      const { feature, quantity, action, key, late } = step;
      const timestamp = late === null ? null : now - late * DAY_MS;
      await tenant.track([command(feature, quantity, { action, timestamp, idempotencyKey: key })]);
      return;
    }
    case 'move':
      if (customer === null) return;
      if ((await tenant.subscribe(customer.id, step.priceId, {}, now)).kind === 'conflict')
        await tenant.updateSubscription(subscription?.id ?? '', { priceId: step.priceId }, now);
      return;
    case 'cancel': {
      const { cancelImmediately } = step;
      const change = cancelImmediately ? { cancelImmediately } : { cancelAtPeriodEnd: true };
      await tenant.updateSubscription(subscription?.id ?? '', change, now);
      return;
    }
    case 'limit':
      await tenant.putCatalog(
        changed((document) => limitOf(document, 'free', 'api_calls', step.limit)),
        now,
      );
      return;
    case 'delete':
      await tenant.deleteCustomer(customer?.id ?? '', now);
      return;
    case 'create':
      await tenant.createCustomer('user_1', {}, now);
      return;
    case 'sweep':
      await ledger.sweep(now);
      return;
    case 'wait':
      context.now += step.days * DAY_MS;
  }
}

/** `user_1`, made if need be. */
async function someone({ tenant }: Context) {
  const customer = await tenant.ensureCustomer('user_1', {}, NOW);
  if (customer === null) throw new Error('There is no default product');
  return customer;
}

/** Puts `user_1` on the pro plan. */
async function upgrade(context: Context): Promise<Subscription> {
  const { id } = await someone(context);
  const outcome = await context.tenant.subscribe(id, 'price_pro', {}, context.now);
  if (!('subscription' in outcome)) throw new Error(outcome.kind);
  return outcome.subscription;
}

async function usage({ tenant, now }: Context, feature: string) {
  const rows = rowsOf(await tenant.account('user_1', now, feature), now, feature);
  return rows[0]?.counter;
}

/** The pricing with a change. */
function changed(change: (document: CatalogDocument) => CatalogDocument): CatalogDocument {
  return change(structuredClone(PRICING));
}

function limitOf(
  document: CatalogDocument,
  productId: string,
  feature: string,
  limit: number,
): CatalogDocument {
  const products = document.products.map((product) =>
    product.id !== productId
      ? product
      : {
          ...product,
          features: product.features.map((one) => (one.feature === feature ? { ...one, limit } : one)),
        },
  );
  return { ...document, products };
}

/** A verdict in a word. */
export function word(verdict: Verdict): string {
  return verdict.outcome === 'refused' ? verdict.code : verdict.outcome;
}

/** The event of a verdict that has one. */
function eventOf(verdict: Verdict): UsageEvent {
  if (verdict.outcome === 'refused') throw new Error(`refused: ${verdict.code}`);
  return verdict.event;
}

/** The events that were recorded, in the order of their sequence where it is one counter's. */
export function recorded(verdicts: readonly Verdict[]): UsageEvent[] {
  return verdicts.flatMap((verdict) => (verdict.outcome === 'recorded' ? verdict.event : []));
}

/** How many verdicts there are of each word. */
export function tally(verdicts: readonly Verdict[]): Record<string, number> {
  const words = verdicts.map(word);
  return Object.fromEntries(
    [...new Set(words)].map((one) => [one, words.filter((other) => other === one).length]),
  );
}

function audits(context: Context): void {
  const author = { keyId: 'key_1', requestId: 'req_1' };
  const trail = () => context.ledger.auditTrail('');
  const actions = async () => (await trail()).map(({ action }) => action);

  it('says who replaced the catalog, and which document it was', async () => {
    const renamed = { ...PRICING, features: PRICING.features.map((one) => ({ ...one, title: 'Renamed' })) };
    context.now += 1;
    await context.ledger.tenant(context.tenantId, author).putCatalog(renamed, context.now);
    const entries = await trail();
    expect(entries).toMatchObject([
      { action: 'catalog.replaced', author: { keyId: null, requestId: null } },
      { action: 'catalog.replaced', author, at: context.now, subject: context.tenantId },
    ]);
    expect(entries[0]).toMatchObject({ organization: 'Acme', mode: 'test' });
    expect(entries[1]?.details['sha256']).toMatch(/^[0-9a-f]{64}$/);
    expect(entries[1]?.details['sha256']).not.toBe(entries[0]?.details['sha256']);
  });

  it('has nothing of a catalog that is the same', async () => {
    await context.ledger.tenant(context.tenantId, author).putCatalog(PRICING, context.now + 1);
    expect(await actions()).toEqual(['catalog.replaced']);
  });

  it('says when keys were made, and revoked for the first time', async () => {
    const id = await context.ledger.addSecretKey(context.tenantId, { hash: 'h', name: 'ci' }, NOW + 1);
    await context.ledger.revokeSecretKey(id, NOW + 2);
    await context.ledger.revokeSecretKey(id, NOW + 3);
    expect((await trail()).slice(1)).toMatchObject([
      { action: 'key.created', subject: id, at: NOW + 1, details: { name: 'ci' } },
      { action: 'key.revoked', subject: id, at: NOW + 2, details: { name: 'ci' } },
    ]);
  });

  it('says who changed a subscription to what, and nothing of its metadata', async () => {
    const tenant = context.ledger.tenant(context.tenantId, author);
    const customer = await tenant.ensureCustomer('user_1', {}, NOW);
    const subscribed = await tenant.subscribe(customer?.id ?? '', 'price_pro', { secret: 'a' }, NOW + 1);
    if (subscribed.kind !== 'created') throw new Error(subscribed.kind);
    const { id } = subscribed.subscription;
    await tenant.updateSubscription(id, { cancelAtPeriodEnd: true, metadata: { secret: 'b' } }, NOW + 2);
    expect((await trail()).slice(1)).toMatchObject([
      {
        action: 'subscription.created',
        subject: id,
        author,
        details: { customer_id: customer?.id, price_id: 'price_pro' },
      },
      { action: 'subscription.updated', subject: id, author, details: { cancel_at_period_end: true } },
    ]);
    expect(JSON.stringify(await trail())).not.toContain('secret');
  });

  it('says who revoked a session token, the first time', async () => {
    const tenant = context.ledger.tenant(context.tenantId, author);
    await tenant.revokeToken('tok_1', NOW + DAY_MS, NOW + 1);
    await tenant.revokeToken('tok_1', NOW + DAY_MS, NOW + 2);
    expect((await trail()).slice(1)).toMatchObject([
      { action: 'token.revoked', subject: 'tok_1', author, at: NOW + 1, details: {} },
    ]);
  });

  it('says who deleted a customer, and not whom', async () => {
    const tenant = context.ledger.tenant(context.tenantId, author);
    const customer = await tenant.ensureCustomer('user_1', { email: 'ada@example.com' }, NOW);
    const id = customer?.id ?? '';
    await tenant.deleteCustomer(id, NOW + 1);
    await tenant.deleteCustomer(id, NOW + 2);
    expect((await trail()).slice(1)).toMatchObject([
      { action: 'customer.deleted', subject: id, author, at: NOW + 1, details: {} },
    ]);
    expect(JSON.stringify(await trail())).not.toMatch(/user_1|ada@/);
  });

  it('names the events that took usage back or set it, and no other', async () => {
    context.now += 1;
    const tenant = context.ledger.tenant(context.tenantId, author);
    const verdicts = await tenant.track([
      command('api_calls', 5),
      command('api_calls', -2, { idempotencyKey: 'k' }),
      command('api_calls', -2, { idempotencyKey: 'k' }),
      command('api_calls', -100),
      command('seats', 3, { action: 'set' }),
    ]);
    expect(verdicts.map(({ outcome }) => outcome)).toEqual([
      'recorded',
      'recorded',
      'duplicate',
      'refused',
      'recorded',
    ]);
    const [, lowered, , , set] = recordedIn(verdicts);
    const entries = (await trail()).slice(1);
    expect(entries.map(({ subject }) => subject).sort()).toEqual([lowered?.id, set?.id].sort());
    expect(entries).toMatchObject([
      { action: 'usage.corrected', author },
      { action: 'usage.corrected', author },
    ]);
    expect(entries.map(({ details }) => details['delta']).sort()).toEqual(['-2', '3']);
  });

  it('is read on from an entry, or from an instant', async () => {
    await context.ledger.addSecretKey(context.tenantId, { hash: 'h', name: 'ci' }, NOW + 5);
    const [first, second] = await trail();
    expect(await context.ledger.auditTrail(first?.id ?? '')).toEqual([second]);
    expect(await context.ledger.auditTrail(auditIdAt(NOW + 5))).toEqual([second]);
    expect(await context.ledger.auditTrail(auditIdAt(NOW + 6))).toEqual([]);
  });

  it('is read in bounded parts', async () => {
    for (let batch = 0; batch < 3; batch += 1) {
      await context.tenant.track(Array.from({ length: 400 }, () => command('seats', 1, { action: 'set' })));
    }
    const first = await trail();
    const rest = await context.ledger.auditTrail(first.at(-1)?.id ?? '');
    expect([first.length, rest.length]).toEqual([AUDIT_READ_MAX, 1_201 - AUDIT_READ_MAX]);
  });
}

function recordedIn(verdicts: readonly Verdict[]): (UsageEvent | null)[] {
  return verdicts.map((verdict) => (verdict.outcome === 'refused' ? null : verdict.event));
}
