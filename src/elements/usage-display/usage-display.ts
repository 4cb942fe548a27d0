import { html, nothing, type PropertyDeclarations, type PropertyValues, type TemplateResult } from 'lit';
import type { UsageMetric, UsageSnapshot } from '../../store/types.ts';
import type { AnnouncerRank } from '../internal/announcer.ts';
import { BillingElement } from '../internal/billing-element.ts';
import { Connection, type Reading } from '../internal/connection.ts';
import { formatTime } from '../internal/dates.ts';
import { onServer } from '../internal/environment.ts';
import { finiteNumber } from '../internal/finite-number.ts';
import { type Localizer, text } from '../internal/localizer.ts';
import { meterStyles } from '../internal/meter.styles.ts';
import { renderBones, renderTop, renderValue } from '../internal/meter.ts';
import { renderMetric } from '../internal/metric-meter.ts';
import { mostUrgent, quotaOf } from '../internal/metric-quota.ts';
import { clamp, toNumber } from '../internal/number.ts';
import type { Quota } from '../internal/quota.ts';
import { rememberedRows, rememberRows, ROWS_MAX } from '../internal/row-memory.ts';
import { resetText, summaryOf } from '../internal/summary.ts';
import { amountsOf } from '../internal/wording.ts';
import { buttons } from '../styles/buttons.ts';
import { cardTokens } from '../styles/card-tokens.ts';
import { tokens } from '../styles/tokens.ts';
import { styles } from './usage-display.styles.ts';

const HEADING_LEVEL_DEFAULT = 3;
const HEADING_LEVEL_MAX = 6;
/** Skeletons where nobody knows better. */
const ROWS_DEFAULT = 3;

/** What the display can show, decided once per update. */
type View =
  | { kind: Exclude<Reading, 'ready'> | 'empty' }
  | { kind: 'metrics'; metrics: readonly UsageMetric[]; snapshot: UsageSnapshot };

/**
 * The usage of the signed-in customer: every metered feature in catalog order, or one.
 *
 * @element billing-usage-display
 * @attr {string} feature-key - Shows this feature only.
 * @attr {string} heading - The heading. Default "Usage"; none with `feature-key`, or when empty.
 * @attr {number} heading-level - Its level, 1–6. Default 3.
 * @attr {boolean} hide-progress - No bars; the numbers stay.
 * @attr {boolean} hide-reset - No "Resets in 9 days".
 * @attr {boolean} compact - One inline line.
 * @attr {number} rows - Skeletons to reserve. Default: as many rows as there were last, else 1 or 3.
 * @attr {'auto'|'light'|'dark'} theme - `auto` follows the inherited `color-scheme`.
 * @prop {UsageStore} store - A store that wins over the provider's.
 * @alias {heading} title
 * @alias {hide-progress} !showProgress
 * @alias {hide-reset} !showResetTimer
 *
 * @slot - Shown until the element is defined and configured.
 * @slot heading - Replaces the heading's text.
 * @slot empty - Replaces what is said where nothing is metered.
 * @slot error - Replaces what is said where nothing could be loaded.
 *
 * @csspart base - The card, or the line.
 * @csspart heading - The heading.
 * @csspart plan - The plan's name.
 * @csspart live - The live indicator.
 * @csspart row - One feature.
 * @csspart track - What a fill runs in.
 * @csspart fill - The used share: an SVG rectangle, coloured by `fill`, or a segment, coloured by `background`.
 * @csspart label - A feature's name.
 * @csspart value - Its number.
 * @csspart retry - The button that tries again.
 *
 * @cssprop --billing-color-primary - Brand colour.
 * @cssprop --billing-color-background - Surface.
 * @cssprop --billing-color-text - Text.
 * @cssprop --billing-radius - Corner radius.
 * @cssprop --billing-font - Typeface; by default the page's.
 *
 * @cssstate loading - No number yet.
 * @cssstate error - No number to be had, or nothing configured.
 * @cssstate stale - The numbers are the last known ones and may be old.
 * @cssstate warning - The most urgent row warns.
 * @cssstate critical - The most urgent row is critical.
 * @cssstate exceeded - In a row nothing is left.
 * @cssstate unlimited - No row has a limit.
 */
export class BillingUsageDisplay extends BillingElement {
  static override styles = [tokens, cardTokens, meterStyles, buttons, styles];

  static override properties: PropertyDeclarations = {
    featureKey: { attribute: 'feature-key' },
    heading: {},
    headingLevel: { attribute: 'heading-level', converter: toNumber },
    hideProgress: { attribute: 'hide-progress', type: Boolean },
    hideReset: { attribute: 'hide-reset', type: Boolean },
    compact: { type: Boolean },
    rows: { converter: toNumber },
  };

  declare featureKey: string | null | undefined;
  declare heading: string | null | undefined;
  declare headingLevel: number | null | undefined;
  declare hideProgress: boolean;
  declare hideReset: boolean;
  declare compact: boolean;
  declare rows: number | null | undefined;

