import { html, nothing, type PropertyDeclarations, type PropertyValues, type TemplateResult } from 'lit';
import type { AnnouncerRank } from '../internal/announcer.ts';
import { BillingElement } from '../internal/billing-element.ts';
import { catalogues } from '../internal/catalogues.ts';
import type { Connection } from '../internal/connection.ts';
import { isDevelopment } from '../internal/dev.ts';
import { formatAmount, isSize } from '../internal/format.ts';
import { late } from '../internal/late.ts';
import { type Localizer, text } from '../internal/localizer.ts';
import { meterStyles } from '../internal/meter.styles.ts';
import { renderBones, renderMeter, renderTop, renderValue } from '../internal/meter.ts';
import { clamp, toNumber } from '../internal/number.ts';
import { type Quota, statusOf, type Thresholds, WARN_AT_DEFAULT } from '../internal/quota.ts';
import { tokens } from '../styles/tokens.ts';
import { styles } from './usage-bar.styles.ts';

/** What the bar can say, decided once per update and used for its picture and its states alike. */
type View =
  | { kind: 'loading' }
  | { kind: 'quota'; quota: Quota; stale: boolean }
  | { kind: 'amount'; consumed: number }
  | { kind: 'unavailable' | 'notInPlan' | 'signedOut' };

/**
 * One meter: a metered feature of the signed-in customer by `feature-key`, or any figures by `consumed` and `limit`.
 *
 * @element billing-usage-bar
 * @attr {string} feature-key - The metered feature to show.
 * @attr {number} consumed - What is used. Wins over `feature-key`; nothing is requested then. Absent: loading.
 * @attr {number} limit - What there is. Absent: unlimited.
 * @attr {string} label - The name; by default the feature's title.
 * @attr {string} unit - The unit of `consumed` and `limit`. `byte`, `kb`, `mb`, `gb` and `tb` read as sizes.
 * @attr {number} warn-at - Percentage from which the bar warns. Default 80, or the server's rule.
 * @attr {number} critical-at - Percentage from which it is critical. Default 95, or the server's rule.
 * @attr {boolean} hide-label - Hides the name. It stays the meter's accessible name.
 * @attr {boolean} hide-value - Hides the number, unless the name is hidden too.
 * @attr {'auto'|'light'|'dark'} theme - `auto` follows the inherited `color-scheme`.
 * @prop {UsageStore} store - A store that wins over the provider's.
 *
 * @slot - Shown until the element is defined and configured.
 *
 * @csspart base - Everything.
 * @csspart track - What the fill runs in.
 * @csspart fill - The used share: an SVG rectangle, coloured by `fill`, or a segment, coloured by `background`.
 * @csspart label - The name.
 * @csspart value - The number.
 *
 * @cssprop --billing-color-primary - Brand colour.
 * @cssprop --billing-color-background - Surface.
 * @cssprop --billing-color-text - Text.
 * @cssprop --billing-font - Typeface; by default the page's.
 *
 * @cssstate loading - No number yet.
 * @cssstate error - No number to be had, or nothing configured.
 * @cssstate stale - The number is the last known one and may be old.
 * @cssstate warning - From `warn-at`.
 * @cssstate critical - From `critical-at`.
 * @cssstate exceeded - Nothing is left.
 * @cssstate unlimited - There is no limit.
 */
export class BillingUsageBar extends BillingElement {
  static override styles = [tokens, meterStyles, styles];

  static override properties: PropertyDeclarations = {
    featureKey: { attribute: 'feature-key' },
    consumed: { converter: toNumber },
    limit: { converter: toNumber },
    label: {},
    unit: {},
    warnAt: { attribute: 'warn-at', converter: toNumber },
    criticalAt: { attribute: 'critical-at', converter: toNumber },
    hideLabel: { attribute: 'hide-label', type: Boolean },
    hideValue: { attribute: 'hide-value', type: Boolean },
  };

  declare featureKey: string | null | undefined;
  declare consumed: number | null | undefined;
  declare limit: number | null | undefined;
  declare label: string | null | undefined;
  declare unit: string | null | undefined;
  declare warnAt: number | null | undefined;
  declare criticalAt: number | null | undefined;
  declare hideLabel: boolean;
  declare hideValue: boolean;

  override readonly announcerRank: AnnouncerRank = 'bar';
  #usage: Connection | undefined;
  #loading: Promise<unknown> | undefined;
  #hadSkeleton = false;

  constructor() {
    super();
    this.hideLabel = false;
    this.hideValue = false;
  }

  override get needsStore(): boolean {
    return toNumber(this.consumed) === undefined && (this.featureKey ?? '') !== '';
  }

  protected override get usage(): Connection | undefined {
    if (late.Connection !== undefined) this.#usage ??= new late.Connection(this);
    return this.#usage;
  }

  protected override async getUpdateComplete(): Promise<boolean> {
    await super.getUpdateComplete();
    await this.#loading;
    return super.getUpdateComplete();
  }

