import { mkdtempSync, rmSync } from 'node:fs';
import { BlockList } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { startApi } from '../packages/server/dist/api-server.js';
import { generateSecretKey, hashSecretKey } from '../packages/server/dist/auth/secret-keys.js';
import {
  groupCommit,
  type GroupCommitOptions,
  type Share,
} from '../packages/server/dist/ledger/group-commit.js';
import type { Ledger } from '../packages/server/dist/ledger/ledger.js';
import { TRACKING_LANES } from '../packages/server/dist/ledger/postgres/database.js';
import { openSqliteLedger, WRITER_LANES } from '../packages/server/dist/ledger/sqlite/sqlite-ledger.js';
import type { TrackCommand, Verdict } from '../packages/server/dist/metering/decide.js';
import { PRICING } from '../packages/server/src/metering/testing/pricing.ts';
import type { Listening } from './api-server.ts';

/**
 * The API as it is built, in a process of its own, on the embedded store, which a delay may be put in front of: then
 * the store and not the processor is what there is too little of.
 */

/**
 * What is too slow: one file, which takes all tenants together and one batch after the other; a database, which takes
 * several tenants' at once; or nothing but the processor.
 */
export type StrainedKind = 'file' | 'database' | 'processor';

/** What the process has taken of the machine until now. */
export interface Usage {
  readonly rssMb: number;
  readonly cpuMs: number;
}

/** The delay, and how many commands it takes together: few, so that no processor is what there is too little of. */
export const DELAY_MS = 20;
export const DELAYED_BATCH = 4;
/** A third of a second's work of one batch after the other, as in a server. */
const WAITING_MAX = Math.round((DELAYED_BATCH * 1_000) / DELAY_MS / 3);

function delayed(ledger: Ledger, kind: 'file' | 'database'): Ledger {
  const commit = (batch: readonly Share<TrackCommand>[]): Promise<(readonly Verdict[])[]> =>
    Promise.all(batch.map(({ tenantId, commands }) => ledger.tenant(tenantId).track(commands)));
  let last: Promise<unknown> = Promise.resolve();
  const lanes: Pick<
    GroupCommitOptions<TrackCommand, Verdict>,
    'lanesMax' | 'lanesOfTenantMax' | 'mixesTenants' | 'commit'
  > = kind === 'database'
    ? { ...TRACKING_LANES, commit: (batch) => pause(DELAY_MS).then(() => commit(batch)) }
    : {
        ...WRITER_LANES,
        commit(batch) {
          const done = last.then(() => pause(DELAY_MS)).then(() => commit(batch));
          last = done.catch(() => undefined);
          return done;
        },
      };
  const commits = groupCommit<TrackCommand, Verdict>({
    batchMax: DELAYED_BATCH,
    queueMax: WAITING_MAX,
    ...lanes,
  });
  return {
    ...ledger,
    tenant(tenantId) {
      const tenant = ledger.tenant(tenantId);
      tenant.track = (commands) => commits.submit(tenantId, commands);
      return tenant;
    },
  };
}

function usage(): Usage {
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

async function main(kind: StrainedKind): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), 'billingos-bench-'));
  const ledger = await openSqliteLedger(join(folder, 'billingos.db'), Date.now);
  const keys = [await newTenant(ledger, 'Quiet'), await newTenant(ledger, 'Noisy')];
  const api = await startApi({
    ledger: kind === 'processor' ? ledger : delayed(ledger, kind),
    listening: { host: '127.0.0.1', port: 0, publicUrl: undefined },
    limits: { requestsPerSecond: 0, trustedProxies: new BlockList() },
    clock: Date.now,
    onError: (error) => console.error(error),
  });
  process.on('message', (message) => {
    if (message === 'usage') process.send?.(usage());
    else
      void api.close().then(() => {
        rmSync(folder, { recursive: true });
        process.exit();
      });
  });
  const port = Number(new URL(api.localUrl).port);
  process.send?.(keys.map((secretKey): Listening => ({ port, secretKey })));
}

if (process.send !== undefined) await main(process.env['STRAINED'] as StrainedKind);
