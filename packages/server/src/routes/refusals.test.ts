import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { openApiDocument } from '../app.ts';
import { generateSecretKey, hashSecretKey } from '../auth/secret-keys.ts';
import { SCOPES, type Scope } from '../auth/session-tokens.ts';
import { PRICING } from '../metering/testing/pricing.ts';
import { startTestServer, type TestServer, type TestTenant } from '../testing/test-server.ts';

/**
 * Every route that needs a credential against every credential that is none, and against everybody else's ids in path,
 * query, body and header: refused as the contract says (§1, §2, §9), and nothing is written.
 */

/** What a request names: what is there, what is another tenant's, or what is nowhere. */
interface Ids {
  readonly customer: string;
  readonly external: string;
  readonly subscription: string;
  readonly price: string;
  readonly token: string;
  readonly nudge: string;
  readonly key: string;
}

interface Sent {
  readonly path: string;
  readonly body?: unknown;
  readonly headers?: Record<string, string>;
}

/** A good request of each route, by the ids that it names; more than one where ids can stand in several places. */
const REQUESTS: Record<string, (ids: Ids) => Sent[]> = {
  'POST /v1/usage/track': ({ external, key }) => [
    { path: '/v1/usage/track', body: { ...EVENT, customer_id: external, idempotency_key: key } },
    {
      path: '/v1/usage/track',
      body: { ...EVENT, customer_id: external },
      headers: { 'Idempotency-Key': key },
    },
  ],
  'POST /v1/usage/batch': ({ external, key }) => [
    {
      path: '/v1/usage/batch',
      body: { events: [{ ...EVENT, customer_id: external, idempotency_key: key }] },
    },
  ],
  'GET /v1/usage/check': ({ external }) => [
    { path: `/v1/usage/check?customer_id=${external}&feature_key=api_calls` },
  ],
  'GET /v1/usage/metrics': ({ external }) => [{ path: `/v1/usage/metrics?customer_id=${external}` }],
  'GET /v1/usage/events': ({ external, key }) => [
    { path: `/v1/usage/events?customer_id=${external}&idempotency_key=${key}` },
  ],
  'GET /v1/usage/stream': ({ external }) => [{ path: `/v1/usage/stream?customer_id=${external}` }],
  'POST /v1/session-tokens': ({ external }) => [
    { path: '/v1/session-tokens', body: { externalUserId: external } },
  ],
  'DELETE /v1/session-tokens/{tokenId}': ({ token }) => [{ path: `/v1/session-tokens/${token}` }],
  ...atRootAndUnderV1({
    'POST /customers': ({ external }) => [{ path: '/customers', body: { external_user_id: external } }],
    'GET /customers/external/{externalUserId}': ({ external }) => [
      { path: `/customers/external/${external}` },
    ],
    'GET /customers/{id}': ({ customer }) => [{ path: `/customers/${customer}` }],
    'PATCH /customers/{id}': ({ customer }) => [{ path: `/customers/${customer}`, body: { name: 'New' } }],
    'DELETE /customers/{id}': ({ customer }) => [{ path: `/customers/${customer}` }],
    'POST /subscriptions': ({ customer, price }) => [
      { path: '/subscriptions', body: { customer_id: customer, price_id: price } },
    ],
    'GET /subscriptions': ({ customer }) => [{ path: `/subscriptions?customer_id=${customer}` }],
    'GET /subscriptions/{id}': ({ subscription }) => [{ path: `/subscriptions/${subscription}` }],
    'PATCH /subscriptions/{id}': ({ subscription, price }) => [
      { path: `/subscriptions/${subscription}`, body: { price_id: price } },
      { path: `/subscriptions/${subscription}`, body: { metadata: { a: 1 } } },
    ],
    'POST /subscriptions/{id}/cancel': ({ subscription }) => [
      { path: `/subscriptions/${subscription}/cancel` },
      { path: `/subscriptions/${subscription}/cancel`, body: { immediately: true } },
    ],
    'POST /subscriptions/{id}/reactivate': ({ subscription }) => [
      { path: `/subscriptions/${subscription}/reactivate` },
    ],
  }),
  'GET /v1/catalog': () => [{ path: '/v1/catalog' }],
  'PUT /v1/catalog': () => [{ path: '/v1/catalog', body: WITHOUT_PRO }],
  'POST /v1/features/track-usage': ({ key }) => [
    { path: '/v1/features/track-usage', body: { ...EVENT, idempotency_key: key } },
  ],
  'GET /v1/features/check': () => [{ path: '/v1/features/check?feature_key=api_calls' }],
  'GET /v1/features/entitlements': () => [{ path: '/v1/features/entitlements' }],
  'GET /v1/features/usage-metrics': () => [{ path: '/v1/features/usage-metrics' }],
  'GET /v1/features/stream': () => [{ path: '/v1/features/stream' }],
  'GET /v1/features/nudges': () => [{ path: '/v1/features/nudges' }],
  'POST /v1/features/nudges/{id}/dismiss': ({ nudge }) => [{ path: `/v1/features/nudges/${nudge}/dismiss` }],
  'GET /v1/products': () => [{ path: '/v1/products' }],
};