  override readonly announcerRank: AnnouncerRank = 'display';
  override readonly needsStore: boolean = true;
  protected override readonly usage = new Connection(this);

  constructor() {
    super();
    this.hideProgress = false;
    this.hideReset = false;
    this.compact = false;
  }

  snapshotChanged(snapshot: UsageSnapshot): void {
    const whole = !this.#single && snapshot.status === 'ready' && !snapshot.stale;
    if (whole && snapshot.metrics.length > 0) rememberRows(snapshot.metrics.length);
  }

  protected override update(changed: PropertyValues<this>): void {
    const focused = this.shadowRoot?.activeElement;
    super.update(changed);
    // The button that tries again goes when that worked, and the focus stays where it was.
    if (focused?.isConnected === false)
      this.renderRoot.querySelector<HTMLElement>('.card')?.focus({ preventScroll: true });
  }

  protected override currentStates(): ReturnType<BillingElement['currentStates']> {
    const view = this.#view();
    if (view.kind === 'metrics') {
      return [mostUrgent(view.metrics.map((metric) => metric.status)), view.snapshot.stale && 'stale'];
    }
    return [view.kind === 'loading' ? 'loading' : view.kind === 'unavailable' && 'error'];
  }

  protected override renderContent(l: Localizer): unknown {
    const view = this.#view();
    if (this.compact) return this.#renderLine(l, view);
    const stale = view.kind === 'metrics' && view.snapshot.stale;
    return html`<section
      class="card ${stale ? 'stale' : ''}"
      part="base"
      aria-label=${this.#nameOf(l, view)}
      aria-busy=${view.kind === 'loading' ? 'true' : nothing}
      tabindex="-1"
    >
      ${this.#renderHead(l, view)} ${this.#renderBody(l, view)}
    </section>`;
  }

