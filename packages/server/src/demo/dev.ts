import { chmodSync, existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { startApi, type ApiServer, type ReportError } from '../api-server.ts';
import { generateSecretKey, hashSecretKey, isIntactKey } from '../auth/secret-keys.ts';
import type { Ledger } from '../ledger/ledger.ts';
import type { LimitSettings } from '../limits/request-limits.ts';
import { SettingsError, type ListenSettings } from '../settings.ts';
import { openStore, organizationsIn } from '../store.ts';
import { DEMO_CATALOG } from './catalog.ts';
import { demoPlan, demoRoutes, seedDemoUsage, type DemoPlan } from './routes.ts';

export interface DevSettings {
  readonly listening: ListenSettings;
  readonly limits: LimitSettings;
  /** Where the embedded store and dev.json live. */
  readonly folder: string;
}

/** What is kept in `<data>/dev.json` for scripts that talk to the demo. */
export interface DevInfo {
  url: string;
  secret_key: string;
  customer_id: string;
}

export interface DevServer {
  readonly info: DevInfo;
  readonly infoPath: string;
  readonly plan: DemoPlan;
  close(): Promise<void>;
}

const INFO_FILE = 'dev.json';
const DEMO_ORGANIZATION = 'Demo';
const DEMO_CUSTOMER = 'user_123';
/** Organizations that a refusal names. */
const NAMED_MAX = 3;

/**
 * Everything on one command: embedded store, migrations, demo tenant, catalog and customer, API and demo page.
 * @throws StoreInUseError when another server has the data folder, SettingsError when the store in it is no demo.
 */
export async function startDev(settings: DevSettings, onError: ReportError): Promise<DevServer> {
  const { folder, listening, limits } = settings;
  const clock = Date.now;
  refuseProduction(folder);
  const { ledger, announce, release } = await openStore({ kind: 'embedded', folder }, clock);
  let api: ApiServer | undefined;
  try {
    const infoPath = join(folder, INFO_FILE);
    const secretKey = await demoTenant(ledger, infoPath, clock());
    const demo = { secretKey, customerId: DEMO_CUSTOMER };
    const running = await startApi({
      ledger,
      listening,
      limits,
      clock,
      onError,
      extend: (app, url) => demoRoutes(app, { ...demo, apiUrl: url }),
    });
    api = running;
    announce(api.url);
    const reachable = { ...demo, apiUrl: () => running.localUrl };
    await seedDemoUsage(reachable);
    const info = { url: api.url, secret_key: secretKey, customer_id: DEMO_CUSTOMER };
    writeFileSync(infoPath, `${JSON.stringify(info, null, 2)}\n`, { mode: 0o600 });
    chmodSync(infoPath, 0o600);
    return {
      info,
      infoPath,
      plan: await demoPlan(reachable),
      async close() {
        await running.close();
        release();
      },
    };
  } catch (error) {
    // An open ledger would keep the process alive.
    await (api ?? ledger).close();
    release();
    throw error;
  }
}

/** A first start that was broken off has left a store, and at most the demo's tenant in it. */
function refuseProduction(folder: string): void {
  if (existsSync(join(folder, INFO_FILE))) return;
  const others = organizationsIn(folder).filter((organization) => organization !== DEMO_ORGANIZATION);
  if (others.length === 0) return;
  throw new SettingsError(
    `${folder} holds the store of ${others.slice(0, NAMED_MAX).join(', ')}, which "billingos dev" would make a demo ` +
      `of. Run it with: billingos serve --data "${folder}", or use another folder with --data.`,
  );
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
    return typeof secret_key === 'string' && isIntactKey(secret_key) ? secret_key : null;
  } catch {
    return null;
  }
}