/** What has no price that {@link Ids} name. */
const WITHOUT_PRO = { ...PRICING, products: PRICING.products.filter(({ id }) => id !== 'pro') };

const EVENT = { feature_key: 'api_calls', quantity: 1 };

/** Of the same form as what is there, and never made. */
const NOWHERE: Ids = {
  customer: 'cus_00000000000000000000000000000000',
  external: 'user_nowhere',
  subscription: 'sub_00000000000000000000000000000000',
  price: 'price_nowhere',
  token: 'tok_nowherenowhere00',
  nudge: 'nowhere',
  key: 'key-nowhere',
};

function atRootAndUnderV1(
  requests: Record<string, (ids: Ids) => Sent[]>,
): Record<string, (ids: Ids) => Sent[]> {
  const under = Object.entries(requests).map(([route, make]) => [
    route.replace(' ', ' /v1'),
    (ids: Ids) => make(ids).map((sent) => ({ ...sent, path: `/v1${sent.path}` })),
  ]);
  return { ...requests, ...(Object.fromEntries(under) as typeof requests) };
}

const isSessionRoute = (route: string): boolean => /\/v1\/(features|products)/.test(route);
const requestsOf = (route: string, ids: Ids): Sent[] => REQUESTS[route]?.(ids) ?? [];

let server: TestServer;

beforeAll(async () => {
  server = await startTestServer();
});
afterAll(() => server.close());
afterEach(() => expect(server.errors).toEqual([]));

interface Answer {
  readonly status: number;
  readonly code: string | undefined;
  readonly text: string;
}

async function ask(route: string, { path, body, headers }: Sent, credential?: string): Promise<Answer> {
  const [method = ''] = route.split(' ');
  const response = await fetch(server.url + path, {
    method,
    headers: {
      ...(credential !== undefined && { Authorization: credential }),
      ...(body !== undefined && { 'Content-Type': 'application/json' }),
      ...headers,
    },
    ...(body !== undefined && { body: JSON.stringify(body) }),
  });
  if (response.headers.get('Content-Type')?.startsWith('text/event-stream') === true) {
    await response.body?.cancel();
    return { status: response.status, code: undefined, text: '' };
  }
  const text = await response.text();
  const { error } = JSON.parse(text) as { error?: { code: string } };
  return { status: response.status, code: error?.code, text };
}

/** An answer without what is another one each time, and without the ids that it was asked for. */
function alike({ status, text }: Answer, ids: Ids): unknown {
  const named = Object.entries<string>({ ...ids }).toSorted(([, a], [, b]) => b.length - a.length);
  const nameless = named.reduce((rest, [name, id]) => rest.replaceAll(id, `<${name}>`), text);
  return [status, nameless.replaceAll(/\b(req|evt|cus|sub|tok|bos_session_test)_[\w.-]+/g, '$1')];
}

const bearer = (credential: string): string => `Bearer ${credential}`;

