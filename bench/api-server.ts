import { mkdtempSync, rmSync } from 'node:fs';
import { BlockList } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { startApi } from '../packages/server/dist/api-server.js';
import { generateSecretKey, hashSecretKey } from '../packages/server/dist/auth/secret-keys.js';
import { openPostgresLedger } from '../packages/server/dist/ledger/postgres/postgres-ledger.js';
import { openSqliteLedger } from '../packages/server/dist/ledger/sqlite/sqlite-ledger.js';
import { PRICING } from '../packages/server/src/metering/testing/pricing.ts';

/** The API as it is built, in a process of its own, on a new embedded store or on the database at `DATABASE_URL`. */

/** What a server says of itself once it listens. */
export interface Listening {
  readonly port: number;
  /** Empty where none is asked for. */
  readonly secretKey: string;
}

async function main(): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), 'billingos-bench-'));
  const url = process.env['DATABASE_URL'];
  const ledger =
    url === undefined
      ? await openSqliteLedger(join(folder, 'billingos.db'), Date.now)
      : await openPostgresLedger({ url }, Date.now);
  const now = Date.now();
  const tenantId = await ledger.ensureTenant('Bench', 'test', now);
  const secretKey = generateSecretKey('test');
  await ledger.addSecretKey(tenantId, { hash: hashSecretKey(secretKey), name: 'bench' }, now);
  await ledger.tenant(tenantId).putCatalog(PRICING, now);
  const api = await startApi({
    ledger,
    listening: { host: '127.0.0.1', port: 0, publicUrl: undefined },
    limits: { requestsPerSecond: 0, trustedProxies: new BlockList() },
    clock: Date.now,
    onError: (error) => console.error(error),
  });
  process.once('message', () => {
    void api.close().then(() => {
      rmSync(folder, { recursive: true });
      process.exit();
    });
  });
  process.send?.({ port: Number(new URL(api.localUrl).port), secretKey } satisfies Listening);
}

if (process.send !== undefined) await main();
