/**
 * One browser, one API and a few people for a while, decided by a seed: tabs come, crash, freeze and hide, the line
 * drops, repeats and reorders, customers take turns, plans and periods change. Then everything heals, and what must
 * hold is checked. The store, its outbox and its live line are the real ones.
 */
import { NetworkError } from '../../client/errors.ts';
import { createStore } from '../create-store.ts';
import { RECONNECT_CAP_MS, WATCHDOG_MS } from '../live.ts';
import type { TrackUsageResult, UsageMetric, UsageStore } from '../types.ts';
import { FakeBrowser, type FakeTab } from './fake-browser.ts';
import { FEATURES, SimApi, SimClient, type Fate, type SimNetwork } from './sim-api.ts';
import { seededRandom } from './seeded-random.ts';
import { SimClock } from './sim-clock.ts';

const ACTIONS = 50;
const ACTION_GAP_MAX_MS = 1_500;
const TABS_MAX = 4;
const CUSTOMERS = ['anna', 'bert'] as const;
const FAULTS: readonly Fate[] = [
  'request lost',
  'reply lost',
  'delivered twice',
  'reset',
  'overloaded',
  'throttled',
];
/** Longer than any wait that may be under way when everything heals. */
const HEALING_MS = WATCHDOG_MS + RECONNECT_CAP_MS;

/** One tab with its page, and what it has shown. */
interface Page {
  readonly tab: FakeTab;
  readonly client: SimClient;
  readonly store: UsageStore;
  isHidden: boolean;
  readonly visibilityListeners: Set<() => void>;
  readonly shown: Map<string, UsageMetric>;
}

/** One call of `trackUsage`, and what its caller was told. */
interface Call {
  readonly key: string;
  readonly customer: string | undefined;
  readonly page: Page;
  told: TrackUsageResult | Error | undefined;
}

/** Runs one seed. Resolves with what went wrong; nothing should. */
export async function simulate(seed: number): Promise<string[]> {
  const simulation = new Simulation(seed);
  await simulation.run();
  return simulation.complaints;
}

class Simulation {
  readonly complaints: string[] = [];
  readonly #random: () => number;
  readonly #clock = new SimClock();
  readonly #api = new SimApi(this.#clock);
  readonly #network: SimNetwork;
  readonly #browser: FakeBrowser;
  readonly #pages: Page[] = [];
  readonly #calls: Call[] = [];
  /** Some seeds have no hidden pages, and so more sending side by side. */
  readonly #hides: boolean;
  #signedIn: string | undefined = 'anna';
  #isHealed = false;