/** A tenant with a customer who has something of everything, in an hour of its own. */
async function newWorld() {
  server.clock.now += 3_600_000;
  const acme = await server.newTenant();
  const track = {
    customer_id: 'user_acme',
    feature_key: 'api_calls',
    quantity: 84,
    idempotency_key: 'key-acme',
  };
  await acme.ask('POST', '/v1/usage/track', track);
  const { json: customer } = await acme.ask('GET', '/customers/external/user_acme');
  const sessionOf = async (body: object = {}) =>
    (await acme.ask('POST', '/v1/session-tokens', { externalUserId: 'user_acme', ...body })).json;
  const session = await sessionOf();
  const nudges = await ask(
    'GET /v1/features/nudges',
    { path: '/v1/features/nudges' },
    bearer(session.sessionToken),
  );
  const ids: Ids = {
    customer: customer.id,
    external: 'user_acme',
    subscription: customer.subscription.id,
    price: 'price_pro',
    token: session.tokenId,
    nudge: (JSON.parse(nudges.text) as { nudges: { id: string }[] }).nudges[0]?.id ?? '',
    key: 'key-acme',
  };
  return { acme, ids, session: session.sessionToken, sessionOf };
}

type World = Awaited<ReturnType<typeof newWorld>>;

/** Everything that is no credential (401). */
async function deadCredentials({
  acme,
  session,
  sessionOf,
}: World): Promise<Record<string, string | undefined>> {
  const secondKey = generateSecretKey('test');
  const keyId = await server.ledger.addSecretKey(
    acme.id,
    { hash: hashSecretKey(secondKey), name: 'second' },
    server.clock.now,
  );
  const ofSecondKey = await fetch(`${server.url}/v1/session-tokens`, {
    method: 'POST',
    headers: { Authorization: bearer(secondKey), 'Content-Type': 'application/json' },
    body: JSON.stringify({ externalUserId: 'user_acme' }),
  });
  const { sessionToken: orphan } = (await ofSecondKey.json()) as { sessionToken: string };
  await server.ledger.revokeSecretKey(keyId, server.clock.now);
  const revoked = await sessionOf();
  await acme.ask('DELETE', `/v1/session-tokens/${revoked.tokenId}`);
  const expired = await sessionOf({ expiresIn: 60 });
  const gone = await sessionOf({ externalUserId: 'user_gone' });
  const { json: customer } = await acme.ask('GET', '/customers/external/user_gone');
  await acme.ask('DELETE', `/customers/${customer.id}`);
  // Long enough for the token to expire, and for every revocation to have arrived.
  server.clock.now += 60_000;
  return {
    none: undefined,
    'of no scheme': acme.secretKey,
    'of another scheme': `Basic ${Buffer.from(`${acme.secretKey}:`).toString('base64')}`,
    malformed: bearer(`${acme.secretKey}x`),
    'cut short': bearer(session.slice(0, -1)),
    'of another mode': bearer(session.replace('_test_', '_live_')),
    'never made': bearer(generateSecretKey('test')),
    'a revoked key': bearer(secondKey),
    'a revoked key’s token': bearer(orphan),
    'a revoked token': bearer(revoked.sessionToken),
    'an expired token': bearer(expired.sessionToken),
    'a deleted customer’s token': bearer(gone.sessionToken),
  };
}

describe('the table of requests', () => {
  it('has every route that needs a credential, and no other', () => {
    const paths = openApiDocument(server.app.hono).paths ?? {};
    const guarded = Object.entries(paths).flatMap(([path, methods]) =>
      Object.entries(methods as Record<string, { security: object[] }>)
        .filter(([, { security }]) => security.length > 0)
        .map(([method]) => `${method.toUpperCase()} ${path}`),
    );
    expect(Object.keys(REQUESTS).toSorted()).toEqual(guarded.toSorted());
  });
});

