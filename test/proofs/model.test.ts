import { isDeepStrictEqual } from 'node:util';
import fc from 'fast-check';
import { expect, it } from 'vitest';
import { rowsOf } from '../../packages/server/src/ledger/account.ts';
import type { TenantLedger } from '../../packages/server/src/ledger/ledger.ts';
import type { TrackCommand, UsageEvent, Verdict } from '../../packages/server/src/metering/decide.ts';
import { parseDecimal, type Decimal } from '../../packages/server/src/metering/quantity.ts';
import { standingAt, statusAt } from '../../packages/server/src/metering/subscription.ts';
import { commands, CUSTOMERS, starts, type Command, type Draft } from './support/commands.ts';
import { Model, TICK_PLACES, type Entry, type ModelEvent, type Row } from './support/model.ts';
import { PRICING } from './support/pricing.ts';
import { report, scale, SEED, times } from './support/scale.ts';
import { describeStores, type Store } from './support/stores.ts';

/** A ledger and a model of it are told the same things, and must say the same. */

const RUNS = { SQLite: scale(150, 10_000), PostgreSQL: scale(40, 1_000) };
/** Stores that are compared side by side: most of a run is waiting for the disk. */
const LANES = scale(2, 4);
const TIMEOUT_MS = scale(60_000, 1_200_000);

describeStores((store) => {
  it(
    'answers as the model of the contract does, command by command',
    async () => {
      const told = { runs: 0, commands: 0 };
      const compared = await Promise.all(times(LANES, (lane) => compare(store, SEED + lane, told)));
      // At last, for it reads a whole store on this thread, and nothing of another lane may wait so long.
      for (const verify of compared) await verify();
      report(`${store.name}: ${told.runs} runs of ${told.commands} commands, no counterexample`);
    },
    TIMEOUT_MS,
  );
});

/** Runs scripts one after the other on a store of their own, with a clock of their own. Returns how to verify it. */
async function compare(
  store: Store,
  seed: number,
  told: { runs: number; commands: number },
): Promise<() => Promise<void>> {
  const clock = { now: 0 };
  const created = await store.create();
  const ledger = await created.open(() => clock.now);
  const tenantId = await ledger.ensureTenant('Acme', 'test', clock.now);
  const tenant = ledger.tenant(tenantId);
  await tenant.putCatalog(PRICING, clock.now);
  let run = 0;
  await fc.assert(
    fc.asyncProperty(starts, commands, async (start, script) => {
      clock.now = start;
      run += 1;
      told.runs += 1;
      told.commands += script.length;
      // Each run has customers of its own, and so counters, keys and plans.
      const names = times(CUSTOMERS, (n) => `user_${run}_${n}`);
      await new Comparison(tenant, clock, names).run(script);
    }),
    { numRuns: RUNS[store.name] / LANES, seed },
  );
  return async () => {
    expect((await ledger.verify(clock.now, () => undefined)).differences).toEqual([]);
    await ledger.close();
    expect((await created.audit()).faults).toEqual([]);
  };
}

class Comparison {
  readonly #tenant: TenantLedger;
  readonly #clock: { now: number };
  readonly #names: readonly string[];
  readonly #model = new Model(PRICING);
  /** All events sent. */
  readonly #sent: { event: ModelEvent; asText: boolean }[] = [];
  /** What the ledger recorded for what the model did. */
  readonly #recorded = new Map<Entry, UsageEvent>();
  readonly #revisions = new Map<string, { version: number; revision: number }>();

  constructor(tenant: TenantLedger, clock: { now: number }, names: readonly string[]) {
    this.#tenant = tenant;
    this.#clock = clock;
    this.#names = names;
  }

