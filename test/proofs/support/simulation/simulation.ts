/**
 * Two merchants and a browser for a while, decided by a seed. The SDKs, the outbox, the API, its batches, the metering
 * rules and the store are the real ones; clock, network, disk of the browser and faults of the store are simulated.
 * Requests get lost, repeat, overtake each other and break off, transactions fail before and after they are committed,
 * the store stalls, the API's process dies, tabs crash, and a period ends in the middle. Then everything heals, and
 * what must hold is checked.
 */
import { BillingOS } from '../../../../packages/node/src/billing-os.ts';
import { number, text } from '../../../../packages/server/src/ledger/rows.ts';
import { sqliteStore } from '../../../../packages/server/src/ledger/sqlite/store.ts';
import type { CatalogDocument } from '../../../../packages/server/src/metering/catalog.ts';
import { Api } from '../../../../src/client/api.ts';
import { isBillingOSError } from '../../../../src/client/errors.ts';
import type { ServerTrackInput } from '../../../../src/client/track-input.ts';
import { isOutcomeUnknown, track } from '../../../../src/client/track.ts';
import type { TransportReply, TransportRequest } from '../../../../src/client/transport.ts';
import { openOutbox, type Outbox } from '../../../../src/store/outbox.ts';
import { FakeBrowser, type FakeTab } from '../../../../src/store/testing/fake-browser.ts';
import { SimClock } from '../../../../src/store/testing/sim-clock.ts';
import { seededRandom } from '../../../../src/store/testing/seeded-random.ts';
import { simTransport, type NetworkFate, type SimNetworkOptions } from './sim-network.ts';
import { SimServer, type StoreFate } from './sim-server.ts';

const ACTIONS = 40;
const ACTION_GAP_MAX_MS = 800;
const TABS_MAX = 3;
/** More than a request takes at its worst: two ways, the wait for the store, and the store when it stalls. */
const TIMEOUT_MS = 30_000;
const HEALING_STEP_MS = 60_000;
const HEALING_STEPS_MAX = 20;
const DAY_MS = 86_400_000;

const TENANTS = ['acme', 'globex'] as const;
const CUSTOMERS = ['anna', 'bert'] as const;
/** By feature: the limit, where it is a hard one. */
const HARD_LIMITS: Readonly<Record<string, number>> = { calls: 9, seats: 6 };
const FEATURES = ['calls', 'mails', 'files', 'seats'] as const;
const CATALOG: CatalogDocument = {
  features: [
    { key: 'calls', title: 'Calls', type: 'usage_quota', decimals: 0 },
    { key: 'mails', title: 'Mails', type: 'usage_quota', decimals: 0 },
    { key: 'files', title: 'Files', type: 'usage_quota', decimals: 0 },
    { key: 'seats', title: 'Seats', type: 'numeric_limit', decimals: 0 },
  ],
  products: [
    {
      id: 'free',
      name: 'Free',
      default: true,
      rank: 1,
      prices: [{ id: 'price_free', amount: 0, currency: 'usd', interval: 'day' }],
      features: [
        { feature: 'calls', limit: 9 },
        { feature: 'mails', limit: 4, overage: 'allow' },
        { feature: 'files', limit: null },
        { feature: 'seats', limit: 6 },
      ],
    },
  ],
};

const NETWORK_FAULTS: readonly NetworkFate[] = [
  'request lost',
  'reply lost',
  'reset',
  'reset after it arrived',
  'delivered twice',
  'garbled',
];
const STORE_FAULTS: readonly StoreFate[] = [
  'refused',
  'rolled back',
  'committed without saying so',
  'statement failed',
];

type Told = 'recorded' | 'refused' | 'queued';

/** One event, and what whoever tracked it was told last. */
interface Call {
  readonly tenant: string;
  readonly input: ServerTrackInput & { readonly idempotencyKey: string };
  /** Where it came from: a request of its own, a buffer, or a page, which may be gone by now. */
  readonly from: 'request' | 'buffer' | Page;
  told: Told | undefined;
}

/** An event in the body of a request. */
interface SentEvent {
  readonly idempotency_key: string;
}

interface Page {
  readonly tab: FakeTab;
  readonly customer: string;
  readonly outbox: Promise<Outbox>;
}

