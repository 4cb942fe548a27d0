import { nothing, type PropertyDeclarations, type PropertyValues } from 'lit';
import type { DismissReason, Trigger } from '../events.ts';
import type { AnnouncerRank } from '../internal/announcer.ts';
import { addMissingMessages } from '../internal/add-messages.ts';
import { BillingElement } from '../internal/billing-element.ts';
import { Connection } from '../internal/connection.ts';
import { warnInDevelopment } from '../internal/warn.ts';
import { onServer } from '../internal/environment.ts';
import { finiteNumber } from '../internal/finite-number.ts';
import type { Localizer } from '../internal/localizer.ts';
import { meterStyles } from '../internal/meter.styles.ts';
import { clamp, toNumber } from '../internal/number.ts';
import { buttons } from '../styles/buttons.ts';
import { cardTokens } from '../styles/card-tokens.ts';
import { primaryButton } from '../styles/primary-button.ts';
import { tokens } from '../styles/tokens.ts';
import { Countdown } from './countdown.ts';
import { isShowable } from './host-trigger.ts';
import { nudgeTexts } from './nudge-texts.ts';
import { type NudgeVariant, severityOf, viewOf } from './nudge-view.ts';
import { keyOf, pageView } from './page-view.ts';
import { isTyping } from './typing.ts';
import { styles } from './upgrade-nudge.styles.ts';
import { upgradeUrlOf } from './upgrade-url.ts';
import { renderNudge } from './variants.ts';

export type { NudgeVariant } from './nudge-view.ts';

const VARIANTS: readonly NudgeVariant[] = ['banner', 'toast', 'modal', 'inline'];
/** Shorter than this nobody finishes reading. */
const AUTO_DISMISS_MIN_MS = 5_000;
/** The longest snooze the API takes: 90 days. */
const SNOOZE_MAX_SECONDS = 90 * 24 * 60 * 60;

/**
 * Tells the customer that something runs out, what the next plan gives and what it costs. Opens by itself when the
 * server has a nudge.
 *
 * @element billing-upgrade-nudge
 * @attr {'banner'|'toast'|'modal'|'inline'} variant - Default `banner`, fixed to the top.
 * @attr {string} feature-key - Nudges about this feature only.
 * @attr {number} threshold - Hides nudges of lower thresholds, in percent.
 * @attr {number} auto-dismiss - Hides after this many milliseconds, at least 5 000. 0 is never. Not for `modal`.
 * @attr {number} snooze - Seconds a dismissed nudge stays away. Default: the server's.
 * @attr {string} upgrade-url - Where the upgrade button leads; `{priceId}` is replaced.
 * @attr {boolean} manual - Never opens by itself.
 * @attr {boolean} open - Whether it shows. Removing it hides without dismissing.
 * @attr {'auto'|'light'|'dark'} theme - `auto` follows the inherited `color-scheme`.
 * @prop {Trigger} trigger - A trigger of the page's own: shown as given, nothing is fetched.
 * @prop {UsageStore} store - A store that wins over the provider's.
 *
 * @slot - Shown until the element is defined and configured.
 *
 * @csspart base - The surface.
 * @csspart title - What happens.
 * @csspart body - What that means.
 * @csspart plan - The suggested plan.
 * @csspart track - What a fill runs in.
 * @csspart fill - The used share.
 * @csspart upgrade - The primary action.
 * @csspart dismiss - The way out.
 *
 * @cssprop --billing-color-primary - Brand colour.
 * @cssprop --billing-color-background - Surface.
 * @cssprop --billing-color-text - Text.
 * @cssprop --billing-radius - Corner radius.
 * @cssprop --billing-font - Typeface; by default the page's.
 *
 * @cssstate loading - It is not known yet whether there is a nudge.
 * @cssstate error - It could not be found out, or nothing is configured.
 * @cssstate stale - The numbers may be old.
 * @cssstate warning - The nudge shown warns.
 * @cssstate critical - It is critical.
 * @cssstate exceeded - Nothing is left.
 *
 * @fires {BillingUpgradeEvent} billing-upgrade - The upgrade button was pressed. Cancelable, bubbles, composed.
 * @fires {BillingDismissEvent} billing-dismiss - The nudge was put away, by whom or what.
 * @fires {BillingNudgeShownEvent} billing-nudge-shown - The nudge appeared.
 * @callback {billing-upgrade} onUpgrade priceId
 * @callback {billing-dismiss} onDismiss
 * @callback {billing-nudge-shown} onShown
 */
