import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { Agent, request } from 'node:http';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { generateSecretKey, hashSecretKey } from '../../../packages/server/src/auth/secret-keys.ts';
import { openPostgresLedger } from '../../../packages/server/src/ledger/postgres/postgres-ledger.ts';
import type { CatalogDocument } from '../../../packages/server/src/metering/catalog.ts';

/** Two processes of `billingos serve` on one PostgreSQL, and a tenant on them. */
export interface ApiPair {
  /** Asks one of the two: an even `which` the first, an odd one the second. */
  post(which: number, path: string, body: unknown): Promise<Reply>;
  get(which: number, path: string): Promise<Reply>;
  /** Does work on the store as if at another time; no process has seen the customers that it makes. */
  at(now: number, customers: readonly string[]): Promise<void>;
  stop(): Promise<void>;
}

export interface Reply {
  readonly status: number;
  readonly text: string;
  readonly json: ReplyJson;
  readonly isReplay: boolean;
}

/** The members that proofs read; each reply has some of them. */
export interface ReplyJson {
  readonly error: { readonly code: string };
  readonly sequence: number;
  readonly event_id: string;
  readonly usage: { readonly consumed_units: number; readonly period_start: string };
  readonly metrics: readonly {
    readonly feature_key: string;
    readonly consumed: number;
    readonly sequence: number;
  }[];
  readonly results: readonly ReplyItem[];
  readonly summary: Readonly<Record<'recorded' | 'duplicate' | 'rejected' | 'invalid', number>>;
}

export interface ReplyItem {
  readonly index: number;
  readonly outcome: 'recorded' | 'duplicate' | 'rejected' | 'invalid';
  readonly error?: { readonly code: string };
}

const CLI = join(import.meta.dirname, '../../../packages/server/dist/cli.js');

export async function startApiPair(databaseUrl: string, catalog: CatalogDocument): Promise<ApiPair> {
  const { secretKey, tenantId } = await makeTenant(databaseUrl, catalog);
  const processes = await Promise.all([startServe(databaseUrl), startServe(databaseUrl)]);
  const agent = new Agent({ keepAlive: true });
  const headers = { Authorization: `Bearer ${secretKey}`, 'Content-Type': 'application/json' };
  const ask = (which: number, method: string, path: string, body?: string): Promise<Reply> =>
    new Promise((resolve, reject) => {
      const url = (processes[which % 2]?.url ?? '') + path;
      const asked = request(url, { agent, method, headers }, (response) => {
        text(response).then((answer) => {
          const isReplay = response.headers['idempotent-replayed'] === 'true';
          const json = JSON.parse(answer) as ReplyJson;
          resolve({ status: response.statusCode ?? 0, text: answer, json, isReplay });
        }, reject);
      });
      asked.on('error', reject).end(body);
    });
  return {
    post: (which, path, body) => ask(which, 'POST', path, JSON.stringify(body)),
    get: (which, path) => ask(which, 'GET', path),
    async at(now, customers) {
      const ledger = await openPostgresLedger({ url: databaseUrl }, () => now);
      for (const customer of customers) await ledger.tenant(tenantId).ensureCustomer(customer, {}, now);
      await ledger.close();
    },
    async stop() {
      agent.destroy();
      await Promise.all(processes.map(({ stop }) => stop()));
    },
  };
}

async function makeTenant(databaseUrl: string, catalog: CatalogDocument) {
  const ledger = await openPostgresLedger({ url: databaseUrl }, Date.now);
  const now = Date.now();
  const tenantId = await ledger.ensureTenant('Acme', 'test', now);
  const secretKey = generateSecretKey('test');
  await ledger.addSecretKey(tenantId, { hash: hashSecretKey(secretKey), name: 'proof' }, now);
  await ledger.tenant(tenantId).putCatalog(catalog, now);
  await ledger.close();
  return { tenantId, secretKey };
}

async function startServe(databaseUrl: string): Promise<{ url: string; stop: () => Promise<void> }> {
  const child = spawn(process.execPath, [CLI, 'serve', '--port', '0'], {
    env: { ...process.env, DATABASE_URL: databaseUrl, BILLINGOS_RATE_LIMIT: '0', BILLINGOS_LOG: 'error' },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const url = await addressOf(child);
  return {
    url,
    async stop() {
      const exited = once(child, 'exit');
      child.kill('SIGTERM');
      await exited;
    },
  };
}

function addressOf(child: ChildProcess): Promise<string> {
  let output = '';
  return new Promise((resolve, reject) => {
    child.stdout?.on('data', (chunk: Buffer) => {
      output += chunk.toString();
      const [, url] = /Listens +(http:\S+)\n/.exec(output) ?? [];
      if (url !== undefined) resolve(url);
    });
    child.once('exit', (code) => reject(new Error(`billingos serve ended with ${code}:\n${output}`)));
  });
}
