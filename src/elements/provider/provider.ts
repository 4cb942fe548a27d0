import { ContextProvider } from '@lit/context';
import { html, LitElement, type PropertyDeclarations, type PropertyValues } from 'lit';
import type { UsageStore } from '../../store/types.ts';
import { storeContext } from '../context.ts';
import type { Theme } from '../internal/billing-element.ts';
import { onServer } from '../internal/environment.ts';
import { reportErrorsAt } from '../internal/errors.ts';
import { createPageStore, isConfigured, type Live, type StoreSettings } from '../internal/page-store.ts';
import { takeOverRoot } from '../internal/render-root.ts';
import { VERSION } from '../internal/version.ts';
import { styles } from './provider.styles.ts';

/** The properties a store is made from; a change of any makes another one. */
const SETTINGS = [
  'apiUrl',
  'sessionTokenUrl',
  'sessionToken',
  'getSessionToken',
  'live',
  'initialMetrics',
] as const;

/**
 * Gives the elements inside it the signed-in customer's store. Nothing is fetched before one of them asks.
 *
 * @element billing-provider
 * @attr {string} session-token-url - The host page's route that answers `{sessionToken, expiresAt, apiUrl?}`.
 * @attr {string} session-token - One fixed session token.
 * @attr {string} api-url - The usage API, where the session does not say it.
 * @attr {'stream'|'poll'|'off'} live - How live the numbers are. Default `stream`.
 * @attr {'auto'|'light'|'dark'} theme - For everything inside; `auto` follows the inherited `color-scheme`.
 * @prop {() => Promise<SessionGrant>} getSessionToken - Does what the session route does, in code.
 * @prop {UsageStore | undefined} store - The store: its own, or one set by hand, which wins.
 * @prop {UsageMetricsReply} initialMetrics - Numbers to start with.
 *
 * @slot - The page.
 *
 * @fires {BillingErrorEvent} billing-error - The store failed to read. Bubbles, composed.
 */
export class BillingProvider extends LitElement {
  static readonly version: string = VERSION;

  static override styles = styles;

  static override properties: PropertyDeclarations = {
    apiUrl: { attribute: 'api-url' },
    sessionTokenUrl: { attribute: 'session-token-url' },
    sessionToken: { attribute: 'session-token' },
    live: {},
    theme: {},
    getSessionToken: { attribute: false },
    initialMetrics: { attribute: false },
    store: { attribute: false, noAccessor: true },
  };

  declare apiUrl: string | undefined;
  declare sessionTokenUrl: string | undefined;
  declare sessionToken: string | undefined;
  declare live: Live;
  declare theme: Theme;
  declare getSessionToken: StoreSettings['getSessionToken'];
  declare initialMetrics: StoreSettings['initialMetrics'];

  readonly #context = new ContextProvider(this, { context: storeContext });
  #given: UsageStore | undefined;
  #own: UsageStore | undefined;
  #ownSettings: readonly unknown[] = [];

  constructor() {
    super();
    this.live = 'stream';
    this.theme = 'auto';
    // A server connects no elements, and events from inside get here through a shadow root only.
    if (onServer) this.attachShadow({ mode: 'open' });
  }

  /** The store of the elements inside. `undefined` as long as no session is configured. */
  get store(): UsageStore | undefined {
    if (this.#given !== undefined) return this.#given;
    if (this.#own === undefined && isConfigured(this)) {
      this.#own = createPageStore(this);
      this.#ownSettings = this.#settings();
      reportErrorsAt(this.#own, this);
    }
    return this.#own;
  }

  set store(store: UsageStore | undefined) {
    const previous = this.#given;
    this.#given = store ?? undefined;
    if (store) reportErrorsAt(store, this);
    this.requestUpdate('store', previous);
    if (this.isConnected) this.#context.setValue(this.store);
  }

  override connectedCallback(): void {
    // Before the context provider announces itself: whoever waits for it then gets the store at once.
    this.#context.setValue(this.store);
    super.connectedCallback();
  }

  protected override createRenderRoot(): HTMLElement | DocumentFragment {
    return takeOverRoot(this) ?? super.createRenderRoot();
  }

  protected override willUpdate(changed: PropertyValues<this>): void {
    if (SETTINGS.some((name) => changed.has(name))) this.#applySettings();
  }

  protected override render(): unknown {
    return html`<slot data-theme=${this.theme}></slot>`;
  }

  #applySettings(): void {
    const isNew = this.#settings().some((value, index) => value !== this.#ownSettings[index]);
    const outdated = isNew ? this.#own : undefined;
    if (isNew) this.#own = undefined;
    // Whoever reads `store` makes it and tells nobody, Lit's first update included: so always hand it down.
    this.#context.setValue(this.store);
    outdated?.close();
  }

  #settings(): readonly unknown[] {
    return SETTINGS.map((name) => this[name]);
  }
}

declare global {
  interface HTMLElementTagNameMap {
    'billing-provider': BillingProvider;
  }
}