export class BillingUpgradeNudge extends BillingElement {
  static override styles = [tokens, cardTokens, meterStyles, buttons, primaryButton, styles];

  static override properties: PropertyDeclarations = {
    variant: {},
    featureKey: { attribute: 'feature-key' },
    threshold: { converter: toNumber },
    autoDismiss: { attribute: 'auto-dismiss', converter: toNumber },
    snooze: { converter: toNumber },
    upgradeUrl: { attribute: 'upgrade-url' },
    manual: { type: Boolean },
    open: { type: Boolean, reflect: true },
    trigger: { attribute: false },
  };

  declare variant: NudgeVariant | null | undefined;
  declare featureKey: string | null | undefined;
  declare threshold: number | null | undefined;
  declare autoDismiss: number | null | undefined;
  declare snooze: number | null | undefined;
  declare upgradeUrl: string | null | undefined;
  declare manual: boolean;
  declare open: boolean;
  declare trigger: Trigger | null | undefined;

  override readonly announcerRank: AnnouncerRank = 'nudge';
  protected override readonly usage = new Connection(this);
  readonly #countdown = new Countdown(() => {
    this.#dismiss('timeout');
  });
  /** What shows; in step with `open` but for the moment between a host's write and the next update. */
  #current: Trigger | undefined;
  /** What a host hid by removing `open`: it does not come back by itself. */
  #hiddenKey: string | undefined;
  /** What `billing-nudge-shown` was fired for. */
  #shownKey: string | undefined;
  /** What the countdown runs for. */
  #countedKey: string | undefined;
  /** What had the focus before something in here took it. */
  #focusedBefore: (EventTarget & Partial<HTMLOrSVGElement>) | null = null;

  constructor() {
    super();
    this.variant = 'banner';
    this.manual = false;
    this.open = false;
  }

  override get needsStore(): boolean {
    return this.trigger == null;
  }

  override connectedCallback(): void {
    super.connectedCallback();
    if (onServer) return;
    document.addEventListener('visibilitychange', this.#onVisibility);
    document.addEventListener('focusout', this.#onFocusOut);
  }

  override disconnectedCallback(): void {
    super.disconnectedCallback();
    document.removeEventListener('visibilitychange', this.#onVisibility);
    document.removeEventListener('focusout', this.#onFocusOut);
    this.#stopCounting();
    pageView.release(this);
  }

  storeChanged(): void {
    this.requestUpdate();
  }

  protected override willUpdate(changed: PropertyValues<this>): void {
    super.willUpdate(changed);
    if (!this.isConnected) return;
    const next = this.#next();
    if (this.#current === undefined && this.open) this.#openAtWish(next);
    else if (this.#current !== undefined && !this.open) this.#hideAtWish(this.#current);
    else if (this.#current !== undefined) this.#follow(this.#current, next);
    if (this.#current === undefined && !this.open && next !== undefined && this.#opensItself(next))
      this.#show(next);
  }

  protected override updated(changed: PropertyValues<this>): void {
    super.updated(changed);
    if (this.#current === undefined || !this.#openSurface()) return;
    const key = keyOf(this.#current);
    const recount = changed.has('autoDismiss') || changed.has('variant') || key !== this.#countedKey;
    if (recount) this.#count(key);
    if (key === this.#shownKey) return;
    this.#shownKey = key;
    this.dispatchEvent(new CustomEvent('billing-nudge-shown', { detail: { trigger: this.#current } }));
  }

  protected override currentStates(): ReturnType<BillingElement['currentStates']> {
    const { reading, snapshot } = this.usage;
    const stale = snapshot?.stale === true && 'stale';
    if (this.#current !== undefined) return [severityOf(this.#current), stale];
    if (!this.needsStore || reading === 'signedOut') return [];
    if (reading === 'ready') return [stale];
    return [reading === 'unavailable' ? 'error' : 'loading'];
  }

  protected override renderContent(l: Localizer): unknown {
    const trigger = this.#current;
    if (trigger === undefined) return nothing;
    const variant = this.#variant;
    const metrics = this.usage.snapshot?.metrics ?? [];
    return renderNudge(l, variant, viewOf(l, trigger, { variant, metrics, own: trigger === this.trigger }), {
      href: upgradeUrlOf(this.upgradeUrl, trigger.suggestedPlan?.priceId ?? null),
      upgrade: this.#onUpgrade,
      dismiss: this.#onDismiss,
      cancel: this.#onCancel,
      keydown: this.#onKeydown,
      hold: this.#onHold,
    });
  }

  get #variant(): NudgeVariant {
    const variant = this.variant ?? 'banner';
    if (VARIANTS.includes(variant)) return variant;
    warnInDevelopment(`<billing-upgrade-nudge>: variant must be ${VARIANTS.join(', ')}, not`, variant);
    return 'banner';
  }

  /** What there is to show: the page's own trigger, else the one showing if it still holds, else the most urgent. */
  #next(): Trigger | undefined {
    if (this.trigger != null) return isShowable(this.trigger) ? this.trigger : undefined;
    const candidates = (this.usage.snapshot?.nudges ?? []).filter((nudge) => this.#concernsUs(nudge));
    const showing = this.#current === undefined ? undefined : keyOf(this.#current);
    return candidates.find((nudge) => keyOf(nudge) === showing) ?? candidates[0];
  }

  #concernsUs(nudge: Trigger): boolean {
    const key = keyOf(nudge);
    const featureKey = this.featureKey ?? '';
    const threshold = finiteNumber('<billing-upgrade-nudge>: threshold', this.threshold) ?? 0;
    if (featureKey !== '' && nudge.feature !== featureKey) return false;
    return nudge.threshold >= threshold && !pageView.isTaken(key, this) && !pageView.wasPutAway(key);
  }

  #opensItself(trigger: Trigger): boolean {
    const key = keyOf(trigger);
    if (this.manual || key === this.#hiddenKey || pageView.wasPutAway(key) || pageView.isTaken(key, this)) {
      return false;
    }
    // A page shows its own triggers on purpose; only nudges that come by themselves fall silent.
    if (pageView.isQuiet && trigger !== this.trigger) return false;
    return this.#variant !== 'modal' || !isTyping();
  }

  #show(trigger: Trigger): void {
    this.#current = trigger;
    this.#hiddenKey = undefined;
    pageView.take(keyOf(trigger), this);
    this.open = true;
  }

  /** The host set `open`: show what there is, now or as soon as that is known. */
  #openAtWish(next: Trigger | undefined): void {
    const known = !this.needsStore || (this.usage.snapshot?.status ?? 'pending') !== 'pending';
    if (next !== undefined && !pageView.isTaken(keyOf(next), this)) this.#show(next);
    else if (known) this.open = false;
  }

  #hideAtWish(current: Trigger): void {
    this.#hiddenKey = keyOf(current);
    this.#close();
  }

  /** The trigger that shows got newer figures, gave way to another, or is gone. */
  #follow(current: Trigger, next: Trigger | undefined): void {
    if (next !== undefined && keyOf(next) === keyOf(current)) {
      pageView.take(keyOf(next), this);
      this.#current = next;
    } else {
      this.#close();
    }
  }

  #close(): void {
    this.#stopCounting();
    pageView.release(this);
    this.#current = undefined;
    this.#shownKey = undefined;
    this.open = false;
    this.#returnFocus();
    // Closing gives the focus back to where it was; merely removing the dialog would not.
    this.renderRoot.querySelector('dialog')?.close();
  }

  /** Where the focus came from, if it is here now; else it would be lost with what has it. */
  #returnFocus(): void {
    const before = this.#focusedBefore;
    this.#focusedBefore = null;
    if (this.shadowRoot?.activeElement) before?.focus?.({ preventScroll: true });
  }

  #dismiss(reason: DismissReason): void {
    const trigger = this.#current;
    if (trigger === undefined) return;
    pageView.putAway(keyOf(trigger));
    // A nudge that timed out was perhaps not even seen, so only this page forgets it.
    if (reason !== 'timeout' && trigger !== this.trigger) this.#tellStore(keyOf(trigger));
    this.#close();
    this.dispatchEvent(new CustomEvent('billing-dismiss', { detail: { trigger, reason } }));
  }

  #tellStore(id: string): void {
    const seconds = finiteNumber('<billing-upgrade-nudge>: snooze', this.snooze) ?? 0;
    const options = seconds > 0 ? { snoozeSeconds: clamp(Math.round(seconds), 1, SNOOZE_MAX_SECONDS) } : {};
    // The nudge is gone from this page in any case; the store reports a failure by itself.
    this.usage.store?.dismissNudge(id, options).catch(() => undefined);
  }

  /** Puts the surface on screen. Whether it is there: a modal waits until nobody types. */
  #openSurface(): boolean {
    const surface = this.renderRoot.querySelector<HTMLElement>('.surface');
    if (surface === null || !this.isConnected) return false;
    if (surface instanceof HTMLDialogElement) {
      // A dialog that was moved in the page comes back open, but no longer modal.
      if (surface.open && !surface.matches(':modal')) surface.close();
      if (!surface.open && isTyping()) return false;
      if (!surface.open) surface.showModal();
    } else if (surface.popover !== null && !surface.matches(':popover-open')) {
      surface.showPopover();
    }
    return true;
  }

  #stopCounting(): void {
    this.#countdown.stop();
    this.#countedKey = undefined;
  }

  #count(key: string): void {
    this.#countedKey = key;
    const delayMs = finiteNumber('<billing-upgrade-nudge>: auto-dismiss', this.autoDismiss) ?? 0;
    this.#countdown.stop();
    if (!(delayMs > 0) || this.#variant === 'modal') return;
    if (document.visibilityState === 'hidden') this.#countdown.hold('hidden');
    this.#countdown.start(Math.max(AUTO_DISMISS_MIN_MS, delayMs));
  }

  readonly #onVisibility = (): void => {
    if (document.visibilityState === 'hidden') this.#countdown.hold('hidden');
    else this.#countdown.release('hidden');
  };

  /** A modal that waited for the end of typing may open now; not in between two fields of a form. */
  readonly #onFocusOut = (): void => {
    if (this.#variant === 'modal') setTimeout(() => this.requestUpdate());
  };

  readonly #onHold = (event: Event): void => {
    if (event.type === 'focusin') this.#rememberFocus(event as FocusEvent);
    const reason = event.type.startsWith('pointer') ? 'pointer' : 'focus';
    if (event.type === 'pointerenter' || event.type === 'focusin') this.#countdown.hold(reason);
    else this.#countdown.release(reason);
  };

  #rememberFocus({ currentTarget, relatedTarget }: FocusEvent): void {
    const surface = currentTarget as Element;
    if (!surface.contains(relatedTarget as Node | null)) this.#focusedBefore = relatedTarget;
  }

  readonly #onUpgrade = (event: Event): void => {
    const trigger = this.#current;
    if (trigger === undefined) return;
    const plan = trigger.suggestedPlan ?? null;
    const upgrade = new CustomEvent('billing-upgrade', {
      detail: { priceId: plan?.priceId ?? null, plan, trigger },
      bubbles: true,
      composed: true,
      cancelable: true,
    });
    // The default action is the link itself.
    if (!this.dispatchEvent(upgrade)) event.preventDefault();
  };

  readonly #onDismiss = (): void => {
    this.#dismiss('user');
  };

  /** The browser's own Escape (or back gesture) on a modal dialog. */
  readonly #onCancel = (event: Event): void => {
    event.preventDefault();
    this.#dismiss('escape');
  };

  /** Heard only with the focus inside. A modal has `cancel` for it. */
  readonly #onKeydown = (event: KeyboardEvent): void => {
    if (event.key !== 'Escape' || event.defaultPrevented || this.#variant === 'modal') return;
    event.preventDefault();
    event.stopPropagation();
    this.#dismiss('escape');
  };
}

addMissingMessages('en', nudgeTexts);

declare global {
  interface HTMLElementTagNameMap {
    'billing-upgrade-nudge': BillingUpgradeNudge;
  }
}
