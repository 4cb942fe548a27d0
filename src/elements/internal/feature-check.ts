import type { Connection } from './connection.ts';
import { warnInDevelopment } from './dev.ts';

/** Tells developers of a `feature-key` that the customer's metrics do not have. On other pages it is not even loaded. */
export function checkFeature({ host, reading, store }: Connection): void {
  const { featureKey = null, localName } = host as { featureKey?: string | null } & Element;
  if (featureKey === null || featureKey === '' || reading !== 'ready') return;
  if (store?.feature(featureKey) !== undefined) return;
  warnInDevelopment(
    `<${localName}>: no metric has feature-key="${featureKey}": misspelt, or not in the plan.`,
  );
}
