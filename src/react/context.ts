'use client';

import { createContext, useContext } from 'react';
import { type Billing, defaultBilling } from '../adapters/billing.ts';
import type { Theme } from '../elements/internal/billing-element.ts';

/** What `BillingOSProvider` hands down. By React's context, not by the DOM's, so that portals work. */
export interface Provided {
  readonly billing: Billing;
  readonly theme: Theme | undefined;
  /** Design tokens for every element inside. */
  readonly tokens: Readonly<Record<string, string>>;
}

export const BillingContext = createContext<Provided | undefined>(undefined);

/**
 * The provider's store and session, or the page's default store.
 *
 * @throws ConfigurationError when there is neither
 */
export function useBilling(): Billing {
  return (
    useContext(BillingContext)?.billing ??
    defaultBilling(
      'Put <BillingOSProvider sessionTokenUrl="…"> around the component, ' +
        "or call configure({ sessionTokenUrl }) of '@billingos/sdk/elements' first.",
    )
  );
}
