import { html, nothing } from 'lit';
import type { UsageMetric, UsageSnapshot, UsageStore } from '../../store/types.ts';
import { addMissingMessages } from './add-messages.ts';
import { type Announcer, announcerOf, type Voice } from './announcer.ts';
import type { StateName } from './billing-element.ts';
import { keepCurrent, keepCurrentNoMore } from './clock.ts';
import { isDevelopment } from './dev.ts';
import { onServer } from './environment.ts';
import { isSignedOut } from './errors.ts';
import { loadLanguage } from './languages.ts';
import { late } from './late.ts';
import { type Localizer, localizerFor, text } from './localizer.ts';
import { renderMetric } from './metric-meter.ts';
import { quotaOf } from './metric-quota.ts';
import type { Quota, Thresholds } from './quota.ts';
import { StoreController, type StoreHost } from './store-controller.ts';
import { formatSize } from './sizes.ts';
import { summaryOf } from './summary.ts';
import { usageTexts } from './usage-texts.ts';

/** What an element can say of its store's numbers. */
export type Reading = 'loading' | 'signedOut' | 'unavailable' | 'ready';

/** What binds an element to its store, reads for it there, and lets it speak. */
export class Connection extends StoreController<StoreHost & Voice> {
  #announcement = '';
  /** The one row that the host shows, where it shows no more than that. */
  #shown: { featureKey: string; metric: UsageMetric | undefined } | undefined;

  get reading(): Reading {
    const { snapshot } = this;
    if (snapshot === undefined) return 'loading';
    if (isSignedOut(snapshot)) return 'signedOut';
    if (snapshot.status === 'pending') return 'loading';
    return snapshot.status === 'error' ? 'unavailable' : 'ready';
  }

  /** The state of an element that has no store to read from, or not yet. */
  get fallback(): StateName | undefined {
    const { binding } = this;
    if (binding === 'missing') return 'error';
    return binding === 'waiting' ? 'loading' : undefined;
  }

  /** A feature as a quota, where the plan has it. Pictures in which its row is the same are no news from then on. */
  quota(featureKey: string, thresholds: Thresholds): Quota | undefined {
    const metric = this.store?.feature(featureKey);
    this.#shown = { featureKey, metric };
    return metric && quotaOf(metric, thresholds);
  }

  override hostConnected(): void {
    super.hostConnected();
    keepCurrent(this.host);
  }

  override hostDisconnected(): void {
    super.hostDisconnected();
    keepCurrentNoMore(this.host);
    this.#announcement = '';
  }

  hostUpdated(): void {
    if (isDevelopment())
      void import('./connection-checks.ts').then(({ checkConnection }) => checkConnection(this));
  }

  /** One polite live region for all elements of a store. */
  renderLiveRegion(): unknown {
    if (this.#announcer === undefined) return nothing;
    return html`<div class="unseen" role="status" aria-live="polite">${this.#announcement}</div>`;
  }

  protected override storeChanged(store: UsageStore | undefined, previous: UsageStore | undefined): void {
    super.storeChanged(store, previous);
    if (onServer) return;
    if (previous !== undefined) announcerOf(previous).leave(this.host);
    if (store !== undefined) announcerOf(store).join(this.host);
  }

  protected override snapshotChanged(snapshot: UsageSnapshot): void {
    super.snapshotChanged(snapshot);
    const crossed = this.#announcer?.crossings(snapshot);
    if (crossed === undefined) return;
    if (crossed.up.length > 0) this.#announce(announcementOf(localizerFor(this.host), crossed.up));
    // Only a text that changes is spoken: the next crossing may need the words of the last one.
    else if (crossed.down.length > 0) this.#announce('');
  }

  protected override isNews(before: UsageSnapshot): boolean {
    const { store, snapshot } = this;
    if (this.#shown === undefined || snapshot === undefined) return true;
    const { featureKey, metric } = this.#shown;
    return (
      store?.feature(featureKey) !== metric ||
      snapshot.status !== before.status ||
      snapshot.error !== before.error ||
      snapshot.stale !== before.stale
    );
  }

  #announce(announcement: string): void {
    this.#announcement = announcement;
    this.host.requestUpdate();
  }

  /** The store's announcer, where it speaks through this element. */
  get #announcer(): Announcer | undefined {
    const announcer = this.store && announcerOf(this.store);
    return announcer?.speaksThrough(this.host) === true ? announcer : undefined;
  }
}

function announcementOf(l: Localizer, crossed: readonly UsageMetric[]): string {
  return crossed
    .map((metric) =>
      text(l, 'announcement', { name: metric.feature_title, summary: summaryOf(l, quotaOf(metric)) }),
    )
    .join(text(l, 'listSeparator'));
}

addMissingMessages('en', usageTexts);
Object.assign(late, { Connection, formatSize, loadLanguage, renderMetric } satisfies Required<typeof late>);
