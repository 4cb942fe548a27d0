import type { ApiServer } from './api-server.ts';
import type { Ledger } from './ledger/ledger.ts';
import type { Metrics } from './metrics.ts';
import { listen, type RunningServer } from './server.ts';
import type { AdminSettings } from './settings.ts';
import { within } from './within.ts';

/** How long the store may take to say how large it is before a scrape goes without. */
const STORE_TIMEOUT_MS = 2_000;

/**
 * What the operator's machines ask, on a port of its own that clients cannot reach: `/metrics`, and the API's own
 * `/healthz` and `/readyz`.
 */
export function startAdmin(
  address: AdminSettings,
  { metrics, ledger, api }: { metrics: Metrics; ledger: Ledger; api: ApiServer },
): Promise<RunningServer> {
  async function scrape(): Promise<Response> {
    const storeBytes = await within(STORE_TIMEOUT_MS, ledger.storeBytes()).catch(() => null);
    const text = await metrics.render({ load: ledger.load(), streams: api.streams(), storeBytes });
    return new Response(text, { headers: { 'Content-Type': metrics.contentType } });
  }
  return listen((request) => {
    const { pathname } = new URL(request.url);
    if (pathname === '/metrics' && request.method === 'GET') return scrape();
    if (pathname === '/healthz' || pathname === '/readyz') return api.fetch(request);
    return new Response('There are /metrics, /healthz and /readyz here.\n', { status: 404 });
  }, address);
}
