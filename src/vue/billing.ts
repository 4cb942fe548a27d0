import { inject, type InjectionKey, markRaw, type Plugin } from 'vue';
import { type Billing, type BillingSettings, createBilling, defaultBilling } from '../adapters/billing.ts';

/** By Vue's injection, not by the DOM's, so that Teleport works. */
export const billingKey: InjectionKey<Billing> = Symbol('billingos');

/** `app.use(BillingOS, { sessionTokenUrl })`: gives the application the signed-in customer's store. */
export const BillingOS: Plugin<[BillingSettings]> = {
  install(app, settings) {
    // Vue's proxies would hide the private members of what they wrap.
    const billing = markRaw(createBilling(settings));
    app.provide(billingKey, billing);
    app.onUnmount(() => {
      if (billing.session !== undefined) billing.store.close();
    });
  },
};

/**
 * The application's store and session, or the page's default store.
 *
 * @throws ConfigurationError when there is neither
 */
export function useBilling(): Billing {
  return (
    inject(billingKey, undefined) ??
    defaultBilling(
      "Call app.use(BillingOS, { sessionTokenUrl }), or configure({ sessionTokenUrl }) of '@billingos/sdk/elements'.",
    )
  );
}