/** A line of the ledger, as it is in the store. */
interface Line {
  /** The tenant's name and the idempotency key. */
  readonly key: string;
  readonly counter: string;
  readonly feature: string;
  readonly sequence: number;
  readonly delta: number;
  readonly consumed: number;
}

export interface SimulationResult {
  /** What went wrong; nothing should. */
  readonly complaints: readonly string[];
  /** What was told to whom, in its order. */
  readonly trace: readonly string[];
}

/** Runs one seed. */
export async function simulate(seed: number): Promise<SimulationResult> {
  const simulation = new Simulation(seed);
  await simulation.run();
  const result = simulation.result();
  await simulation.end();
  return result;
}

class Simulation {
  readonly #complaints: string[] = [];
  readonly #trace: string[] = [];
  readonly #random: () => number;
  readonly #clock = new SimClock(2);
  readonly #server: SimServer;
  readonly #network: SimNetworkOptions;
  readonly #browser: FakeBrowser;
  readonly #backends: ReadonlyMap<string, BillingOS>;
  readonly #pages: Page[] = [];
  readonly #calls: Call[] = [];
  /** The first answer to each key that counts. */
  readonly #replies = new Map<string, string>();
  /** Keys that were refused at least once. */
  readonly #refused = new Set<string>();
  /** Tenants whose buffer is empty. */
  readonly #flushed = new Set<string>();
  #isHealed = false;
  #isStalled = false;