  async run(script: readonly Command[]): Promise<void> {
    for (const command of script) {
      await this.#perform(command);
      for (const name of this.#touchedBy(command)) await this.#compareAccount(name);
    }
    for (const name of this.#names) await this.#compareAccount(name);
  }

  /** Whose account a command may have moved; time moves everybody's. */
  #touchedBy(command: Command): readonly string[] {
    if (command.do === 'track')
      return [...new Set(command.events.map(({ customer }) => this.#name(customer)))];
    return command.do === 'subscribe' || command.do === 'change'
      ? [this.#name(command.customer)]
      : this.#names;
  }

  async #perform(command: Command): Promise<void> {
    switch (command.do) {
      case 'track':
        return this.#track(command.events.map((draft) => this.#finish(draft)));
      case 'replay': {
        const again = this.#sent[command.nth % this.#sent.length];
        return again && this.#track([again]);
      }
      case 'subscribe':
        return this.#subscribe(this.#name(command.customer), command.priceId);
      case 'change': {
        const name = this.#name(command.customer);
        const { subscription } = await this.#ensure(name);
        const real = await this.#tenant.updateSubscription(
          subscription?.id ?? '',
          command.change,
          this.#clock.now,
        );
        expect(real.kind).toBe(this.#model.change(name, command.change, this.#clock.now));
        return;
      }
      case 'wait':
        this.#clock.now += command.ms;
        return;
      case 'reach the end': {
        const [row] = this.#model.rows(this.#name(command.customer), this.#clock.now);
        if (row?.periodEnd != null) this.#clock.now = row.periodEnd + command.ms;
      }
    }
  }

  async #track(events: readonly { event: ModelEvent; asText: boolean }[]): Promise<void> {
    this.#sent.push(...events);
    const verdicts = await this.#tenant.track(events.map(toCommand));
    for (const [index, { event }] of events.entries()) this.#compareVerdict(verdicts[index], event);
  }

  #compareVerdict(verdict: Verdict | undefined, event: ModelEvent): void {
    const answer = this.#model.track(event, this.#clock.now);
    if (verdict === undefined || verdict.outcome === 'refused' || answer.outcome === 'refused') {
      const code = verdict?.outcome === 'refused' ? verdict.code : '';
      const isJustified = answer.outcome === 'refused' && answer.codes.includes(code);
      if (!isJustified) expect(verdict).toStrictEqual(answer);
      return;
    }
    expectSame({ outcome: verdict.outcome, entry: entryOf(verdict.event) }, answer);
    if (answer.outcome === 'recorded') this.#recorded.set(answer.entry, verdict.event);
    else expectSame(verdict.event, this.#recorded.get(answer.entry));
  }

  async #subscribe(name: string, priceId: string): Promise<void> {
    const { id } = await this.#ensure(name);
    const real = await this.#tenant.subscribe(id, priceId, {}, this.#clock.now);
    expect(real.kind).toBe(this.#model.subscribe(name, priceId, this.#clock.now));
  }

  /** What a customer reads: usage, plan, and a revision that moves with the plan and with nothing else. */
  async #compareAccount(name: string): Promise<void> {
    const { now } = this.#clock;
    const account = await this.#tenant.account(name, now);
    expectSame(rowsOf(account, now).map(rowOf), this.#model.rows(name, now));
    const { customer, catalog } = account;
    if (customer?.subscription == null) return;
    const { version, ...plan } = this.#model.plan(name, now);
    const { priceId, trialEnd } = customer.subscription;
    expectSame({ priceId, status: statusAt(customer.subscription, now), trialEnd }, plan);

    const { revision } = standingAt(customer, catalog, now);
    const last = this.#revisions.get(name) ?? { version, revision };
    expectSame(Math.sign(revision - last.revision), Math.sign(version - last.version));
    this.#revisions.set(name, { version, revision });
  }

  async #ensure(name: string) {
    const customer = await this.#tenant.ensureCustomer(name, {}, this.#clock.now);
    if (customer === null)
      throw new Error('The catalog has a default product, and still there is no customer');
    return customer;
  }

  #finish({ customer, timestamp, asText, ...draft }: Draft): { event: ModelEvent; asText: boolean } {
    const at = timestamp === null ? null : this.#clock.now + timestamp;
    return { event: { ...draft, customer: this.#name(customer), timestamp: at }, asText };
  }

  #name(customer: number): string {
    return this.#names[customer] ?? '';
  }
}

/** Vitest compares slowly, and says well what differs: it is asked only when something does. */
function expectSame(told: unknown, expected: unknown): void {
  if (!isDeepStrictEqual(told, expected)) expect(told).toStrictEqual(expected);
}

function toCommand({ event, asText }: { event: ModelEvent; asText: boolean }): TrackCommand {
  return {
    externalId: event.customer,
    origin: event.origin,
    feature: event.feature,
    quantity: read(event.ticks, asText),
    action: event.action,
    idempotencyKey: event.key,
    metadata: null,
    timestamp: event.timestamp,
  };
}

/** As a JSON text would hold it: a number where a double is exact, else a string. */
function read(ticks: bigint, asText: boolean): Decimal {
  const exact = asText || ticks > BigInt(Number.MAX_SAFE_INTEGER);
  const decimal = parseDecimal(exact ? `${ticks}e-${TICK_PLACES}` : Number(ticks) / 10 ** TICK_PLACES);
  if (decimal === null) throw new Error(`${ticks} ticks cannot be written`);
  return decimal;
}

function entryOf({ feature, quantity, delta, consumed, limit, sequence, period }: UsageEvent): Entry {
  const [periodStart, periodEnd] = [period.start, period.end];
  return { feature, quantity, delta, consumed, limit, sequence, periodStart, periodEnd };
}

function rowOf({ entitlement, counter, period }: ReturnType<typeof rowsOf>[number]): Row {
  const { consumed, sequence } = counter;
  const { feature, limit } = entitlement;
  return {
    feature: feature.key,
    consumed,
    limit,
    sequence,
    periodStart: period.start,
    periodEnd: period.end,
  };
}
