import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { Validator } from '@seriousme/openapi-schema-validator';
import { Ajv2020 } from 'ajv/dist/2020.js';
import { generateSource } from 'oazapfts';
import ts from 'typescript';
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import { openApiDocument } from '../app.ts';
import {
  LedgerOverloadedError,
  LedgerUnavailableError,
  type Ledger,
  type TenantLedger,
} from '../ledger/ledger.ts';
import { PRICING } from '../metering/testing/pricing.ts';
import {
  send,
  startTestServer,
  type TestReply,
  type TestServer,
  type TestTenant,
} from '../testing/test-server.ts';

/** The OpenAPI document against what readers of it need, and against what the server does. */

let server: TestServer;
let acme: TestTenant;
/** What every operation of the faulty server's ledger fails with. */
let fault: Error | null = null;
let faulty: TestServer;
let faultyTenant: TestTenant;
/** Takes two requests a second of a key, and one of a session. */
let strict: TestServer;

beforeAll(async () => {
  server = await startTestServer();
  faulty = await startTestServer({ wrapLedger: failing });
  faultyTenant = await faulty.newTenant();
  strict = await startTestServer({ limits: { requestsPerSecond: 2 } });
  // Makes the session before the first fault.
  await faultyTenant.askAsUser('GET', '/v1/products');
  document = openApiDocument(server.app.hono) as unknown as Document;
});
afterAll(() => Promise.all([server.close(), faulty.close(), strict.close()]));

/** A ledger whose tenants fail as told. Credentials are still checked. */
function failing(ledger: Ledger): Ledger {
  return {
    ...ledger,
    isReady: () => (fault === null ? ledger.isReady() : Promise.reject(fault)),
    tenant: (tenantId) =>
      new Proxy(ledger.tenant(tenantId), {
        get(tenant, method: keyof TenantLedger) {
          const told = fault;
          if (told === null || method === 'grantsHold') return tenant[method].bind(tenant);
          return () => Promise.reject(told);
        },
      }),
  };
}

interface Document {
  paths: Record<string, Record<string, Operation>>;
  components: { schemas: Record<string, { examples?: unknown[] }> };
}

interface Operation {
  operationId: string;
  security: Record<string, unknown>[];
  parameters?: { name: string; in: string; required?: boolean }[];
  requestBody?: { content: Content };
  responses: Record<string, { content?: Content }>;
}

type Content = Record<string, { schema?: { $ref?: string }; examples?: Record<string, { value: unknown }> }>;

let document: Document;

const operations = () =>
  Object.entries(document.paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, operation]) => ({ method: method.toUpperCase(), path, operation })),
  );

/** Says what is wrong with a value for a schema of the document; empty when nothing is. */
function validator(): (ref: string, value: unknown) => string[] {
  const ajv = new Ajv2020({ strict: false, validateFormats: false, allErrors: true });
  ajv.addSchema({ $id: 'https://openapi.test/', components: document.components });
  return (ref, value) => {
    ajv.validate({ $ref: `https://openapi.test/${ref}` }, value);
    return (ajv.errors ?? []).map(({ instancePath, message }) => `${instancePath} ${message ?? ''}`);
  };
}

describe('openapi.json', () => {
  it('is valid OpenAPI 3.1', async () => {
    const { valid, errors } = await new Validator().validate(
      JSON.parse(JSON.stringify(document)) as Record<string, unknown>,
    );
    expect(errors ?? []).toEqual([]);
    expect(valid).toBe(true);
  });

  it('is taken by an independent client generator, whose client compiles', { timeout: 60_000 }, async () => {
    const folder = mkdtempSync(join(tmpdir(), 'billingos-openapi-'));
    onTestFinished(() => rmSync(folder, { recursive: true }));
    const spec = join(folder, 'openapi.json');
    writeFileSync(spec, JSON.stringify(document));
    const source = await generateSource(spec);
    for (const { operation } of operations()) expect(source).toContain(`function ${operation.operationId}(`);
    const file = join(folder, 'client.ts');
    writeFileSync(file, source);
    expect(compile(file)).toEqual([]);
  });

  it('has an example of every body and reply, and each is one', () => {
    const problems = validator();
    const refs = operations().flatMap(({ operation: { requestBody, responses } }) =>
      [requestBody, ...Object.values(responses)].flatMap((one) => {
        const ref = one?.content?.['application/json']?.schema?.$ref;
        return ref === undefined || ref.endsWith('/Problem') ? [] : ref;
      }),
    );
    expect(refs.length).toBeGreaterThan(50);
    for (const ref of new Set(refs)) {
      const examples = document.components.schemas[ref.split('/').at(-1) ?? '']?.examples ?? [];
      expect(examples.length, ref).toBeGreaterThan(0);
      for (const example of examples) expect(problems(ref, example), ref).toEqual([]);
    }
  });

  it('has an example of every error', () => {
    const problems = validator();
    for (const { code, example } of documentedErrors()) {
      expect(problems('#/components/schemas/Problem', example)).toEqual([]);
      expect(example).toMatchObject({ error: { code } });
    }
  });
});