  get #single(): boolean {
    return (this.featureKey ?? '') !== '';
  }

  #view(): View {
    const { snapshot, reading } = this.usage;
    if (reading !== 'ready') return { kind: reading };
    if (snapshot === undefined) return { kind: 'loading' };
    const metrics = this.#single
      ? snapshot.metrics.filter((metric) => metric.feature_key === this.featureKey)
      : snapshot.metrics;
    return metrics.length === 0 ? { kind: 'empty' } : { kind: 'metrics', metrics, snapshot };
  }

  #headingText(l: Localizer): string {
    if (this.heading !== undefined && this.heading !== null && this.heading !== '') return this.heading;
    return text(l, 'heading');
  }

  /** One feature needs no heading over its own name, unless the page gives one. */
  get #hasHead(): boolean {
    if (!onServer && this.querySelector(':scope > [slot="heading"]') !== null) return true;
    return this.heading !== '' && (this.heading != null || !this.#single);
  }

  /** The card's own name: without a heading, that of its one feature. */
  #nameOf(l: Localizer, view: View): string {
    const title = this.#hasHead || view.kind !== 'metrics' ? undefined : view.metrics[0]?.feature_title;
    return title ?? this.#headingText(l);
  }

  #renderHead(l: Localizer, view: View): TemplateResult | typeof nothing {
    if (!this.#hasHead) return nothing;
    const level =
      finiteNumber('<billing-usage-display>: heading-level', this.headingLevel) ?? HEADING_LEVEL_DEFAULT;
    const plan = view.kind === 'metrics' ? view.metrics[0]?.product_name : undefined;
    return html`<div class="head">
      <div
        class="heading"
        part="heading"
        role="heading"
        aria-level=${clamp(Math.floor(level), 1, HEADING_LEVEL_MAX)}
      >
        <slot name="heading"><bdi>${this.#headingText(l)}</bdi></slot>
      </div>
      ${
        plan === undefined || plan === ''
          ? nothing
          : html`<span class="plan" part="plan"><bdi>${plan}</bdi></span>`
      }
      ${view.kind === 'metrics' ? this.#renderFreshness(l, view.snapshot) : nothing}
    </div>`;
  }

  /** Live, or of when: said once for all rows. */
  #renderFreshness(l: Localizer, { live, stale, asOf }: UsageSnapshot): TemplateResult | typeof nothing {
    if (stale) return html`<span class="live old" part="live"><bdi>${staleText(l, asOf)}</bdi></span>`;
    return live ? html`<span class="live" part="live"><bdi>${text(l, 'live')}</bdi></span>` : nothing;
  }

  #renderBody(l: Localizer, view: View): TemplateResult {
    if (view.kind === 'metrics') {
      return html`<ul class="rows" role="list">
        ${view.metrics.map((metric) => this.#renderRow(l, metric, view.snapshot))}
      </ul>`;
    }
    if (view.kind === 'loading') return this.#renderSkeletons(l);
    if (view.kind === 'unavailable') return this.#renderFailure(l);
    if (view.kind === 'signedOut') {
      return html`<div class="message">
        <p class="reason"><bdi>${text(l, 'signedOut')}</bdi></p>
      </div>`;
    }
    return html`<div class="message">
      <slot name="empty">${this.#renderEmpty(l)}</slot>
    </div>`;
  }

  #renderRow(l: Localizer, metric: UsageMetric, snapshot: UsageSnapshot): TemplateResult {
    const quota = quotaOf(metric);
    const unlimited = quota.limit === Infinity;
    const value = unlimited ? html`<b>${amountsOf(l, quota).used}</b>` : renderValue(l, quota);
    // As high without a bar as with one: the rows keep their rhythm, and each has the room its skeleton had.
    return html`<li class="row ${unlimited && !this.hideProgress ? 'bare' : ''}" part="row">
      ${renderTop(quota.name, value)} ${this.hideProgress ? nothing : renderMetric(l, quota)}
      ${this.#renderSub(l, quota, snapshot)}
    </li>`;
  }

  #renderSub(l: Localizer, quota: Quota, { stale, asOf }: UsageSnapshot): TemplateResult | typeof nothing {
    if (stale && !this.#hasHead)
      return html`<div class="top sub">
        <span><bdi>${staleText(l, asOf)}</bdi></span>
      </div>`;
    return html`<div class="top sub">
      <span class=${quota.status}><bdi>${summaryOf(l, quota)}</bdi></span>
      ${this.hideReset ? nothing : html`<span><bdi>${resetText(l, quota, 'resetsIn', 'resetsToday')}</bdi></span>`}
    </div>`;
  }

  #renderSkeletons(l: Localizer): TemplateResult {
    const sub = html`<span class="bone"></span>`;
    const bones = renderBones(
      this.hideProgress,
      html`<div class="top sub">${sub}${this.hideReset ? nothing : sub}</div>`,
    );
    const row = html`<div class="row"><div class="skeleton" aria-hidden="true">${bones}</div></div>`;
    return html`<div class="rows">
      <span class="unseen">${text(l, 'loading')}</span>
      ${Array(this.#reservedRows()).fill(row)}
    </div>`;
  }

  #reservedRows(): number {
    const usual = this.#single ? 1 : (rememberedRows() ?? ROWS_DEFAULT);
    return clamp(this.#wantedRows() ?? usual, 1, ROWS_MAX);
  }

  #wantedRows(): number | undefined {
    const rows = finiteNumber('<billing-usage-display>: rows', this.rows);
    return rows === undefined || rows < 1 ? undefined : Math.floor(rows);
  }

  #renderFailure(l: Localizer): TemplateResult {
    return html`<div class="message">
      <slot name="error">
        <p class="lead"><bdi>${text(l, 'errorTitle')}</bdi></p>
        <p class="reason"><bdi>${text(l, 'errorReason')}</bdi></p>
      </slot>
      <button class="button ghost" part="retry" type="button" @click=${this.#retry}>
        <span>${text(l, 'retry')}</span>
      </button>
    </div>`;
  }

  readonly #retry = (): void => {
    // A failed read is in the next picture; there is nobody here to tell.
    this.usage.store?.refetch().catch(() => undefined);
  };

  #renderEmpty(l: Localizer): TemplateResult {
    if (this.#single) return html`<p class="reason"><bdi>${text(l, 'notInPlan')}</bdi></p>`;
    return html`<p class="lead"><bdi>${text(l, 'emptyTitle')}</bdi></p>
      <p class="reason"><bdi>${text(l, 'emptyReason')}</bdi></p>`;
  }

  #renderLine(l: Localizer, view: View): TemplateResult {
    if (view.kind === 'metrics') {
      return html`<div class="line ${view.snapshot.stale ? 'stale' : ''}" part="base">
        ${view.metrics.map((metric) => this.#renderPill(l, metric))}
      </div>`;
    }
    if (view.kind === 'loading') {
      return html`<div class="line" part="base" aria-busy="true">
        <span class="unseen">${text(l, 'loading')}</span>
        <span class="pill" aria-hidden="true"><span class="bone name"></span></span>
      </div>`;
    }
    const note = { unavailable: 'unavailable', signedOut: 'signedOut', empty: 'notInPlan' } as const;
    return html`<div class="line" part="base">
      <span class="pill"
        ><span class="value"><bdi>${text(l, note[view.kind])}</bdi></span></span
      >
    </div>`;
  }

  #renderPill(l: Localizer, metric: UsageMetric): TemplateResult {
    const quota = quotaOf(metric);
    const value = quota.limit === Infinity ? renderValue(l, quota) : renderValue(l, quota, 'valueCompact');
    return html`<span class="pill" part="row">
      <span class="name" part="label"><bdi>${quota.name}</bdi></span>
      ${this.hideProgress ? nothing : renderMetric(l, quota)}
      <span class="value" part="value"><bdi>${value}</bdi></span>
    </span>`;
  }
}

function staleText(l: Localizer, asOf: string | null): string {
  return text(l, 'stale', { time: formatTime(l.locale, asOf ?? '') });
}

declare global {
  interface HTMLElementTagNameMap {
    'billing-usage-display': BillingUsageDisplay;
  }
}
