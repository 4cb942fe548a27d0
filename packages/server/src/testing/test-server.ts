import { mkdtempSync, rmSync } from 'node:fs';
import { BlockList } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createApp, type App } from '../app.ts';
import { generateSecretKey, hashSecretKey } from '../auth/secret-keys.ts';
import { generateSigningKey, sessionTokens, type SessionTokens } from '../auth/session-tokens.ts';
import type { Ledger, SigningKey, TenantLedger } from '../ledger/ledger.ts';
import { openPostgresLedger } from '../ledger/postgres/postgres-ledger.ts';
import { openSqliteLedger } from '../ledger/sqlite/sqlite-ledger.ts';
import { dumpPostgres, dumpSqlite, type Dump } from '../ledger/testing/dump.ts';
import { startPostgres } from '../ledger/testing/postgres.ts';
import type { LimitSettings } from '../limits/request-limits.ts';
import type { CatalogDocument } from '../metering/catalog.ts';
import { NOW, PRICING } from '../metering/testing/pricing.ts';
import { listen } from '../server.ts';

/** The whole server on a real store and a free port; only the time is the test's. */
export interface TestServer {
  readonly url: string;
  readonly app: App;
  readonly ledger: Ledger;
  readonly tokens: SessionTokens;
  readonly signingKey: SigningKey;
  /** What the server's clock says; tests move it. */
  readonly clock: { now: number };
  /** Errors that were no reply of the contract's. Whatever a test does, there should be none. */
  readonly errors: unknown[];
  newTenant(catalog?: CatalogDocument): Promise<TestTenant>;
  /** What is stored. */
  dump(): Promise<Dump>;
  close(): Promise<void>;
}

/** A tenant of a test's own, and its voice. */
export interface TestTenant {
  readonly id: string;
  readonly secretKey: string;
  readonly ledger: TenantLedger;
  /** Asks with the secret key. */
  readonly ask: Ask;
  /** Asks with a session token of `user_1`, made at first need. */
  readonly askAsUser: Ask;
  sessionToken(body?: Record<string, unknown>): Promise<string>;
}

export type Ask = (
  method: string,
  path: string,
  body?: unknown,
  headers?: Record<string, string>,
) => Promise<TestReply>;

export interface TestReply {
  readonly status: number;
  readonly headers: Headers;
  readonly text: string;
  readonly json: ReplyJson;
}

/** The members that tests read; each reply has some of them. */
export interface ReplyJson {
  readonly detail: string;
  readonly instance: string;
  readonly openapi: string;
  readonly error: {
    readonly code: string;
    readonly details: {
      readonly issues: readonly { path: string; message: string }[];
      readonly in_use: readonly string[];
      readonly customer_id: string;
    };
  };
  readonly id: string;
  readonly customer_id: string;
  readonly external_user_id: string;
  readonly subscription: { readonly id: string; readonly status: string };
  readonly subscriptions: readonly object[];
  readonly success: boolean;
  readonly sequence: number;
  readonly event_id: string;
  readonly consumed: number;
  readonly usage: { readonly consumed_units: number; readonly period_start: string };
  readonly metrics: readonly ReplyMetric[];
  readonly nudges: readonly { readonly id: string }[];
  readonly dismissed_until: string;
  readonly sessionToken: string;
  readonly tokenId: string;
  readonly allowedOperations: readonly string[];
  readonly products: readonly { readonly id: string; readonly features: readonly unknown[] }[];
  readonly currentSubscription: unknown;
}

interface ReplyMetric {
  readonly feature_key: string;
  readonly feature_title: string;
  readonly consumed: number;
  readonly limit: number | null;
  readonly revision: number;
}

export interface TestServerOptions {
  limits?: Partial<LimitSettings>;
  dropInFolder?: string;
  /** A store on PostgreSQL; without it the server has one of its own. */
  databaseUrl?: string | undefined;
  /** What the app is given in the place of the ledger: for faults. */
  wrapLedger?: (ledger: Ledger) => Ledger;
}

