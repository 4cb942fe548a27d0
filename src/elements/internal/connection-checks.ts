import type { Connection } from './connection.ts';
import { warnOnce } from './warn-once.ts';

/** What is told to developers about what an element is connected to. On other pages it is not even loaded. */

/** Tells of a `feature-key` that the customer's metrics do not have. */
export function checkFeature({ host, reading, store }: Connection): void {
  const { featureKey = null, localName } = host as { featureKey?: string | null } & Element;
  if (featureKey === null || featureKey === '' || reading !== 'ready') return;
  if (store?.feature(featureKey) !== undefined) return;
  warnOnce(`<${localName}>: no metric has feature-key="${featureKey}": misspelt, or not in the plan.`);
}

/** Tells of elements that nobody has a store for. */
export function warnUnconfigured(): void {
  warnOnce(
    'no usage to show: put the elements into <billing-provider session-token-url="…">, ' +
      'or call configure({ sessionTokenUrl }).',
  );
}