  protected override willUpdate(changed: PropertyValues<this>): void {
    super.willUpdate(changed);
    if (this.#lacksSomething) this.#load();
  }

  protected override updated(): void {
    if (isDevelopment()) void import('./checks.ts').then(({ checkBar }) => checkBar(this));
  }

  protected override currentStates(): ReturnType<BillingElement['currentStates']> {
    const view = this.#view();
    if (view.kind === 'quota') return [view.quota.status, view.stale && 'stale'];
    return [view.kind === 'loading' ? 'loading' : view.kind === 'unavailable' && 'error'];
  }

  protected override renderContent(l: Localizer): unknown {
    const view = this.#view();
    // Other languages come late as well, and English is shown until then.
    if (late.Connection === undefined && l.catalogues.at(-1) !== catalogues.get('en')) this.#load();
    if (view.kind === 'loading') {
      this.#hadSkeleton = true;
      return html`<div class="bar" part="base" aria-busy="true">
        <span class="unseen">${text(l, 'loading')}</span>
        <div class="skeleton" aria-hidden="true">${renderBones()}</div>
      </div>`;
    }
    if (view.kind === 'quota') return this.#renderQuota(l, view.quota, view.stale);
    return html`<div class="bar" part="base">${this.#renderNote(l, view)}</div>`;
  }

  #renderQuota(l: Localizer, quota: Quota, stale: boolean): TemplateResult {
    const named = quota.name === '' ? { ...quota, name: text(l, 'heading') } : quota;
    // The bar never loses both: where there is no name to see, the number stays.
    const label = this.#labelOf(quota.name);
    const value = this.hideValue && label !== nothing ? nothing : renderValue(l, quota);
    // Where the meter turned out to be none, its room stays, so that nothing below it moves.
    const roomy = quota.limit === Infinity && this.#hadSkeleton;
    return html`<div class="bar ${stale ? 'stale' : ''} ${roomy ? 'roomy' : ''}" part="base">
      ${renderTop(label, value)} ${(late.renderMetric ?? renderMeter)(l, named)}
    </div>`;
  }

  #renderNote(l: Localizer, view: Exclude<View, { kind: 'loading' | 'quota' }>): TemplateResult {
    const note = view.kind === 'amount' ? amountText(l, view.consumed, this.unit) : text(l, view.kind);
    return renderTop(this.#labelOf(this.label), note);
  }

  #labelOf(name: string | null | undefined): unknown {
    return this.hideLabel || !name ? nothing : name;
  }

  #view(): View {
    if (this.#lacksSomething) return { kind: 'loading' };
    return this.needsStore ? this.#connectedView() : this.#standaloneView();
  }

  #connectedView(): View {
    const { usage } = this;
    const reading = usage?.reading ?? 'loading';
    if (reading !== 'ready') return { kind: reading };
    const quota = usage?.quota(this.featureKey ?? '', this.#thresholds());
    if (quota === undefined) return { kind: 'notInPlan' };
    const stale = usage?.snapshot?.stale ?? false;
    return { kind: 'quota', quota: { ...quota, name: this.label ?? quota.name }, stale };
  }

  #standaloneView(): View {
    const consumed = toNumber(this.consumed);
    if (consumed === undefined) return { kind: 'loading' };
    const limit = toNumber(this.limit) ?? Infinity;
    const amount = Number.isFinite(consumed) ? Math.max(0, consumed) : NaN;
    if (Number.isNaN(amount) || !(limit >= 0)) return { kind: 'amount', consumed: amount };
    const thresholds = this.#thresholds();
    return {
      kind: 'quota',
      stale: false,
      quota: {
        name: this.label ?? '',
        consumed: amount,
        limit,
        unit: this.unit ?? null,
        status: statusOf(amount, limit, thresholds),
        warnAt: thresholds.warnAt ?? WARN_AT_DEFAULT,
      },
    };
  }

  /** Until what comes late is there, a bar that needs it is loading. */
  get #lacksSomething(): boolean {
    return late.Connection === undefined && (this.needsStore || isSize(this.unit));
  }

  /** Loads what comes late; where it does not come, the next update asks again. */
  #load(): void {
    this.#loading ??= import('../internal/connection.ts').then(
      ({ Connection }) => {
        // Uses what is imported: Rolldown drops an import that nothing of is used.
        late.Connection = Connection;
        this.requestUpdate();
      },
      () => (this.#loading = undefined),
    );
  }

  #thresholds(): Thresholds {
    return { warnAt: percentOf(this.warnAt), criticalAt: percentOf(this.criticalAt) };
  }
}

/** A percentage, where one is given that makes sense. */
function percentOf(value: unknown): number | undefined {
  const percent = toNumber(value);
  return Number.isFinite(percent) ? clamp(Number(percent), 0, 100) : undefined;
}

function amountText(l: Localizer, consumed: number, unit: string | null | undefined): string {
  return Number.isNaN(consumed) ? '–' : formatAmount(l.locale, consumed, unit ?? null);
}

declare global {
  interface HTMLElementTagNameMap {
    'billing-usage-bar': BillingUsageBar;
  }
}
