import type { UsageSnapshot, UsageStore } from '../../store/types.ts';
import { warnInDevelopment } from './warn.ts';

type StoreError = UsageSnapshot['error'];

const targets = new WeakMap<UsageStore, EventTarget>();
const reported = new WeakMap<UsageStore, StoreError>();

/** Names where `billing-error` of this store is fired: its provider. Without one it is the document. */
export function reportErrorsAt(store: UsageStore, target: EventTarget): void {
  targets.set(store, target);
}

/** Fires `billing-error` once per failure, whichever of a store's elements sees it first. */
export function reportError(store: UsageStore, error: StoreError): void {
  if ((reported.get(store) ?? null) === error) return;
  reported.set(store, error);
  if (error === null) return;
  // Being signed out is no mistake of the page's.
  if (!isAuthentication(error)) warnInDevelopment(error.message);
  const target = targets.get(store) ?? document;
  target.dispatchEvent(
    new CustomEvent('billing-error', { detail: { error }, bubbles: true, composed: true }),
  );
}

/** Nobody is signed in: not a failure, and nothing a visitor should be alarmed by. */
export function isSignedOut(snapshot: UsageSnapshot): boolean {
  return snapshot.error !== null && isAuthentication(snapshot.error);
}

/** By name, because two copies of the client may be on one page. */
function isAuthentication({ name }: NonNullable<StoreError>): boolean {
  return name === 'AuthenticationError';
}
