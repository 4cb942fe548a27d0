import { generateSecretKey, hashSecretKey } from '../../packages/server/src/auth/secret-keys.ts';

import type { CatalogDocument } from '../../packages/server/src/metering/catalog.ts';
import { storeSettings } from '../../packages/server/src/settings.ts';
import { openLedger } from '../../packages/server/src/store.ts';
import type { Environment } from './program.ts';

/** A store that the environment names, with a tenant and its key: what an operator has before a server is started. */
export interface PricedStore {
  readonly tenantId: string;
  readonly secretKey: string;
}

/** Allows 1 000 `api_calls` a month and 10 `seats`; `bulk_calls` are as many as one likes. */
const CATALOG: CatalogDocument = {
  features: [
    { key: 'api_calls', title: 'API calls', type: 'usage_quota', decimals: 0 },
    { key: 'bulk_calls', title: 'Bulk calls', type: 'usage_quota', decimals: 0 },
    { key: 'seats', title: 'Seats', type: 'numeric_limit', decimals: 0 },
  ],
  products: [
    {
      id: 'starter',
      name: 'Starter',
      default: true,
      prices: [{ id: 'price_starter', amount: 0, currency: 'usd', interval: 'month' }],
      features: [
        { feature: 'api_calls', limit: 1000 },
        { feature: 'bulk_calls', limit: null },
        { feature: 'seats', limit: 10 },
      ],
    },
  ],
};

export async function pricedStore(env: Environment): Promise<PricedStore> {
  const now = Date.now();
  const ledger = await openLedger(storeSettings({}, env), Date.now);
  const tenantId = await ledger.ensureTenant('Acme', 'test', now);
  const secretKey = generateSecretKey('test');
  await ledger.addSecretKey(tenantId, { hash: hashSecretKey(secretKey), name: 'test' }, now);
  // Later than the key, so that the audit trail has one order.
  await ledger.tenant(tenantId).putCatalog(CATALOG, now + 1);
  await ledger.close();
  return { tenantId, secretKey };
}

export interface TrackedEvent {
  readonly quantity: number;
  readonly feature?: string;
  readonly idempotencyKey?: string | undefined;
  readonly metadata?: object;
}

export function track(url: string, secretKey: string, event: TrackedEvent): Promise<Response> {
  const { quantity, feature = 'api_calls', idempotencyKey, metadata } = event;
  return fetch(`${url}/v1/usage/track`, {
    method: 'POST',
    headers: { Authorization: `Bearer ${secretKey}`, 'Content-Type': 'application/json' },
    body: JSON.stringify({
      customer_id: 'u',
      feature_key: feature,
      quantity,
      idempotency_key: idempotencyKey,
      metadata,
    }),
  });
}

/** A token of the customer whom {@link track} tracks for. */
export async function sessionToken(url: string, secretKey: string): Promise<string> {
  const reply = await fetch(`${url}/v1/session-tokens`, {
    method: 'POST',
    headers: { Authorization: `Bearer ${secretKey}`, 'Content-Type': 'application/json' },
    body: JSON.stringify({ externalUserId: 'u' }),
  });
  return ((await reply.json()) as { sessionToken: string }).sessionToken;
}
