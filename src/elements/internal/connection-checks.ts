import type { Connection } from './connection.ts';
import { afterGrace } from './grace.ts';
import { warnOnce } from './warn-once.ts';

/** Tells developers what is wrong with what an element is connected to. On other pages it is not even loaded. */
export function checkConnection(connection: Connection): void {
  if (connection.binding === 'missing') afterGrace(connection, () => checkConfigured(connection));
  checkFeature(connection);
}

function checkConfigured({ binding }: Connection): void {
  if (binding !== 'missing') return;
  warnOnce(
    'no usage to show: put the elements into <billing-provider session-token-url="…">, ' +
      'or call configure({ sessionTokenUrl }).',
  );
}

/** Tells of a `feature-key` that the customer's metrics do not have. */
function checkFeature({ host, reading, store }: Connection): void {
  const { featureKey = null, localName } = host as { featureKey?: string | null } & Element;
  if (featureKey === null || featureKey === '' || reading !== 'ready') return;
  if (store?.feature(featureKey) !== undefined) return;
  warnOnce(`<${localName}>: no metric has feature-key="${featureKey}": misspelt, or not in the plan.`);
}