describe('every documented error', () => {
  it('is what the server answers, as documented', { timeout: 60_000 }, async () => {
    const problems = validator();
    const missed: string[] = [];
    for (const { method, path, operation, status, code } of documentedErrors()) {
      acme = await server.newTenant();
      const reply = await produce(code, { method, path, operation });
      const told = `${method} ${path} ${code}: ${reply?.text ?? 'no way to produce it is known'}`;
      if (reply?.status !== status || reply.json.error.code !== code) missed.push(told);
      else expect(problems('#/components/schemas/Problem', reply.json), told).toEqual([]);
    }
    expect(missed).toEqual([]);
    expect([...server.errors]).toEqual([]);
  });
});

function documentedErrors() {
  return operations().flatMap(({ method, path, operation }) =>
    Object.entries(operation.responses).flatMap(([status, { content }]) =>
      Object.entries(content?.['application/json']?.examples ?? {}).map(([code, { value }]) => ({
        method,
        path,
        operation,
        status: Number(status),
        code,
        example: value,
      })),
    ),
  );
}

interface Asked {
  readonly method: string;
  readonly path: string;
  readonly operation: Operation;
}

const LONG = 'x'.repeat(2_001);

/** A request whose reply is this error of this operation: by what every route has in common, or by a story. */
async function produce(code: string, { method, path, operation }: Asked): Promise<TestReply | undefined> {
  const isSession = 'sessionToken' in (operation.security[0] ?? {});
  const ask = (tenant: TestTenant) => (isSession ? tenant.askAsUser : tenant.ask);
  const filled = path.replaceAll(/\{\w+\}/g, 'none');
  const required = (operation.parameters ?? []).filter((one) => one.in === 'query' && one.required === true);
  const query = required.map(({ name }) => `${name}=${name === 'feature_key' ? 'api_calls' : 'user_1'}`);
  const target = query.length === 0 ? filled : `${filled}?${query.join('&')}`;
  const good = operation.requestBody && GOOD[`${method} ${path.replace(/^\/v1(?=\/(cus|sub))/, '')}`];

  switch (code) {
    case 'unauthenticated':
      return send(server.url + target, { method });
    case 'forbidden':
      return (isSession ? acme.ask : acme.askAsUser)(method, target, good);
    case 'invalid_json':
      return ask(acme)(method, target, '{');
    case 'unsupported_media_type':
      return ask(acme)(method, target, '{}', { 'Content-Type': 'text/plain' });
    case 'payload_too_large':
      return ask(acme)(method, target, JSON.stringify('x'.repeat(1024 * 1024)));
    case 'validation_failed':
      if (operation.requestBody !== undefined) return ask(acme)(method, target, { no: 'member' });
      if (path.includes('{')) return ask(acme)(method, path.replaceAll(/\{\w+\}/g, LONG));
      return ask(acme)(
        method,
        `${filled}?feature_key=%00&planIds=${LONG}${isSession ? '' : '&customer_id='}`,
      );
    case 'rate_limited': {
      const tenant = await strict.newTenant();
      const spend = () => ask(tenant)('GET', isSession ? '/v1/products' : '/v1/catalog');
      await Promise.all([spend(), spend()]);
      return ask(tenant)(method, target, good);
    }
    case 'overloaded':
    case 'store_unavailable': {
      const ids = filled.replace('/session-tokens/none', '/session-tokens/tok_0123456789abcdef');
      fault = code === 'overloaded' ? new LedgerOverloadedError('full') : new LedgerUnavailableError('away');
      const reply = await ask(faultyTenant)(method, target.replace(filled, ids), good);
      fault = null;
      return reply;
    }
    default:
      return STORIES[code]?.({ method, path, operation }, isSession);
  }
}

const subscribe = { customer_id: 'cus_0', price_id: 'price_pro' };

/** A body that each route takes. */
const GOOD: Record<string, unknown> = {
  'POST /v1/usage/track': { customer_id: 'user_1', feature_key: 'api_calls', quantity: 1 },
  'POST /v1/usage/batch': { events: [{ customer_id: 'user_1', feature_key: 'api_calls', quantity: 1 }] },
  'POST /v1/features/track-usage': { feature_key: 'api_calls', quantity: 1 },
  'POST /v1/features/nudges/{id}/dismiss': {},
  'POST /v1/session-tokens': { externalUserId: 'user_1' },
  'POST /customers': { external_user_id: 'user_1' },
  'PATCH /customers/{id}': {},
  'POST /subscriptions': subscribe,
  'PATCH /subscriptions/{id}': {},
  'POST /subscriptions/{id}/cancel': {},
  'POST /subscriptions/{id}/reactivate': {},
  'PUT /v1/catalog': PRICING,
};

type Story = (asked: Asked, isSession: boolean) => Promise<TestReply>;

