import { chmodSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { createApp } from '../app.ts';
import { generateSecretKey, hashSecretKey } from '../auth/secret-keys.ts';
import { generateSigningKey, sessionTokens } from '../auth/session-tokens.ts';
import type { Ledger } from '../ledger/ledger.ts';
import { lockStore } from '../ledger/sqlite/lock.ts';
import { openSqliteLedger } from '../ledger/sqlite/sqlite-ledger.ts';
import { listen } from '../server.ts';
import type { DevSettings } from '../settings.ts';
import { DEMO_CATALOG } from './catalog.ts';
import { demoRoutes, seedDemoUsage } from './routes.ts';

/** What is kept in `<data>/dev.json` for scripts that talk to the demo. */
export interface DevInfo {
  url: string;
  secret_key: string;
  customer_id: string;
}

export interface DevServer {
  readonly info: DevInfo;
  readonly infoPath: string;
  close(): Promise<void>;
}

const DEMO_ORGANIZATION = 'Demo';
const DEMO_CUSTOMER = 'user_123';
const DROP_IN_FOLDER = join(import.meta.dirname, '..', '..', 'public');

/**
 * Everything on one command: embedded store, migrations, demo tenant, catalog and customer, API and demo page.
 * @throws StoreInUseError when another server has the data folder.
 */
export async function startDev(
  settings: DevSettings,
  onError: (error: unknown, requestId: string) => void,
): Promise<DevServer> {
  const { dataFolder } = settings;
  const clock = Date.now;
  const lock = lockStore(dataFolder);
  const ledger = await openSqliteLedger(join(dataFolder, 'billingos.db'), clock);
  const infoPath = join(dataFolder, 'dev.json');
  const secretKey = await demoTenant(ledger, infoPath, clock());

  let url = settings.publicUrl ?? '';
  const ring = await ledger.signingKeys(generateSigningKey(), clock());
  const tokens = sessionTokens(ring, { issuer: () => url, clock });
  const app = createApp({ ledger, tokens, clock, dropInFolder: DROP_IN_FOLDER, onError });
  const demo = { secretKey, customerId: DEMO_CUSTOMER, apiUrl: () => url };
  demoRoutes(app.hono, demo);

  const server = await listen(app.hono.fetch, settings);
  url = settings.publicUrl ?? server.url;
  lock.describe({ pid: process.pid, url });
  await seedDemoUsage({ ...demo, apiUrl: () => server.url });
  const info = { url, secret_key: secretKey, customer_id: DEMO_CUSTOMER };
  writeFileSync(infoPath, `${JSON.stringify(info, null, 2)}\n`, { mode: 0o600 });
  chmodSync(infoPath, 0o600);
  return {
    info,
    infoPath,
    async close() {
      app.close();
      await server.close();
      await ledger.close();
      lock.release();
    },
  };
}

/** The demo tenant with its catalog, and a key to it: the one of the last time, while it works. */
async function demoTenant(ledger: Ledger, infoPath: string, now: number): Promise<string> {
  const tenantId = await ledger.ensureTenant(DEMO_ORGANIZATION, 'test', now);
  const tenant = ledger.tenant(tenantId);
  const { document } = await tenant.catalog();
  if (document.products.length === 0) await tenant.putCatalog(DEMO_CATALOG, now);

  const known = readSecretKey(infoPath);
  const record = known === null ? null : await ledger.findSecretKey(hashSecretKey(known));
  if (known !== null && record?.tenantId === tenantId) return known;
  const secretKey = generateSecretKey('test');
  await ledger.addSecretKey(tenantId, { hash: hashSecretKey(secretKey), name: 'billingos dev' }, now);
  return secretKey;
}

function readSecretKey(infoPath: string): string | null {
  try {
    const { secret_key } = JSON.parse(readFileSync(infoPath, 'utf8')) as Partial<DevInfo>;
    return typeof secret_key === 'string' ? secret_key : null;
  } catch {
    return null;
  }
}
