import { BillingOSError, isBillingOSError } from '../client/errors.ts';
import type { CheckReply, EntitlementsReply } from '../client/wire.ts';
import { isSignedOut } from '../elements/internal/errors.ts';
import { clientOf } from '../store/create-store.ts';
import type { UsageMetric, UsageSnapshot, UsageStore } from '../store/types.ts';
import { clientBehind } from './billing.ts';
import { BoundedCache } from './bounded-cache.ts';
import { metricsOf, type Progress } from './usage-view.ts';

/** Whether the customer may use a feature. Unlimited is `Infinity`. */
export interface FeatureAccess {
  readonly feature_key: string;
  readonly has_access: boolean;
  /** Why not; `null` with access. */
  readonly reason: CheckReply['reason'];
  readonly limit: number;
  readonly usage: number;
  readonly metadata: Omit<CheckReply['metadata'], 'remaining'> & { readonly remaining: number };
}

/** Lookups kept per store, so that gates which come and go do not ask again. */
const LOOKUPS_MAX = 200;

export const LOADING: Progress<never> = Object.freeze({
  data: undefined,
  isLoading: true,
  isFetching: false,
  isError: false,
  error: null,
});

/** What is asked of the API beside the meters: once per customer and plan, however many want to know. */
export class Lookup<Data> {
  readonly #store: UsageStore;
  readonly #ask: () => Promise<Data>;
  readonly #derive: (snapshot: UsageSnapshot) => Data | undefined;
  #state: Progress<Data> = LOADING;
  readonly #listeners = new Set<() => void>();
  #leaveStore: (() => void) | undefined;
  /** The customer and the plan that the answer is for. */
  #customer: string | undefined;
  #revision: number | undefined;
  /** The row that the answer was read off. */
  #isDerived = false;
  /** Counts questions, so that an answer that comes late does not undo a later one. */
  #questions = 0;

  /** @param derive - The answer where the snapshot holds it already. */
  constructor(
    store: UsageStore,
    ask: () => Promise<Data>,
    derive: (snapshot: UsageSnapshot) => Data | undefined = () => undefined,
  ) {
    this.#store = store;
    this.#ask = ask;
    this.#derive = derive;
  }

  // Fields, not methods: frameworks call them alone.