describe.each(Object.keys(REQUESTS))('%s', (route) => {
  const isSession = isSessionRoute(route);
  const requests = (ids: Ids): Sent[] => requestsOf(route, ids);
  const goodOf = ({ acme, session }: World): string => bearer(isSession ? session : acme.secretKey);

  it('refuses what is no credential in one way, and writes nothing', async () => {
    const world = await newWorld();
    const dead = await deadCredentials(world);
    const before = await server.dump();
    const answers = [];
    for (const [name, credential] of Object.entries(dead)) {
      for (const sent of requests(world.ids)) {
        const answer = await ask(route, sent, credential);
        expect([name, answer.status, answer.code]).toEqual([name, 401, 'unauthenticated']);
        answers.push(JSON.stringify(alike(answer, world.ids)));
      }
    }
    expect(new Set(answers).size).toBe(1);
    expect(await server.dump()).toEqual(before);
  });

  it('refuses a credential of the wrong kind or without the scope, and writes nothing', async () => {
    const world = await newWorld();
    const wrong = [isSession ? world.acme.secretKey : world.session];
    if (isSession) {
      const needed = scopeOf(route);
      const others = SCOPES.filter((scope) => scope !== needed);
      wrong.push((await world.sessionOf({ allowedOperations: others })).sessionToken);
      wrong.push((await world.sessionOf({ allowedOperations: [] })).sessionToken);
    }
    const before = await server.dump();
    for (const credential of wrong) {
      for (const sent of requests(world.ids)) {
        const { status, code } = await ask(route, sent, bearer(credential));
        expect([status, code]).toEqual([403, 'forbidden']);
      }
    }
    expect(await server.dump()).toEqual(before);
  });

  it('shows and changes nothing of another tenant’s, and knows its ids no better than any', async () => {
    const world = await newWorld();
    const strangers: TestTenant[] = [
      await server.newTenant(WITHOUT_PRO),
      await server.newTenant(WITHOUT_PRO),
    ];
    const answers = [];
    const before = ofTenant(await server.dump(), world.acme.id);
    for (const [index, ids] of [world.ids, NOWHERE].entries()) {
      const stranger = strangers[index];
      const own = await stranger?.sessionToken();
      const credential = bearer((isSession ? own : stranger?.secretKey) ?? '');
      const given = [];
      for (const sent of requests(ids)) given.push(alike(await ask(route, sent, credential), ids));
      answers.push(given);
    }
    expect(answers[0]).toEqual(answers[1]);
    expect(ofTenant(await server.dump(), world.acme.id)).toEqual(before);
  });

  it('answers the same requests with the credential that they need', async () => {
    const world = await newWorld();
    const [first] = requests(world.ids);
    const { status } = await ask(route, first ?? { path: '' }, goodOf(world));
    // The key belongs to another amount: whoever has the credential is told so.
    expect([200, 201, ...(/\/track$|track-usage$/.test(route) ? [422] : [])]).toContain(status);
  });
});

describe.each(Object.keys(REQUESTS).filter(isSessionRoute))('%s', (route) => {
  it('lets a session name no customer, and reach no other one', async () => {
    const world = await newWorld();
    const other = (await world.sessionOf({ externalUserId: 'user_other' })).sessionToken;
    const before = ofCustomer(await server.dump(), world.ids);
    for (const sent of requestsOf(route, world.ids)) {
      const { path, body } = sent;
      const inQuery = `${path}${path.includes('?') ? '&' : '?'}customer_id=user_acme`;
      expect((await ask(route, { ...sent, path: inQuery }, bearer(other))).code).toBe('forbidden');
      if (route.startsWith('POST')) {
        const inBody = { ...sent, body: { ...(body as object), customer_id: 'user_acme' } };
        expect((await ask(route, inBody, bearer(other))).code).toBe('forbidden');
      }
      const { text } = await ask(route, sent, bearer(other));
      expect(text).not.toContain('user_acme');
    }
    expect(ofCustomer(await server.dump(), world.ids)).toEqual(before);
  });
});

function scopeOf(route: string): Scope | undefined {
  const [method = '', path = ''] = route.split(' ');
  const methods = openApiDocument(server.app.hono).paths?.[path] as
    Record<string, { security: { sessionToken: Scope[] }[] }> | undefined;
  return methods?.[method.toLowerCase()]?.security[0]?.sessionToken[0];
}

const ofTenant = (dump: readonly string[], tenantId: string) =>
  dump.filter((line) => line.includes(tenantId));

const ofCustomer = (dump: readonly string[], { customer }: Ids) =>
  dump.filter((line) => line.includes(customer));