  constructor(seed: number) {
    this.#random = seededRandom(seed);
    const networkFaults = this.#random() * 0.4;
    const storeFaults = this.#random() * 0.3;
    const slowness = this.#random();
    this.#browser = new FakeBrowser({ clock: this.#clock, delayMs: () => this.#random() * 20 });
    this.#server = new SimServer(
      this.#clock,
      {
        fate: () => this.#fate(storeFaults, STORE_FAULTS),
        delayMs: () => (this.#isStalled ? 3_000 + this.#random() * 4_000 : this.#random() * 200 * slowness),
      },
      TENANTS,
      CATALOG,
    );
    this.#network = {
      clock: this.#clock,
      weather: {
        fate: () => this.#fate(networkFaults, NETWORK_FAULTS),
        delayMs: () => this.#random() * (this.#random() < 0.1 ? 2_000 : 100),
      },
      answer: (request) => this.#answer(request),
    };
    this.#backends = new Map(TENANTS.map((tenant) => [tenant, this.#newBackend(tenant)]));
  }

  async run(): Promise<void> {
    this.#meetCustomers();
    // The day of everybody's plan ends somewhere on the way.
    await this.#clock.advance(DAY_MS - this.#random() * ACTIONS * ACTION_GAP_MAX_MS);
    for (let action = 0; action < ACTIONS; action += 1) {
      this.#act();
      await this.#clock.advance(this.#random() * ACTION_GAP_MAX_MS);
    }
    await this.#heal();
    const lines = this.#lines();
    this.#checkCalls(lines);
    this.#checkLedger(lines);
    this.#checkOrder(lines);
  }

  result(): SimulationResult {
    return { complaints: [...this.#server.complaints, ...this.#complaints], trace: this.#trace };
  }

  /** Node keeps every combined signal that somebody listens to until it aborts, and with it all of the simulation. */
  async end(): Promise<void> {
    for (const { outbox } of this.#pages) void outbox.then((opened) => opened.close());
    await this.#clock.advance(0);
  }

  #act(): void {
    const dice = this.#random() * 20;
    if (dice < 5) this.#trackInBrowser();
    else if (dice < 8) this.#trackDirectly(this.#newCall());
    else if (dice < 11) this.#buffer();
    else if (dice < 13) this.#trackBatch();
    else if (dice < 14) this.#burst();
    else if (dice < 15.5) this.#openTab();
    else if (dice < 16.5) this.#openPages()[0]?.tab.close();
    else if (dice < 17) this.#browser.isDiskBroken = !this.#browser.isDiskBroken;
    else if (dice < 19) this.#isStalled = !this.#isStalled;
    else this.#server.crash();
  }

  /** Customers whose first period began a day before, whatever becomes of their first event. */
  #meetCustomers(): void {
    const store = sqliteStore(this.#server.sqlite);
    const now = this.#clock.now();
    for (const tenant of TENANTS) {
      const tenantId = store.ensureTenant(tenant, 'test', now);
      for (const customer of CUSTOMERS) store.ensureCustomer(tenantId, customer, {}, now);
    }
  }

  #newBackend(tenant: string): BillingOS {
    const secretKey = this.#server.secretKeys.get(tenant);
    const buffer = {
      onError: (error: Error, event?: ServerTrackInput) => {
        const call = this.#calls.find(({ input }) => input.idempotencyKey === event?.idempotencyKey);
        if (call !== undefined) this.#tellError(call, error);
      },
    };
    const options = { secretKey, apiUrl: 'https://api.test', timeout: TIMEOUT_MS, buffer };
    const transport = simTransport(this.#network);
    return new BillingOS(options, { clock: this.#clock, random: this.#random, transport });
  }

  #newCall(
    facts: Partial<Pick<Call, 'tenant' | 'from'>> & { customer?: string; timestamp?: Date } = {},
  ): Call {
    const { tenant = this.#pick(TENANTS), from = 'request', customer = this.#pick(CUSTOMERS) } = facts;
    const input = {
      customerId: customer,
      featureKey: this.#pick(FEATURES),
      quantity: 1 + Math.floor(this.#random() * 3),
      idempotencyKey: `key-${this.#calls.length}`,
      timestamp: facts.timestamp,
    };
    const call: Call = { tenant, input, from, told: undefined };
    this.#calls.push(call);
    return call;
  }

  #trackDirectly(call: Call): void {
    this.#backend(call.tenant)
      .trackUsage(call.input)
      .then(
        () => this.#tell(call, 'recorded'),
        (error: unknown) => this.#tellError(call, error as Error),
      );
  }

  #trackBatch(): void {
    const tenant = this.#pick(TENANTS);
    const calls = Array.from({ length: 1 + Math.floor(this.#random() * 5) }, () => this.#newCall({ tenant }));
    this.#sendBatch(calls);
  }

  #sendBatch(calls: readonly Call[]): void {
    const [first] = calls;
    if (first === undefined) return;
    this.#backend(first.tenant)
      .trackUsageBatch(calls.map(({ input }) => input))
      .then(
        ({ results }) =>
          calls.forEach((call, index) => {
            this.#tell(
              call,
              results[index] !== undefined && 'error' in results[index] ? 'refused' : 'recorded',
            );
          }),
        // Its outcome is not known: it is sent again once everything is well.
        () => undefined,
      );
  }

  #buffer(): void {
    const tenant = this.#pick(TENANTS);
    const timestamp = new Date(this.#clock.now());
    const call = this.#newCall({ tenant, from: 'buffer', timestamp });
    void this.#backend(tenant)
      .bufferUsage(call.input)
      .then(() => this.#tell(call, 'queued'));
  }

  /** More at once than the queue holds. */
  #burst(): void {
    const tenant = this.#pick(TENANTS);
    for (let n = 0; n < 10; n += 1) this.#trackDirectly(this.#newCall({ tenant }));
  }

  #openTab(): void {
    if (this.#openPages().length >= TABS_MAX) return;
    this.#openTabOf(this.#pick(CUSTOMERS));
  }

  #openPages(): Page[] {
    return this.#pages.filter(({ tab }) => !tab.isClosed);
  }

  #openTabOf(customer: string): void {
    const tab = this.#browser.openTab();
    const token = this.#server.secretKeys.get(TENANTS[0]) ?? '';
    const credentials = { token, apiUrl: 'https://api.test', customer };
    const api = new Api({
      credentials: { get: () => Promise.resolve(credentials) },
      transport: simTransport(this.#network, (callback) => tab.run(callback)),
      timeoutMs: TIMEOUT_MS,
      maxRetries: 0,
      clock: tab.clock,
      random: this.#random,
    });
    const outbox = openOutbox({
      client: {
        trackUsage: (input, options) =>
          track(api, '/v1/usage/track', { ...input, customerId: customer }, options),
        customer: () => api.customer(),
      },
      clock: tab.clock,
      random: this.#random,
      waitMs: 10_000,
      browser: tab,
      onForeign: () => undefined,
      onUnheard: () => undefined,
    });
    this.#pages.push({ tab, customer, outbox });
    // What earlier pages have left is sent, as a page does when it comes up.
    void outbox.then((opened) => opened.resume());
  }

  #trackInBrowser(): void {
    const open = this.#openPages();
    if (open.length === 0) {
      this.#openTab();
      return;
    }
    const page = this.#pick(open);
    const { customer } = page;
    const call = this.#newCall({ tenant: TENANTS[0], customer, from: page });
    const { featureKey, quantity, idempotencyKey } = call.input;
    const facts = {
      customer: Promise.resolve(customer),
      hasOwnKey: true,
      onSettled: () => undefined,
    };
    void page.outbox
      .then((outbox) => outbox.send({ featureKey, quantity, idempotencyKey }, facts))
      .then(
        ({ status }) => this.#tell(call, status),
        (error: unknown) => this.#tellError(call, error as Error),
      );
  }

  /** Hears every answer that leaves the API: whoever asks again with a key gets the first answer again. */
  async #answer(request: TransportRequest): Promise<TransportReply> {
    const known = new Set(this.#replies.keys());
    const reply = await this.#server.answer(request);
    const { results, ...single } = reply.json as { results?: ReplyItem[] };
    const sent = JSON.parse(request.body ?? '{}') as { events?: SentEvent[] } & SentEvent;
    const items = results ?? (reply.status === 201 || reply.status === 402 ? [single] : []);
    items.forEach((item, n) => {
      const members = Object.entries(item).filter(([name]) => name !== 'index' && name !== 'outcome');
      const document = Object.fromEntries(members);
      const { idempotency_key } = sent.events?.[n] ?? sent;
      if (!('error' in document)) this.#hear(idempotency_key, JSON.stringify(document));
      else if (known.has(idempotency_key))
        this.#complain(`${idempotency_key} was refused after it was recorded`);
      else this.#refused.add(idempotency_key);
    });
    return reply;
  }

  #hear(key: string, answer: string): void {
    const first = this.#replies.get(key) ?? answer;
    this.#replies.set(key, first);
    if (answer !== first) this.#complain(`${key} was answered in two ways: ${first} and ${answer}`);
  }

  async #heal(): Promise<void> {
    this.#isHealed = true;
    this.#isStalled = false;
    this.#browser.isDiskBroken = false;
    // Of both customers, so that what closed tabs have left goes out.
    for (const customer of CUSTOMERS) this.#openTabOf(customer);
    for (let step = 0; step < HEALING_STEPS_MAX && !this.#isDrained(); step += 1) {
      for (const call of this.#calls)
        if (call.from === 'request' && call.told === undefined) this.#trackDirectly(call);
      for (const [tenant, backend] of this.#backends)
        void backend.flush().then(() => this.#flushed.add(tenant));
      await this.#clock.advance(HEALING_STEP_MS);
    }
    if (!this.#isDrained()) this.#complain('it never comes to rest');
  }

  #isDrained(): boolean {
    return (
      this.#server.depth === 0 &&
      this.#browser.kept.length === 0 &&
      this.#flushed.size === TENANTS.length &&
      this.#calls.every((call) => call.told !== undefined || isGone(call))
    );
  }

  #tell(call: Call, told: Told): void {
    // Sent again by a second call, it may be recorded in the next period before the first hears that it was refused.
    if (call.told !== 'recorded') call.told = told;
    this.#trace.push(`${this.#clock.now()} ${call.input.idempotencyKey} ${told}`);
  }

  #tellError(call: Call, error: Error): void {
    if (isBillingOSError(error) && error.code === 'quota_exceeded') this.#tell(call, 'refused');
    else if (!isOutcomeUnknown(error)) this.#complain(`${call.input.idempotencyKey}: ${String(error)}`);
  }

  #checkCalls(lines: readonly Line[]): void {
    const counts = new Map<string, number>();
    for (const { key } of lines) counts.set(key, (counts.get(key) ?? 0) + 1);
    const onDisk = new Set(this.#browser.everKept.map(({ input }) => input.idempotencyKey));
    for (const call of this.#calls) {
      const { idempotencyKey: key } = call.input;
      const count = counts.get(`${call.tenant} ${key}`) ?? 0;
      const isPromised = onDisk.has(key) || (call.told !== undefined && !isGone(call));
      if (count > 1) this.#complain(`${key} counts ${count} times`);
      if (call.told === 'recorded' && count === 0) this.#complain(`${key} was told to count, and does not`);
      if (call.told === 'refused' && count > 0) this.#complain(`${key} was told to be refused, and counts`);
      if (isPromised && count === 0 && !this.#refused.has(key)) this.#complain(`${key} is lost`);
    }
  }

  /** Each counter is the sum of its lines, numbered without a gap, and never beyond a hard limit. */
  #checkLedger(lines: readonly Line[]): void {
    const sums = new Map<string, { consumed: number; sequence: number }>();
    for (const { key, counter, feature, sequence, delta, consumed } of lines) {
      const sum = sums.get(counter) ?? { consumed: 0, sequence: 0 };
      sum.consumed += delta;
      sum.sequence += 1;
      sums.set(counter, sum);
      if (sum.consumed !== consumed || sum.sequence !== sequence) this.#complain(`${key} breaks the chain`);
      if (consumed > (HARD_LIMITS[feature] ?? Infinity)) this.#complain(`${key} is over the limit`);
    }
    for (const row of this.#server.sqlite.all(COUNTERS)) {
      const sum = sums.get(text(row, 'counter'));
      if (sum?.consumed !== number(row, 'consumed') || sum.sequence !== number(row, 'sequence'))
        this.#complain(`${text(row, 'counter')} is not the sum of its events`);
    }
  }

  /**
   * What one disk or one buffer has kept counts in that order, counter by counter. While the disk cannot be read each
   * page sends what it knows of: only what is on it then may overtake what others have kept.
   */
  #checkOrder(lines: readonly Line[]): void {
    const { everKept, unread } = this.#browser;
    const kept = everKept.map(({ input }) => `${TENANTS[0]} ${input.idempotencyKey}`);
    const mayOvertake = new Set(kept.filter((_, place) => unread.has(everKept[place]?.id ?? NaN)));
    const buffered = this.#calls.filter(({ from }) => from === 'buffer');
    for (const order of [kept, buffered.map(({ tenant, input }) => `${tenant} ${input.idempotencyKey}`)]) {
      const places = new Map(order.map((key, place) => [key, place]));
      const last = new Map<string, number>();
      for (const { key, counter } of lines) {
        const place = places.get(key);
        if (place === undefined) continue;
        if (place < (last.get(counter) ?? 0)) this.#complain(`${key} counts out of order`);
        if (!mayOvertake.has(key)) last.set(counter, place);
      }
    }
  }

  #lines(): Line[] {
    return this.#server.sqlite.all(LINES).map((row) => ({
      key: `${text(row, 'organization')} ${text(row, 'idempotency_key')}`,
      counter: text(row, 'counter'),
      feature: text(row, 'feature'),
      sequence: number(row, 'sequence'),
      delta: number(row, 'delta'),
      consumed: number(row, 'consumed'),
    }));
  }

  #backend(tenant: string): BillingOS {
    const backend = this.#backends.get(tenant);
    if (backend === undefined) throw new Error(`There is no tenant ${tenant}.`);
    return backend;
  }

  #complain(what: string): void {
    this.#complaints.push(what);
  }

  #fate<Fate>(rate: number, faults: readonly Fate[]): Fate | 'fine' {
    return !this.#isHealed && this.#random() < rate ? this.#pick(faults) : 'fine';
  }

  #pick<T>(choices: readonly T[]): T {
    return choices[Math.floor(this.#random() * choices.length)] as T;
  }
}

type ReplyItem = Readonly<Record<string, unknown>>;

/** Nobody is there any more to be told. */
function isGone({ from }: Call): boolean {
  return typeof from === 'object' && from.tab.isClosed;
}

const COUNTER = `c.tenant_id || ' ' || c.customer_id || ' ' || c.feature || ' ' || c.reset`;
const COUNTERS = `select ${COUNTER} || ' ' || c.period_start as counter, c.consumed, c.sequence from counter c`;
const LINES = `select t.organization, c.idempotency_key, c.feature, c.sequence, c.delta, c.consumed,
  ${COUNTER} || ' ' || c.counter_start as counter
  from event c join tenant t on t.id = c.tenant_id order by c.sequence`;