  readonly subscribe = (listener: () => void): (() => void) => {
    this.#listeners.add(listener);
    this.#leaveStore ??= this.#store.subscribe(() => this.#follow());
    this.#follow();
    return () => {
      this.#listeners.delete(listener);
      if (this.#listeners.size > 0) return;
      this.#leaveStore?.();
      this.#leaveStore = undefined;
    };
  };

  readonly getState = (): Progress<Data> => this.#state;

  /** The state in a picture from before anything was asked. */
  initialState(snapshot: UsageSnapshot): Progress<Data> {
    const data = this.#derive(snapshot);
    return data === undefined ? LOADING : known(data);
  }

  readonly refetch = async (): Promise<void> => {
    if (this.#isDerived) await this.#store.refetch();
    else await this.#askNow();
  };

  #follow(): void {
    const snapshot = this.#store.getSnapshot();
    const derived = this.#derive(snapshot);
    if (derived !== undefined) {
      this.#questions += 1;
      this.#isDerived = true;
      this.#show(known(derived));
    } else if (isSignedOut(snapshot)) {
      this.#forget();
      this.#show({ ...LOADING, isLoading: false, isError: true, error: snapshot.error });
    } else {
      // A row that is gone leaves nothing that could still be true.
      if (this.#isDerived) this.#forget();
      if (snapshot.status === 'error') this.#fail(snapshot.error);
      // Once the line is back, what was said before may be outdated.
      else if (snapshot.stale) this.#revision = undefined;
      else if (snapshot.status === 'ready') void this.#askIfNew(revisionOf(snapshot));
    }
  }

  async #askIfNew(revision: number): Promise<void> {
    // Who nobody can tell is nobody; the question itself will say what is wrong.
    const customer = await clientOf(this.#store)
      ?.customer()
      .catch(() => undefined);
    if (this.#isDerived || (customer === this.#customer && revision === this.#revision)) return;
    if (customer !== this.#customer) this.#forget();
    this.#customer = customer;
    this.#revision = revision;
    await this.#askNow();
  }

  async #askNow(): Promise<void> {
    const question = (this.#questions += 1);
    this.#show({ ...this.#state, isFetching: true });
    try {
      const data = await this.#ask();
      if (question === this.#questions) this.#show(known(data));
    } catch (cause) {
      if (question !== this.#questions) return;
      this.#fail(isBillingOSError(cause) ? cause : new BillingOSError('The question failed.', { cause }));
    }
  }

  #fail(error: BillingOSError | null): void {
    this.#show({ ...this.#state, isLoading: false, isFetching: false, isError: true, error });
  }

  #forget(): void {
    this.#questions += 1;
    this.#isDerived = false;
    this.#revision = undefined;
    this.#show(LOADING);
  }

  #show(state: Progress<Data>): void {
    const names = Object.keys(state) as (keyof Progress<Data>)[];
    if (names.every((name) => state[name] === this.#state[name])) return;
    this.#state = state;
    for (const listener of [...this.#listeners]) listener();
  }
}

/** Whether the customer may use a feature: read off its meter, live, or by the server's word where it has none. */
export function featureLookup(store: UsageStore, featureKey: string): Lookup<FeatureAccess> {
  const { features } = lookupsOf(store);
  return features.get(featureKey, () => {
    const ask = async () => accessOfReply(await store.checkFeature(featureKey));
    return new Lookup(store, ask, accessSelector(featureKey));
  });
}

/** Every feature the customer has, metered or not. */
export function entitlementsLookup(store: UsageStore): Lookup<EntitlementsReply> {
  const own = lookupsOf(store);
  own.entitlements ??= new Lookup(store, async () => clientBehind(store).entitlements());
  return own.entitlements;
}

interface Lookups {
  readonly features: BoundedCache<Lookup<FeatureAccess>>;
  entitlements?: Lookup<EntitlementsReply>;
}

const lookups = new WeakMap<UsageStore, Lookups>();

function lookupsOf(store: UsageStore): Lookups {
  const present = lookups.get(store);
  if (present !== undefined) return present;
  const made: Lookups = { features: new BoundedCache(LOOKUPS_MAX) };
  lookups.set(store, made);
  return made;
}

/** Reads access off a meter; the same object again until the meter changes. */
function accessSelector(featureKey: string): (snapshot: UsageSnapshot) => FeatureAccess | undefined {
  let lastRow: UsageMetric | undefined;
  let access: FeatureAccess | undefined;
  return (snapshot) => {
    const row = metricsOf(snapshot)?.find((candidate) => candidate.feature_key === featureKey);
    if (row !== lastRow) access = row === undefined ? undefined : accessOfRow(row);
    lastRow = row;
    return access;
  };
}

function accessOfRow(row: UsageMetric): FeatureAccess {
  const hasAccess = row.remaining > 0 || row.overage_allowed;
  return {
    feature_key: row.feature_key,
    has_access: hasAccess,
    reason: hasAccess ? null : 'quota_exceeded',
    limit: row.limit,
    usage: row.consumed,
    metadata: { remaining: row.remaining, resets_at: row.period_end, type: row.feature_type },
  };
}

function accessOfReply({
  feature_key,
  has_access,
  reason,
  limit,
  usage,
  metadata,
}: CheckReply): FeatureAccess {
  const unbounded = has_access ? Infinity : 0;
  return {
    feature_key,
    has_access,
    reason,
    limit: limit ?? unbounded,
    usage: usage ?? 0,
    metadata: { ...metadata, remaining: metadata.remaining ?? unbounded },
  };
}

function known<Data>(data: Data): Progress<Data> {
  return { data, isLoading: false, isFetching: false, isError: false, error: null };
}

/** Grows with every change of the plan or the catalog; 0 where nothing is metered. */
function revisionOf({ metrics }: UsageSnapshot): number {
  return Math.max(0, ...metrics.map(({ revision }) => revision));
}
