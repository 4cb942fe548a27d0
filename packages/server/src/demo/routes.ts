import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { BillingOS, BillingOSError, ConflictError, createSessionRoute } from '@billingos/node';
import type { Hono } from 'hono';
import type { AppEnv } from '../routes/route.ts';
import { DEMO_USAGE, PRO_PRICE, STARTER_PRICE } from './catalog.ts';

/**
 * The demo page's own back end, as a merchant would write it: the page's files, a session route, and actions that
 * meter themselves, all through `@billingos/node`. It exists only under `billingos dev`.
 */

const ASSETS_FOLDER = join(import.meta.dirname, '..', '..', 'demo');

const ASSETS = [
  { path: '/', file: 'index.html', type: 'text/html; charset=utf-8' },
  { path: '/demo/demo.css', file: 'demo.css', type: 'text/css; charset=utf-8' },
  { path: '/demo/demo.js', file: 'demo.js', type: 'text/javascript; charset=utf-8' },
];

/** Strict on purpose: the elements must work under it, live updates and nudges included. */
const CONTENT_SECURITY_POLICY =
  "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self' data:; " +
  "base-uri 'none'; form-action 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'";

export interface DemoOptions {
  secretKey: string;
  customerId: string;
  /** Where the API is; known only once it listens. */
  apiUrl: () => string;
}

/** What the demo customer has of API calls now; an earlier run may have left them upgraded. */
export interface DemoPlan {
  readonly name: string;
  readonly calls: number;
  /** Calls from which a nudge appears. */
  readonly nudgeAt: number;
}

export function demoRoutes(app: Hono<AppEnv>, { secretKey, customerId, apiUrl }: DemoOptions): void {
  const billing = (): BillingOS => new BillingOS({ secretKey, apiUrl: apiUrl() });
  const track = (featureKey: string, quantity: number) =>
    billing().trackUsage({ customerId, featureKey, quantity, idempotencyKey: `demo-${crypto.randomUUID()}` });
  const moveTo = async (priceId: string): Promise<{ plan: string }> => {
    const customer = await billing().getCustomerByExternalId(customerId);
    try {
      await billing().createSubscription({ customerId: customer.id, priceId });
    } catch (error) {
      if (!(error instanceof ConflictError)) throw error;
      await billing().updateSubscription(String(error.details['subscription_id']), { priceId });
    }
    return { plan: priceId };
  };

  for (const { path, file, type } of ASSETS) {
    app.get(path, (c) =>
      c.body(readFileSync(join(ASSETS_FOLDER, file), 'utf8'), 200, {
        'Content-Type': type,
        'Cache-Control': 'no-cache',
        'Content-Security-Policy': CONTENT_SECURITY_POLICY,
        'Referrer-Policy': 'no-referrer',
      }),
    );
  }

  app.get('/api/billingos-session', (c) =>
    createSessionRoute({ secretKey, apiUrl: apiUrl() }, () => ({ userId: customerId }))(c.req.raw),
  );

  const actions: Record<string, () => Promise<unknown>> = {
    'api-call': () => track('api_calls', 1),
    'add-member': () => track('team_members', 1),
    'remove-member': () => track('team_members', -1),
    'process-file': () => track('files_processed', 1),
    upgrade: () => moveTo(PRO_PRICE),
    downgrade: () => moveTo(STARTER_PRICE),
  };
  for (const [name, act] of Object.entries(actions)) {
    app.post(`/demo/actions/${name}`, async (c) => {
      try {
        return c.json(await act());
      } catch (error) {
        if (!(error instanceof BillingOSError)) throw error;
        const { code, message, status } = error;
        return Response.json({ code, message }, { status: status ?? 502 });
      }
    });
  }
}

/** Gives a new demo customer a past. Under fixed keys, so that a restart adds nothing. */
export async function seedDemoUsage({ secretKey, customerId, apiUrl }: DemoOptions): Promise<void> {
  const billing = new BillingOS({ secretKey, apiUrl: apiUrl() });
  for (const { featureKey, quantity } of DEMO_USAGE) {
    await billing.trackUsage({ customerId, featureKey, quantity, idempotencyKey: `demo-seed-${featureKey}` });
  }
}

export async function demoPlan({ secretKey, customerId, apiUrl }: DemoOptions): Promise<DemoPlan> {
  const billing = new BillingOS({ secretKey, apiUrl: apiUrl() });
  const { metrics } = await billing.getUsageMetrics(customerId, 'api_calls');
  const { product_name: name = '', limit, warn_at: warnAt = 0 } = metrics[0] ?? {};
  const calls = limit ?? 0;
  return { name, calls, nudgeAt: (calls * warnAt) / 100 };
}