  constructor(seed: number) {
    this.#random = seededRandom(seed);
    const faultRate = this.#random() * 0.4;
    const lossRate = this.#random() * 0.2;
    this.#hides = this.#random() < 0.7;
    this.#network = {
      isOnline: true,
      delayMs: () => this.#random() * 100,
      fate: () => (!this.#isHealed && this.#random() < faultRate ? this.#pick(FAULTS) : 'fine'),
    };
    this.#browser = new FakeBrowser({
      clock: this.#clock,
      delayMs: () => this.#random() * 20,
      isLost: () => !this.#isHealed && this.#random() < lossRate,
    });
  }

  async run(): Promise<void> {
    this.#open();
    for (let action = 0; action < ACTIONS; action += 1) {
      this.#act();
      await this.#clock.advance(this.#random() * ACTION_GAP_MAX_MS);
    }
    await this.#heal();
    for (const customer of CUSTOMERS) {
      this.#signIn(customer);
      for (const page of this.#pages) this.#learnSession(page);
      await this.#clock.advance(HEALING_MS);
      // One more of each, for the tabs that have missed the news of the last.
      for (const featureKey of FEATURES) this.#track(this.#pick(this.#pages), featureKey);
      await this.#clock.advance(ACTION_GAP_MAX_MS);
      this.#checkScreens(customer);
    }
    this.#checkEvents();
    this.#checkOrder();
    for (const { store } of this.#pages) store.close();
  }

  #act(): void {
    const page = this.#pick(this.#pages);
    const dice = this.#random() * 24;
    if (dice < 11) this.#track(page, this.#pick(FEATURES));
    else if (dice < 12.5) this.#open();
    else if (dice < 13.5) this.#close(page);
    else if (dice < 15) page.tab.freeze();
    else if (dice < 16.5) page.tab.thaw();
    else if (dice < 18) this.#show(page, this.#hides && !page.isHidden);
    else if (dice < 19) this.#network.isOnline = !this.#network.isOnline;
    else if (dice < 20) this.#signIn(this.#pick([...CUSTOMERS, undefined]));
    else if (dice < 21) for (const line of this.#api.lines) line.push(new NetworkError('The line broke.'));
    else if (dice < 22) for (const line of this.#api.lines) line.isBlackHole = true;
    else if (dice < 23) this.#api.upgrade();
    else this.#api.rollOver();
  }

  #track(page: Page, featureKey: string): void {
    const { client, store, tab } = page;
    if (tab.isFrozen) return;
    const key = `${client.session ?? 'nobody'}-${this.#calls.length}`;
    const call: Call = { key, customer: client.session, page, told: undefined };
    this.#calls.push(call);
    const quantity = 1 + Math.floor(this.#random() * 3);
    store.trackUsage({ featureKey, quantity, idempotencyKey: key }).then(
      (result) => (call.told = result),
      (error: unknown) => (call.told = error as Error),
    );
  }

  #open(): void {
    if (this.#pages.length >= TABS_MAX) return;
    const tab = this.#browser.openTab();
    const client = new SimClient(this.#api, this.#network, tab, this.#clock);
    client.session = this.#signedIn;
    const visibilityListeners = new Set<() => void>();
    const pageVisibility = {
      get hidden(): boolean {
        return page.isHidden;
      },
      subscribe(listener: () => void) {
        visibilityListeners.add(listener);
        return () => visibilityListeners.delete(listener);
      },
    };
    const options = { clock: tab.clock, random: this.#random, storage: tab, pageVisibility };
    const store = createStore(client, options);
    const page: Page = { tab, client, store, isHidden: false, visibilityListeners, shown: new Map() };
    store.subscribe(() => this.#look(page));
    this.#pages.push(page);
  }

  #close(page: Page): void {
    page.tab.close();
    for (const line of this.#api.lines) if (!line.isOpen) this.#api.lines.delete(line);
    this.#pages.splice(this.#pages.indexOf(page), 1);
    if (this.#pages.length === 0) this.#open();
  }

  #show(page: Page, isHidden: boolean): void {
    page.isHidden = isHidden;
    page.tab.run(() => {
      for (const listener of page.visibilityListeners) listener();
    });
  }

  /** The browser's cookie changes at once; tabs learn of it when they next get a token. */
  #signIn(customer: string | undefined): void {
    this.#signedIn = customer;
    for (const page of this.#pages) {
      this.#clock.schedule(() => this.#learnSession(page), this.#random() * 10_000);
    }
  }

  #learnSession(page: Page): void {
    page.client.session = this.#signedIn;
    this.#show(page, page.isHidden);
  }

  async #heal(): Promise<void> {
    this.#isHealed = true;
    this.#network.isOnline = true;
    for (const page of this.#pages) {
      page.tab.thaw();
      this.#show(page, false);
    }
    await this.#clock.advance(ACTION_GAP_MAX_MS);
  }

  /** What a person sees: never two customers at once, never anything older than before. */
  #look({ store, shown }: Page): void {
    const { metrics } = store.getSnapshot();
    const customers = new Set(metrics.map((row) => row.product_name));
    if (customers.size > 1) this.#complain(`one screen shows ${[...customers].join(' and ')}`);
    for (const row of metrics) {
      const before = shown.get(row.feature_key);
      if (before?.product_name === row.product_name && isOlder(row, before)) {
        this.#complain(`${row.feature_key} of ${row.product_name} went backwards`);
      }
      shown.set(row.feature_key, row);
    }
  }

  #checkScreens(customer: string): void {
    const lines = [...this.#api.lines].filter((line) => line.customer === customer);
    if (lines.length !== 1) this.#complain(`${lines.length} lines of ${customer}`);
    for (const { store } of this.#pages) {
      if (!store.getSnapshot().live) this.#complain(`a screen of ${customer} is not live`);
      for (const featureKey of FEATURES) {
        const { consumed, sequence } = this.#api.row(customer, featureKey);
        const row = store.feature(featureKey);
        if (row?.product_name !== customer) this.#complain(`a screen shows ${String(row?.product_name)}`);
        if (row?.consumed !== consumed || row.sequence !== sequence) {
          this.#complain(
            `a screen shows ${String(row?.consumed)} of ${consumed} ${featureKey} of ${customer}`,
          );
        }
      }
    }
  }

  /** Nothing counts twice or for somebody else, nothing is lost, and nobody was told otherwise. */
  #checkEvents(): void {
    const counted = new Map<string, string>();
    for (const { key, customer } of this.#api.commits) {
      if (counted.has(key)) this.#complain(`${key} counted twice`);
      counted.set(key, customer);
    }
    for (const { key, customer, page, told } of this.#calls) {
      const isCounted = counted.has(key);
      const isDecided = isCounted || this.#api.refused.has(key);
      if (isCounted && counted.get(key) !== customer) this.#complain(`${key} counted for somebody else`);
      if (told === undefined && !page.tab.isClosed) this.#complain(`the caller of ${key} was told nothing`);
      if (told instanceof Error && isCounted)
        this.#complain(`${key} counted, and its caller was told ${told.name}`);
      if (told !== undefined && 'status' in told && told.status === 'recorded' && !isCounted) {
        this.#complain(`${key} is not counted, and its caller was told that it is`);
      }
      if (told !== undefined && 'status' in told && told.status === 'queued' && !isDecided) {
        this.#complain(`${key} was queued and is lost`);
      }
    }
    const keptKeys = this.#browser.everKept.map(({ input }) => input.idempotencyKey);
    for (const key of keptKeys) {
      if (!counted.has(key) && !this.#api.refused.has(key)) this.#complain(`${key} was kept and is lost`);
    }
    if (this.#browser.kept.length > 0) this.#complain(`${this.#browser.kept.length} events are still kept`);
  }

  /** The events of one counter count in the order in which they were kept. */
  #checkOrder(): void {
    const places = new Map(this.#browser.everKept.map(({ input, id }) => [input.idempotencyKey, id]));
    const lastPlaces = new Map<string, number>();
    for (const { key, customer, featureKey } of this.#api.commits) {
      const counter = `${customer} ${featureKey}`;
      const place = places.get(key);
      if (place === undefined) continue;
      if (place < (lastPlaces.get(counter) ?? 0)) this.#complain(`${key} counted out of order`);
      lastPlaces.set(counter, place);
    }
  }

  #complain(what: string): void {
    this.complaints.push(what);
  }

  #pick<T>(choices: readonly T[]): T {
    return choices[Math.floor(this.#random() * choices.length)] as T;
  }
}

function isOlder(row: UsageMetric, before: UsageMetric): boolean {
  if (row.revision !== before.revision) return row.revision < before.revision;
  if (row.period_start !== before.period_start) return row.period_start < before.period_start;
  return row.sequence < before.sequence;
}
