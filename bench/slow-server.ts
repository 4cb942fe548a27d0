import { mkdtempSync, rmSync } from 'node:fs';
import { BlockList } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { createApp } from '../packages/server/src/app.ts';
import { generateSecretKey, hashSecretKey } from '../packages/server/src/auth/secret-keys.ts';
import { generateSigningKey, sessionTokens } from '../packages/server/src/auth/session-tokens.ts';
import { groupCommit, QUEUE_MAX, TENANT_QUEUE_MAX } from '../packages/server/src/ledger/group-commit.ts';
import type { Ledger } from '../packages/server/src/ledger/ledger.ts';
import { TRACKING_CONNECTIONS_MAX } from '../packages/server/src/ledger/postgres/database.ts';
import { openSqliteLedger } from '../packages/server/src/ledger/sqlite/sqlite-ledger.ts';
import type { TrackCommand, Verdict } from '../packages/server/src/metering/decide.ts';
import { PRICING } from '../packages/server/src/metering/testing/pricing.ts';
import { listen } from '../packages/server/src/server.ts';

/**
 * The API in a process of its own, on the embedded store, which a delay may be put in front of: then the store and not
 * the processor is what there is too little of. Speaks with its parent by messages.
 */

/** What the server says of itself once it listens. */
export interface SlowServer {
  readonly url: string;
  /** One secret key for each of two tenants. */
  readonly keys: readonly [string, string];
}

/** What it has taken of the machine until now. */
export interface SlowServerUsage {
  readonly rssMb: number;
  readonly cpuMs: number;
}

/** The delay, and how many commands it takes together: few, so that no processor is what there is too little of. */
export const DELAY_MS = 20;
export const DELAYED_BATCH = 2;
/** A third of a second's work of one tenant, as in a server, and of it what one tenant may have. */
const WAITING_MAX = Math.round((DELAYED_BATCH * 1_000) / DELAY_MS / 3);
const WAITING_OF_TENANT_MAX = Math.round((WAITING_MAX * TENANT_QUEUE_MAX) / QUEUE_MAX);

function delayed(ledger: Ledger): Ledger {
  const commits = groupCommit<TrackCommand, Verdict>({
    batchMax: DELAYED_BATCH,
    queueMax: WAITING_MAX,
    tenantQueueMax: WAITING_OF_TENANT_MAX,
    // A store that is 20 ms away is a database, which takes several tenants' batches at once.
    lanesMax: TRACKING_CONNECTIONS_MAX,
    async commit(tenantId, batch) {
      await pause(DELAY_MS);
      return ledger.tenant(tenantId).track(batch);
    },
  });
  return {
    ...ledger,
    tenant: (tenantId) => ({
      ...ledger.tenant(tenantId),
      track: (commands) => commits.submit(tenantId, commands),
    }),
  };
}

function usage(): SlowServerUsage {
  const { user, system } = process.cpuUsage();
  return { rssMb: Math.round(process.memoryUsage.rss() / 2 ** 20), cpuMs: (user + system) / 1_000 };
}

async function newTenant(ledger: Ledger, name: string): Promise<string> {
  const now = Date.now();
  const tenantId = await ledger.ensureTenant(name, 'test', now);
  const secretKey = generateSecretKey('test');
  await ledger.addSecretKey(tenantId, { hash: hashSecretKey(secretKey), name: 'bench' }, now);
  await ledger.tenant(tenantId).putCatalog(PRICING, now);
  return secretKey;
}

async function main(isDelayed: boolean): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), 'billingos-bench-'));
  const ledger = await openSqliteLedger(join(folder, 'billingos.db'), Date.now);
  const tokens = sessionTokens([generateSigningKey()], { issuer: () => '', clock: Date.now });
  const limits = { requestsPerSecond: 0, trustedProxies: new BlockList() };
  const app = createApp({ ledger: isDelayed ? delayed(ledger) : ledger, tokens, limits, clock: Date.now });
  const server = await listen(app.hono.fetch, { host: '127.0.0.1', port: 0 }, app.hot);
  const keys: SlowServer['keys'] = [await newTenant(ledger, 'Quiet'), await newTenant(ledger, 'Noisy')];
  process.on('message', (message) => {
    if (message === 'usage') process.send?.(usage());
    else
      void server.close().then(async () => {
        await ledger.close();
        rmSync(folder, { recursive: true });
        process.exit();
      });
  });
  process.send?.({ url: server.url, keys } satisfies SlowServer);
}

if (process.send !== undefined) await main(process.argv.includes('delayed'));
