'use client';

import { useCallback, useEffect, useMemo, useSyncExternalStore } from 'react';
import { clientBehind } from '../adapters/billing.ts';
import type { SessionToken } from '../adapters/session.ts';
import type { UsageClient } from '../client/client.ts';
import { ConfigurationError } from '../client/errors.ts';
import type { UsageStore } from '../store/types.ts';
import { useBilling } from './context.ts';

/** The store of this place in the tree and the client behind it, for what has no hook. */
export function useBillingOS(): { readonly store: UsageStore; readonly client: UsageClient } {
  const { store } = useBilling();
  return useMemo(() => ({ store, client: clientBehind(store) }), [store]);
}

export interface SessionTokenState {
  /** `null` until there is one, and when nobody is signed in. */
  readonly token: string | null;
  /** RFC 3339. */
  readonly expiresAt: string | null;
  /** Gets another one now. Rejects when nobody is signed in. */
  readonly refresh: () => Promise<SessionToken>;
}

/** The session token, for an application that calls the usage API itself. */
export function useSessionToken(): SessionTokenState {
  const { session } = useBilling();
  if (session === undefined)
    throw new ConfigurationError('useSessionToken needs a <BillingOSProvider> without `store` around it.');
  const known = useSyncExternalStore(session.subscribe, session.getToken, NO_TOKEN);
  const refresh = useCallback(() => session.refresh(), [session]);
  useEffect(() => {
    // Whoever calls the API finds out what is wrong with the session.
    if (session.getToken() === undefined) session.refresh().catch(() => undefined);
  }, [session]);
  return useMemo(
    () => ({ token: known?.token ?? null, expiresAt: known?.expiresAt ?? null, refresh }),
    [known, refresh],
  );
}

const NO_TOKEN = (): undefined => undefined;