const track = (isSession: boolean, feature: string, quantity: number | string, more: object = {}) => {
  const event = { feature_key: feature, quantity, ...more };
  return isSession
    ? acme.askAsUser('POST', '/v1/features/track-usage', event)
    : acme.ask('POST', '/v1/usage/track', { customer_id: 'user_1', ...event });
};
/** Our id of `user_1`, made if need be. */
const customerId = async () => (await acme.ask('POST', '/customers', { external_user_id: 'user_1' })).json.id;
const pro = async () => {
  const customer_id = await customerId();
  return (await acme.ask('POST', '/subscriptions', { customer_id, price_id: 'price_pro' })).json.id;
};
const withoutDefault = () =>
  server.newTenant({
    ...PRICING,
    products: PRICING.products.map((product) => ({ ...product, default: false })),
  });
const quantityStory =
  (quantity: string): Story =>
  ({ method, path }, isSession) => {
    if (method === 'POST') return track(isSession, 'compute', quantity);
    const query = `feature_key=compute&quantity=${quantity}`;
    return isSession
      ? acme.askAsUser('GET', `${path}?${query}`)
      : acme.ask('GET', `${path}?customer_id=user_1&${query}`);
  };

const STORIES: Record<string, Story> = {
  quota_exceeded: (_, isSession) => track(isSession, 'api_calls', 101),
  feature_not_in_plan: (_, isSession) => track(isSession, 'exports', 1),
  feature_not_found: (_, isSession) => track(isSession, 'nothing', 1),
  feature_not_metered: (_, isSession) => track(isSession, 'sso', 1),
  quantity_below_precision: quantityStory('1e-10'),
  quantity_out_of_range: quantityStory('1e30'),
  usage_below_zero: (_, isSession) => track(isSession, 'seats', -1),
  timestamp_out_of_range: (_, isSession) =>
    track(isSession, 'api_calls', 1, { timestamp: '2020-01-01T00:00:00Z' }),
  async idempotency_key_reused(_, isSession) {
    await track(isSession, 'api_calls', 1, { idempotency_key: 'k' });
    return track(isSession, 'api_calls', 2, { idempotency_key: 'k' });
  },
  async subscription_not_active(_, isSession) {
    await acme.ask('PATCH', `/subscriptions/${await pro()}`, { status: 'incomplete' });
    return track(isSession, 'api_calls', 1);
  },
  async no_active_subscription(_, isSession) {
    acme = await withoutDefault();
    await acme.ask('POST', '/customers', { external_user_id: 'user_1' });
    return track(isSession, 'api_calls', 1);
  },
  async customer_not_found({ method, path }, isSession) {
    if (path.endsWith('/customers/external/{externalUserId}')) {
      return acme.ask(method, path.replace('{externalUserId}', 'nobody'));
    }
    if (path.endsWith('/subscriptions')) {
      return method === 'GET'
        ? acme.ask('GET', `${path}?customer_id=cus_0`)
        : acme.ask('POST', path, subscribe);
    }
    // A session that was in use is trusted for two seconds more; what it then finds is nobody.
    await acme.askAsUser('GET', '/v1/products');
    await acme.ask('DELETE', `/customers/${await customerId()}`);
    if (isSession) return acme.askAsUser(method, path, GOOD[`${method} ${path}`]);
    if (method === 'POST') return acme.ask('POST', path, GOOD[`POST ${path}`]);
    return acme.ask('GET', `${path}?customer_id=user_1&idempotency_key=k`);
  },
  async not_found({ method, path }, isSession) {
    const body = path.endsWith('/subscriptions')
      ? { customer_id: await customerId(), price_id: 'price_0' }
      : method === 'GET' || method === 'DELETE'
        ? undefined
        : {};
    return (isSession ? acme.askAsUser : acme.ask)(method, path.replaceAll(/\{\w+\}/g, 'none'), body);
  },
  async already_exists({ path }) {
    if (path.endsWith('/subscriptions')) {
      await pro();
      return acme.ask('POST', path, { customer_id: await customerId(), price_id: 'price_trial' });
    }
    await acme.ask('POST', path, { external_user_id: 'user_1' });
    return acme.ask('POST', path, { external_user_id: 'user_1', name: 'Eve' });
  },
  async not_reactivatable({ method, path }) {
    const id = await pro();
    await acme.ask('POST', `/subscriptions/${id}/cancel`, { immediately: true });
    return acme.ask(method, path.replace('{id}', id), {});
  },
  async catalog_in_use({ path }) {
    await track(false, 'api_calls', 1);
    return acme.ask('PUT', path, { features: [], products: [] });
  },
};

/** What the compiler says of a file, strict. */
function compile(file: string): string[] {
  const require = createRequire(import.meta.url);
  const program = ts.createProgram([file], {
    strict: true,
    noEmit: true,
    skipLibCheck: true,
    target: ts.ScriptTarget.ES2022,
    module: ts.ModuleKind.ESNext,
    moduleResolution: ts.ModuleResolutionKind.Bundler,
    lib: ['lib.es2023.d.ts', 'lib.dom.d.ts', 'lib.dom.iterable.d.ts'],
    types: [],
    paths: { '@oazapfts/*': [join(dirname(require.resolve('@oazapfts/runtime')), '..', '*')] },
  });
  return ts
    .getPreEmitDiagnostics(program)
    .map(({ messageText }) => ts.flattenDiagnosticMessageText(messageText, '\n'));
}
