import type { Hub } from '../live/hub.ts';
import type { DefineRoute } from './route.ts';
import { CustomerQuery } from './schemas.ts';
import { refuseOwnId } from './track.ts';

/** Live usage, for a session's own customer and for servers that ask for one (wire contract §6). */
export function streamRoutes(route: DefineRoute, hub: Hub): void {
  const description =
    'Server-sent events: `snapshot` first (the metrics reply), `usage` for each changed feature (one UsageMetric), ' +
    '`bye` before a planned close. A comment every 15 seconds keeps the line open.';
  const replies = { 200: { description: 'The stream.', contentType: 'text/event-stream' } };

  route(
    {
      method: 'get',
      path: '/v1/usage/stream',
      tag: 'Usage',
      summary: 'A customer’s usage, live',
      description,
      credential: 'secret_key',
      query: CustomerQuery,
      replies,
      problems: ['customer_not_found'],
    },
    async ({ principal, ledger, query, signal }) => {
      const { tenantId, id } = principal;
      await refuseOwnId(ledger, query.customer_id);
      const grant = { keyId: id, tokenId: null, customerId: null, expiresAt: Number.POSITIVE_INFINITY };
      return hub.open({ tenantId, externalId: query.customer_id }, grant, signal());
    },
  );

  route(
    {
      method: 'get',
      path: '/v1/features/stream',
      tag: 'Features',
      summary: 'The session’s customer’s usage, live',
      description,
      credential: 'read_usage',
      replies,
    },
    ({ principal, signal }) => hub.open(principal, principal, signal()),
  );
}
