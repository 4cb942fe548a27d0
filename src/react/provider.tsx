'use client';

import { type ReactNode, useEffect, useMemo, useRef, useState } from 'react';
import { type Billing, type BillingSettings, createBilling } from '../adapters/billing.ts';
import type { Session } from '../adapters/session.ts';
import { warnOnce } from '../elements/internal/warn-once.ts';
import type { UsageStore } from '../store/types.ts';
import { type Appearance, tokensOf } from './appearance.ts';
import { BillingContext } from './context.ts';

export interface BillingOSProviderProps extends BillingSettings {
  children?: ReactNode;
  /** Ignored: the session says whose usage it is. */
  customerId?: string | undefined;
  /** Brand and colour scheme of the elements inside. */
  appearance?: Appearance | undefined;
  /** Shown in place of the children until the session is there, or cannot be had. */
  loadingFallback?: ReactNode;
  /** Tells every failure of the store to the console. */
  debug?: boolean | undefined;
}

/** Gives everything inside the signed-in customer's store. Nothing is fetched before somebody needs it. */
export function BillingOSProvider(props: BillingOSProviderProps): ReactNode {
  const { appearance, children, debug = false, loadingFallback } = props;
  const billing = useOwnBilling(props);
  // Written in place, an appearance is another object each time.
  const look = JSON.stringify(appearance ?? {});
  const provided = useMemo(() => {
    const known = JSON.parse(look) as Appearance;
    return { billing, theme: known.theme, tokens: tokensOf(known) };
  }, [billing, look]);
  return (
    <BillingContext.Provider value={provided}>
      {debug ? <FailureLog store={billing.store} /> : null}
      {loadingFallback === undefined || billing.session === undefined ? (
        children
      ) : (
        <SessionGate session={billing.session} fallback={loadingFallback}>
          {children}
        </SessionGate>
      )}
    </BillingContext.Provider>
  );
}

/** Another session makes another store; another function that gets the same session does not. */
function useOwnBilling(settings: BillingSettings): Billing {
  const { store, sessionToken, getSessionToken, sessionTokenUrl, apiUrl, live } = settings;
  const getLatest = useRef(getSessionToken);
  useEffect(() => {
    getLatest.current = getSessionToken;
  });

  const make = (): Made => {
    const ownGet = getSessionToken && (async () => (await getLatest.current?.()) ?? null);
    return { key, billing: createBilling({ ...settings, getSessionToken: ownGet }) };
  };
  const key = [store, sessionToken, getSessionToken === undefined, sessionTokenUrl, apiUrl, live];
  const [held, setHeld] = useState(make);
  let made = held;
  if (key.some((part, index) => part !== held.key[index])) {
    made = make();
    setHeld(made);
  }

  const { billing } = made;
  const previous = useRef(billing);
  useEffect(() => {
    // Not at unmounting: React takes hidden trees and those in StrictMode up again. A store without listeners rests.
    const outdated = previous.current;
    previous.current = billing;
    if (outdated !== billing && outdated.session !== undefined) outdated.store.close();
  }, [billing]);
  return billing;
}

interface Made {
  readonly key: readonly unknown[];
  readonly billing: Billing;
}

function SessionGate(props: { session: Session; fallback: ReactNode; children: ReactNode }): ReactNode {
  const { session, fallback, children } = props;
  const [isSettled, setSettled] = useState(false);
  useEffect(() => {
    const settle = () => setSettled(true);
    if (session.getToken() === undefined) session.refresh().then(settle, settle);
    else settle();
  }, [session]);
  return isSettled ? children : fallback;
}

function FailureLog({ store }: { store: UsageStore }): null {
  useEffect(
    () =>
      store.subscribe(() => {
        const { error } = store.getSnapshot();
        if (error !== null) warnOnce(error.message, error);
      }),
    [store],
  );
  return null;
}
