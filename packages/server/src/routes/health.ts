import { Problem } from '../problems.ts';
import { within } from '../within.ts';
import type { DefineRoute } from './route.ts';
import { HealthSchema } from './schemas.ts';

/** How long the store may take to answer before this server calls itself not ready. */
const READY_TIMEOUT_MS = 2_000;

const STORE_FAULT = 'The store does not answer, or its schema is of an older release.';

/** Whether to restart this process, and whether to send it requests. */
export function healthRoutes(
  route: DefineRoute,
  isStoreReady: () => Promise<boolean>,
  isLeaving: () => boolean,
): void {
  const replies = { 200: { description: 'It is.', schema: HealthSchema } };

  route(
    {
      method: 'get',
      path: '/healthz',
      tag: 'Service',
      summary: 'Is the process up?',
      credential: 'anyone',
      replies,
    },
    () => ({ status: 200, body: { status: 'ok' } }),
  );

  route(
    {
      method: 'get',
      path: '/readyz',
      tag: 'Service',
      summary: 'Is the server ready for requests?',
      description: 'The store can be reached, its schema is current, and the server is not about to stop.',
      credential: 'anyone',
      replies,
      problems: ['store_unavailable'],
    },
    async () => {
      if (isLeaving()) throw new Problem('store_unavailable', 'This server is stopping; ask another.');
      // Not told as an error of ours: whoever probes sees it, again and again.
      const ready = await within(READY_TIMEOUT_MS, isStoreReady()).catch(() => false);
      if (!ready) throw new Problem('store_unavailable', STORE_FAULT);
      return { status: 200, body: { status: 'ok' } };
    },
  );
}
