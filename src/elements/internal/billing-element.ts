import { html, LitElement, nothing, type PropertyDeclarations, type PropertyValues } from 'lit';
import type { UsageSnapshot, UsageStore } from '../../store/types.ts';
import { announcerOf, type AnnouncerRank, type Voice } from './announcer.ts';
import { warnInDevelopment } from './dev.ts';
import { onServer } from './environment.ts';
import { type Localizer, localizerFor, text } from './localizer.ts';
import { quotaOf } from './quota.ts';
import { takeOverRoot } from './render-root.ts';
import { type Binding, StoreController, type StoreHost } from './store-controller.ts';
import { follow, unfollow } from './surroundings.ts';
import { VERSION } from './version.ts';
import { summaryOf } from './wording.ts';

/** `auto` follows the `color-scheme` the element inherits. */
export type Theme = 'auto' | 'light' | 'dark';

/** What `:state()` can tell about an element. */
export type StateName = 'loading' | 'error' | 'stale' | 'warning' | 'critical' | 'exceeded' | 'unlimited';

/** Scripts that configure the page may run this much later than the elements without being warned. */
export const CONFIGURE_GRACE_MS = 2_000;

/** What all usage elements share: store, language, theme, states and the live region. */
export abstract class BillingElement extends LitElement implements StoreHost, Voice {
  static readonly version: string = VERSION;

  static override properties: PropertyDeclarations = {
    theme: {},
    store: { attribute: false },
  };

  declare theme: Theme;
  declare store: UsageStore | undefined;

  protected readonly usage = new StoreController(this);
  readonly #internals = this.attachInternals();
  #announcement = '';
  #missingTimer: ReturnType<typeof setTimeout> | undefined;

  constructor() {
    super();
    this.theme = 'auto';
  }

  abstract get announcerRank(): AnnouncerRank;

  /** Whether the element reads from a store, as its properties are now. */
  abstract get needsStore(): boolean;

  /** The element's own picture. Called only when it has something to show. */
  protected abstract renderContent(l: Localizer): unknown;

  /** The states that hold, from the same facts as the picture. */
  protected abstract currentStates(): readonly StateName[];

  override connectedCallback(): void {
    super.connectedCallback();
    follow(this);
  }

  override disconnectedCallback(): void {
    super.disconnectedCallback();
    unfollow(this);
    clearTimeout(this.#missingTimer);
    this.#missingTimer = undefined;
    this.#announcement = '';
  }

  storeChanged(store: UsageStore | undefined, previous: UsageStore | undefined): void {
    if (onServer) return;
    if (previous !== undefined) announcerOf(previous).leave(this);
    if (store !== undefined) announcerOf(store).join(this);
  }

  snapshotChanged(snapshot: UsageSnapshot): void {
    const { store } = this.usage;
    if (store === undefined || !announcerOf(store).speaksThrough(this)) return;
    const { up, down } = announcerOf(store).crossings(snapshot);
    if (up.length > 0) this.#announcement = announcementOf(localizerFor(this), up);
    // Only a text that changes is spoken: the next crossing may need the words of the last one.
    else if (down.length > 0) this.#announcement = '';
  }

  protected override createRenderRoot(): HTMLElement | DocumentFragment {
    return takeOverRoot(this) ?? super.createRenderRoot();
  }

  protected override willUpdate(_changed: PropertyValues<this>): void {
    this.usage.sync();
  }

  protected override render(): unknown {
    const { binding } = this.usage;
    this.#showStates(fallbackStates(binding) ?? this.currentStates());
    this.#watchMissing(binding);
    // Light-DOM fallback stays until there is a store to read from.
    if (binding === 'missing' || binding === 'waiting') return html`<slot></slot>`;
    const l = localizerFor(this);
    return html`<div class="root" lang=${l.locale} data-theme=${this.theme}>
      ${this.renderContent(l)} ${this.#renderLiveRegion()}
    </div>`;
  }

  #renderLiveRegion(): unknown {
    const { store } = this.usage;
    if (store === undefined || !announcerOf(store).speaksThrough(this)) return nothing;
    return html`<div class="unseen" role="status" aria-live="polite">${this.#announcement}</div>`;
  }

  #showStates(states: readonly StateName[]): void {
    const shown = this.#internals.states;
    for (const state of [...shown]) if (!states.some((name) => name === state)) shown.delete(state);
    for (const state of states) shown.add(state);
  }

  #watchMissing(binding: Binding): void {
    if (binding !== 'missing') {
      clearTimeout(this.#missingTimer);
      this.#missingTimer = undefined;
    } else {
      this.#missingTimer ??= setTimeout(warnUnconfigured, CONFIGURE_GRACE_MS);
    }
  }
}

function fallbackStates(binding: Binding): readonly StateName[] | undefined {
  if (binding === 'missing') return ['error'];
  return binding === 'waiting' ? ['loading'] : undefined;
}

function announcementOf(l: Localizer, crossed: UsageSnapshot['metrics']): string {
  return crossed
    .map((metric) =>
      text(l, 'announcement', { name: metric.feature_title, summary: summaryOf(l, quotaOf(metric)) }),
    )
    .join(text(l, 'listSeparator'));
}

function warnUnconfigured(): void {
  warnInDevelopment(
    'no usage to show: put the elements into <billing-provider session-token-url="…">, ' +
      'or call configure({ sessionTokenUrl }).',
  );
}
