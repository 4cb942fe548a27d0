import type { Hub } from '../live/hub.ts';
import type { DefineRoute } from './route.ts';

export function streamRoutes(route: DefineRoute, hub: Hub): void {
  route(
    {
      method: 'get',
      path: '/v1/features/stream',
      tag: 'Features',
      summary: 'The session’s customer’s usage, live',
      description:
        'Server-sent events: `snapshot` first (the metrics reply), `usage` for each changed feature (one UsageMetric), ' +
        '`bye` before a planned close. A comment every 15 seconds keeps the line open.',
      credential: 'read_usage',
      replies: { 200: { description: 'The stream.', contentType: 'text/event-stream' } },
    },
    ({ principal, signal }) => hub.open(principal, principal.expiresAt, signal),
  );
}