/** The same tests run against either store: the embedded one, or PostgreSQL in their second run. */
const ON_POSTGRES = process.env['BILLINGOS_TEST_STORE'] === 'postgres';

export async function startTestServer(options: TestServerOptions = {}): Promise<TestServer> {
  const { databaseUrl, wrapLedger, limits, ...appOptions } = options;
  const folder = mkdtempSync(join(tmpdir(), 'billingos-test-'));
  const clock = { now: NOW };
  const errors: unknown[] = [];
  const now = (): number => clock.now;
  const postgres = databaseUrl === undefined && ON_POSTGRES ? await startPostgres() : null;
  const url = postgres === null ? databaseUrl : await postgres.newStore();
  const path = join(folder, 'billingos.db');
  const ledger =
    url === undefined ? await openSqliteLedger(path, now) : await openPostgresLedger({ url }, now);
  const signingKey = generateSigningKey();
  const tokens = sessionTokens([signingKey], { issuer: () => 'https://api.test', clock: now });
  const app = createApp({
    ledger: wrapLedger?.(ledger) ?? ledger,
    tokens,
    clock: now,
    limits: { requestsPerSecond: 0, trustedProxies: new BlockList(), ...limits },
    onError: (error) => errors.push(error),
    ...appOptions,
  });
  const server = await listen(app.hono.fetch, { host: '127.0.0.1', port: 0 }, app.hot);
  let tenants = 0;

  return {
    url: server.url,
    app,
    ledger,
    tokens,
    signingKey,
    clock,
    errors,
    async newTenant(catalog = PRICING) {
      tenants += 1;
      const id = await ledger.ensureTenant(`Organization ${tenants}`, 'test', clock.now);
      const secretKey = generateSecretKey('test');
      await ledger.addSecretKey(id, { hash: hashSecretKey(secretKey), name: 'test' }, clock.now);
      if (catalog.products.length > 0) await ledger.tenant(id).putCatalog(catalog, clock.now);
      return testTenant(server.url, id, secretKey, ledger.tenant(id));
    },
    dump: async () => (url === undefined ? dumpSqlite(path) : dumpPostgres(url)),
    async close() {
      app.close();
      await server.close();
      await ledger.close();
      await postgres?.stop();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

/** One request, whole reply. A text is sent as it is, anything else as JSON. */
export async function send(
  url: string,
  options: { method?: string; headers?: Record<string, string>; body?: unknown } = {},
): Promise<TestReply> {
  const { method = 'GET', headers = {}, body } = options;
  const raw = typeof body === 'string' || body instanceof Uint8Array || body instanceof ReadableStream;
  const init =
    body === undefined ? {} : { body: (raw ? body : JSON.stringify(body)) as BodyInit, duplex: 'half' };
  const response = await fetch(url, {
    method,
    headers: body === undefined ? headers : { 'Content-Type': 'application/json', ...headers },
    ...init,
  });
  const text = await response.text();
  return { status: response.status, headers: response.headers, text, json: parsed(text) };
}

function testTenant(url: string, id: string, secretKey: string, ledger: TenantLedger): TestTenant {
  let token: Promise<string> | null = null;
  const tenant: TestTenant = {
    id,
    secretKey,
    ledger,
    ask: (method, path, body, headers) =>
      send(url + path, { method, body, headers: { Authorization: `Bearer ${secretKey}`, ...headers } }),
    async askAsUser(method, path, body, headers) {
      token ??= tenant.sessionToken();
      return send(url + path, {
        method,
        body,
        headers: { Authorization: `Bearer ${await token}`, ...headers },
      });
    },
    async sessionToken(body = {}) {
      const reply = await tenant.ask('POST', '/v1/session-tokens', { externalUserId: 'user_1', ...body });
      if (reply.status !== 201) throw new Error(`No session token: ${reply.text}`);
      return reply.json.sessionToken;
    },
  };
  return tenant;
}

/** The text as JSON; an empty object where it is none. */
function parsed(text: string): ReplyJson {
  try {
    return JSON.parse(text) as ReplyJson;
  } catch {
    return {} as ReplyJson;
  }
}
