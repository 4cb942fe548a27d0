import { html, LitElement, type PropertyDeclarations, type PropertyValues } from 'lit';
import type { UsageStore } from '../../store/types.ts';
import type { AnnouncerRank, Voice } from './announcer.ts';
import type { Connection } from './connection.ts';
import { type Localizer, localizerFor } from './localizer.ts';
import { takeOverRoot } from './render-root.ts';
import type { StoreHost } from './store-controller.ts';
import { follow, unfollow } from './surroundings.ts';
import { VERSION } from './version.ts';

/** `auto` follows the `color-scheme` the element inherits. */
export type Theme = 'auto' | 'light' | 'dark';

/** What `:state()` can tell about an element. */
export type StateName = 'loading' | 'error' | 'stale' | 'warning' | 'critical' | 'exceeded' | 'unlimited';

/** What all usage elements share: language, theme, states and the live region. */
export abstract class BillingElement extends LitElement implements StoreHost, Voice {
  static readonly version: string = VERSION;

  static override properties: PropertyDeclarations = {
    theme: {},
    store: { attribute: false },
  };

  declare theme: Theme;
  declare store: UsageStore | undefined;

  readonly #internals = this.attachInternals();

  constructor() {
    super();
    this.theme = 'auto';
  }

  abstract readonly announcerRank: AnnouncerRank;

  /** Whether the element reads from a store, as its properties are now. */
  abstract get needsStore(): boolean;

  /** What connects it to a store; `undefined` as long as a bar has no use for that. */
  protected abstract readonly usage: Connection | undefined;

  /** The element's own picture. Called only when it has something to show. */
  protected abstract renderContent(l: Localizer): unknown;

  /** The states that hold; what is `ok` or false is none. From the same facts as the picture. */
  protected abstract currentStates(): readonly (StateName | 'ok' | false)[];

  override connectedCallback(): void {
    super.connectedCallback();
    follow(this, () => this.requestUpdate());
  }

  override disconnectedCallback(): void {
    super.disconnectedCallback();
    unfollow(this);
  }

  protected override createRenderRoot(): HTMLElement | DocumentFragment {
    return takeOverRoot(this) ?? super.createRenderRoot();
  }

  protected override willUpdate(_changed: PropertyValues<this>): void {
    this.usage?.sync();
  }

  protected override render(): unknown {
    const fallback = this.usage?.fallback;
    this.#showStates(fallback === undefined ? this.currentStates() : [fallback]);
    // Light-DOM fallback stays until there is a store to read from.
    if (fallback !== undefined) return html`<slot></slot>`;
    const l = localizerFor(this);
    return html`<div class="root" lang=${l.locale} data-theme=${this.theme}>
      ${this.renderContent(l)} ${this.usage?.renderLiveRegion()}
    </div>`;
  }

  #showStates(states: readonly (StateName | 'ok' | false)[]): void {
    const shown = this.#internals.states;
    shown.clear();
    for (const state of states) if (state && state !== 'ok') shown.add(state);
  }
}
