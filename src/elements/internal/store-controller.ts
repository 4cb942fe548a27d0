import { ContextEvent } from '@lit/context';
import type { ReactiveController } from 'lit';
import type { UsageSnapshot, UsageStore } from '../../store/types.ts';
import { storeContext } from '../context.ts';
import { attachContextRoot } from './context-root.ts';
import { onServer } from './environment.ts';
import { reportError } from './errors.ts';
import { withHosts } from './tree.ts';

/**
 * How far an element is in finding its store:
 * `unbound` (not connected, or needs none) → `waiting` (a provider around it is not upgraded yet)
 * → `bound`, or `missing` (nobody has a store for it; bound as soon as somebody does).
 */
export type Binding = 'unbound' | 'waiting' | 'bound' | 'missing';

/** What an element tells its controller. */
export interface StoreHost extends Element {
  /** A store set by hand; it wins over every provider. */
  readonly store: UsageStore | undefined;
  /** Whether the element wants one at all: a standalone bar makes no request. */
  readonly needsStore: boolean;
  addController(controller: ReactiveController): void;
  requestUpdate(): void;
  /** The store changed to another, or to none. */
  storeChanged?(): void;
  /** There is a new picture. */
  snapshotChanged?(snapshot: UsageSnapshot): void;
}

/** Binds an element to its store: its own, the nearest provider's, or the page's default one. */
export class StoreController<Host extends StoreHost = StoreHost> implements ReactiveController {
  readonly host: Host;
  #provided: UsageStore | undefined;
  #unprovide: (() => void) | undefined;
  #bound: UsageStore | undefined;
  #unsubscribe: (() => void) | undefined;
  #snapshot: UsageSnapshot | undefined;

  constructor(host: Host) {
    this.host = host;
    host.addController(this);
  }

  get store(): UsageStore | undefined {
    return this.#bound;
  }

  get snapshot(): UsageSnapshot | undefined {
    return this.#snapshot;
  }

  get binding(): Binding {
    if (this.#bound !== undefined) return 'bound';
    if (!this.#isInPlace || !this.host.needsStore) return 'unbound';
    return onServer || isWaiting(this.host) ? 'waiting' : 'missing';
  }

  hostConnected(): void {
    this.host.requestUpdate();
  }

  hostDisconnected(): void {
    this.#release();
    this.#bind(undefined);
  }

  /** Brings the binding in line with the host's properties; called at the start of each of its updates. */
  sync(): void {
    if (!this.#isInPlace) return;
    const { store, needsStore } = this.host;
    if (!needsStore || store !== undefined) this.#release();
    else if (this.#unprovide === undefined) this.#request();
    this.#bind(needsStore ? (store ?? this.#provided) : undefined);
  }

  protected storeChanged(_store: UsageStore | undefined, _previous: UsageStore | undefined): void {
    this.host.storeChanged?.();
  }

  /** Whether the present picture shows the host other than the one before. */
  protected isNews(_before: UsageSnapshot): boolean {
    return true;
  }

  protected snapshotChanged(snapshot: UsageSnapshot): void {
    this.host.snapshotChanged?.(snapshot);
  }

  /** What a server renders is in its place from the start, though it is never connected. */
  get #isInPlace(): boolean {
    return onServer || this.host.isConnected;
  }

  #request(): void {
    if (!onServer) attachContextRoot();
    this.host.dispatchEvent(new ContextEvent(storeContext, this.host, this.#onProvided, true));
  }

  // One function for the controller's life: a context root holds it weakly and knows its repeats by identity.
  readonly #onProvided = (store: UsageStore | undefined, unprovide?: () => void): void => {
    if (this.#unprovide !== unprovide) this.#unprovide?.();
    this.#unprovide = unprovide;
    if (!this.#isInPlace || !this.host.needsStore || this.host.store !== undefined) {
      this.#release();
      return;
    }
    // The page's default store answers before a provider in between is upgraded: it may be another customer's.
    this.#provided = !onServer && isWaiting(this.host) ? undefined : store;
    this.host.requestUpdate();
  };

  #release(): void {
    this.#unprovide?.();
    this.#unprovide = undefined;
    this.#provided = undefined;
  }

  #bind(store: UsageStore | undefined): void {
    const previous = this.#bound;
    if (store === previous) return;
    this.#unsubscribe?.();
    this.#bound = store;
    // Whoever subscribes makes the store work; on a server there is nothing to wait for.
    this.#unsubscribe = onServer ? undefined : store?.subscribe(this.#onChange);
    this.#snapshot = undefined;
    this.storeChanged(store, previous);
    if (store !== undefined) this.#take(store);
  }

  readonly #onChange = (): void => {
    // A store may call back while it is being subscribed to; `#bind` looks right after.
    if (this.#bound === undefined || this.#snapshot === undefined) return;
    const before = this.#snapshot;
    if (this.#take(this.#bound) && this.isNews(before)) this.host.requestUpdate();
  };

  /** Takes the present picture over. Whether it is a new one. */
  #take(store: UsageStore): boolean {
    const snapshot = store.getSnapshot();
    if (snapshot === this.#snapshot) return false;
    this.#snapshot = snapshot;
    reportError(store, snapshot.error);
    this.snapshotChanged(snapshot);
    return true;
  }
}

/** Whether a provider around the element is still plain markup. */
function isWaiting(element: Element): boolean {
  for (const at of withHosts(element)) {
    if (at.closest('billing-provider:not(:defined)') !== null) return true;
  }
  return false;
}
