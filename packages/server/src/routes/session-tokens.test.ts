import { randomBytes } from 'node:crypto';
import { SignJWT } from 'jose';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { generateSigningKey, SCOPES, sessionTokens } from '../auth/session-tokens.ts';
import { DAY_MS, NOW, PRICING } from '../metering/testing/pricing.ts';
import { send, startTestServer, type TestServer, type TestTenant } from '../testing/test-server.ts';

let server: TestServer;
let acme: TestTenant;

beforeAll(async () => {
  server = await startTestServer();
});
afterAll(() => server.close());
beforeEach(async () => {
  server.clock.now = NOW;
  acme = await server.newTenant();
});
afterEach(() => expect(server.errors).toEqual([]));

const create = (body: Record<string, unknown> = {}) =>
  acme.ask('POST', '/v1/session-tokens', { externalUserId: 'user_1', ...body });
const claimsOf = (token: string) =>
  JSON.parse(Buffer.from(token.split('.')[1] ?? '', 'base64url').toString()) as Record<string, unknown>;
const ask = (authorization: string | undefined, path = '/v1/features/usage-metrics') =>
  send(server.url + path, authorization === undefined ? {} : { headers: { Authorization: authorization } });

describe('POST /v1/session-tokens', () => {
  it('makes a token for an hour with every scope', async () => {
    const { status, json } = await create();
    expect(status).toBe(201);
    expect(json).toEqual({
      sessionToken: expect.stringMatching(/^bos_session_test_ey/) as unknown,
      expiresAt: new Date(NOW + 3_600_000).toISOString(),
      tokenId: expect.stringMatching(/^tok_/) as unknown,
      allowedOperations: [...SCOPES],
    });
  });

  it('puts into it what a client finds the API and its cache by', async () => {
    const { json } = await create({ expiresIn: 60 });
    expect(claimsOf(json.sessionToken)).toEqual({
      iss: 'https://api.test',
      aud: 'billingos_test',
      ten: acme.id,
      sub: 'user_1',
      scp: [...SCOPES],
      cus: expect.stringMatching(/^cus_/) as unknown,
      key: expect.stringMatching(/^key_/) as unknown,
      jti: json.tokenId,
      iat: NOW / 1000,
      exp: NOW / 1000 + 60,
    });
  });

  it('grants what was asked for and exists, and nothing by an unknown name', async () => {
    const { json } = await create({ allowedOperations: ['read_usage', 'admin', '*', 'READ_USAGE'] });
    expect(json.allowedOperations).toEqual(['read_usage']);
    expect((await create({ allowedOperations: [] })).json.allowedOperations).toEqual([]);
  });

  it('makes the customer on first sight, and keeps the profile up to date', async () => {
    await create({ email: 'a@example.com', externalOrganizationId: 'org_1' });
    await create({ email: 'b@example.com' });
    expect((await acme.ask('GET', '/customers/external/user_1')).json).toMatchObject({
      email: 'b@example.com',
      external_organization_id: 'org_1',
    });
  });

  it('makes one customer of parallel first sights', async () => {
    const replies = await Promise.all(Array.from({ length: 20 }, () => create({ externalUserId: 'crowd' })));
    expect(new Set(replies.map(({ status }) => status))).toEqual(new Set([201]));
  });

  it('needs a default product for someone new', async () => {
    acme = await server.newTenant({ features: PRICING.features, products: [PRICING.products[1]!] });
    expect((await create()).json.error.code).toBe('customer_not_found');
  });

  it('refuses our own id, naming the member', async () => {
    await create();
    const customer = await acme.ask('GET', '/customers/external/user_1');
    const { json } = await create({ externalUserId: customer.json.id });
    expect(json.error.details.issues).toMatchObject([{ path: 'externalUserId' }]);
  });

  it.each([
    { expiresIn: 59 },
    { expiresIn: 86_401 },
    { expiresIn: 1e308 },
    { expiresIn: '60' },
    { externalUserId: '' },
    { externalUserId: 7 },
    { allowedOperations: 'read_usage' },
    { customer_id: 'user_1' },
  ])('refuses %j', async (body) => {
    expect((await create(body)).json.error.code).toBe('validation_failed');
  });

  it('works for the longest and widest names', async () => {
    for (const externalUserId of ['€'.repeat(255), '"'.repeat(255), '👍'.repeat(127)]) {
      const { json } = await create({ externalUserId });
      expect((await ask(`Bearer ${json.sessionToken}`)).json.customer_id).toBe(externalUserId);
    }
  });
});

describe('a session token', () => {
  it('is no longer than 2 KiB, whatever is in it', async () => {
    const ring = [{ ...generateSigningKey(), kid: 'k'.repeat(64) }];
    const tokens = sessionTokens(ring, {
      issuer: () => `https://${'a'.repeat(247)}`,
      clock: () => NOW,
    });
    const id = 'x'.repeat(36);
    const { token } = await tokens.issue(
      {
        ...{ tenantId: id, customerId: id, keyId: id },
        externalId: '€'.repeat(255),
        scopes: SCOPES,
        expiresAt: NOW + 1_000,
      },
      'test',
    );
    expect(token.length).toBeLessThanOrEqual(2_048);
    expect(await tokens.verify(token)).toMatchObject({ externalId: '€'.repeat(255) });
  });

  it('works until the second it expires', async () => {
    const token = await acme.sessionToken({ expiresIn: 60 });
    server.clock.now = NOW + 59_999;
    expect((await ask(`Bearer ${token}`)).status).toBe(200);
    server.clock.now = NOW + 60_000;
    expect((await ask(`Bearer ${token}`)).status).toBe(401);
  });

  it('without a scope is forbidden, default deny', async () => {
    const token = await acme.sessionToken({ allowedOperations: ['read_entitlements'] });
    const { status, json } = await ask(`Bearer ${token}`);
    expect([status, json.error.code]).toEqual([403, 'forbidden']);
    expect((await ask(`Bearer ${token}`, '/v1/products')).status).toBe(200);
  });

  it('is forbidden on a secret-key route, and a secret key on a session route', async () => {
    const token = await acme.sessionToken();
    const wrong = [
      await ask(`Bearer ${token}`, '/v1/catalog'),
      await ask(`Bearer ${token}`, '/v1/usage/metrics?customer_id=user_2'),
      await ask(`Bearer ${acme.secretKey}`),
      await ask(`Bearer ${acme.secretKey}`, '/v1/products'),
    ];
    expect(wrong.map(({ status, json }) => [status, json.error.code])).toEqual(
      wrong.map(() => [403, 'forbidden']),
    );
  });
});

describe('DELETE /v1/session-tokens/{tokenId}', () => {
  const revoke = (tokenId: string, tenant = acme) => tenant.ask('DELETE', `/v1/session-tokens/${tokenId}`);

  it('ends a token within 5 seconds, and no other', async () => {
    const [first, second] = [(await create()).json, (await create()).json];
    expect((await ask(`Bearer ${first.sessionToken}`)).status).toBe(200);
    expect((await revoke(first.tokenId)).status).toBe(200);
    server.clock.now += 5_000;
    expect((await ask(`Bearer ${first.sessionToken}`)).status).toBe(401);
    expect((await ask(`Bearer ${second.sessionToken}`)).status).toBe(200);
  });

  it('ends a token although the clock steps back', async () => {
    const { sessionToken, tokenId } = (await create()).json;
    expect((await ask(`Bearer ${sessionToken}`)).status).toBe(200);
    await revoke(tokenId);
    server.clock.now -= 3_600_000;
    expect((await ask(`Bearer ${sessionToken}`)).status).toBe(401);
  });

  it('answers the same when the token is revoked already', async () => {
    const { tokenId } = (await create()).json;
    const [once, again] = [await revoke(tokenId), await revoke(tokenId)];
    expect([once.status, again.status, again.text]).toEqual([200, 200, once.text]);
  });

  it('does nothing to another tenant’s token', async () => {
    const { tokenId, sessionToken } = (await create()).json;
    const other = await server.newTenant();
    expect((await revoke(tokenId, other)).status).toBe(200);
    server.clock.now += 5_000;
    expect((await ask(`Bearer ${sessionToken}`)).status).toBe(200);
  });

  it.each(['nope', 'tok_', 'a%2Fb', '%00', 'x'.repeat(255)])('does not know %s', async (id) => {
    expect((await revoke(id)).json.error.code).toBe('not_found');
  });
});

describe('a session whose customer is deleted', () => {
  const customerId = async () => (await acme.ask('GET', '/customers/external/user_1')).json.id;

  it('ends within 5 seconds, and stays dead when the customer is created again', async () => {
    const { sessionToken } = (await create()).json;
    expect((await ask(`Bearer ${sessionToken}`)).status).toBe(200);
    await acme.ask('DELETE', `/customers/${await customerId()}`);
    server.clock.now += 5_000;
    expect((await ask(`Bearer ${sessionToken}`)).status).toBe(401);
    await acme.ask('POST', '/customers', { external_user_id: 'user_1' });
    expect((await ask(`Bearer ${sessionToken}`)).status).toBe(401);
    expect((await ask(`Bearer ${(await create()).json.sessionToken}`)).status).toBe(200);
  });

  it('is not made anew before the customer is', async () => {
    await create();
    await acme.ask('DELETE', `/customers/${await customerId()}`);
    expect((await create()).json.error.code).toBe('customer_not_found');
  });
});

describe('what is no credential', () => {
  let good: string;
  beforeEach(async () => {
    good = await acme.sessionToken();
  });
  const claims = () => {
    const { aud, ten, cus, key, scp } = claimsOf(good);
    return { aud, ten, cus, key, scp };
  };
  const signed = async (
    header: Record<string, unknown>,
    secret: Uint8Array = server.signingKey.secret,
    payload: Record<string, unknown> = claims(),
  ) => {
    const jws = await new SignJWT(payload)
      .setProtectedHeader({ alg: 'HS256', ...header })
      .setSubject('user_1')
      .setJti('tok_1')
      .setExpirationTime(NOW / 1000 + 60)
      .sign(secret);
    return `Bearer bos_session_test_${jws}`;
  };
  const part = (value: unknown) => Buffer.from(JSON.stringify(value)).toString('base64url');

  it('would be one if it were signed with our key', async () => {
    expect((await ask(await signed({ kid: server.signingKey.kid }))).status).toBe(200);
  });

  it('gets one answer, whatever is wrong with it', async () => {
    const { kid } = server.signingKey;
    const exp = NOW / 1000 + 60;
    const wrong: (string | undefined)[] = [
      undefined,
      '',
      'Bearer',
      'Bearer ',
      'Basic dXNlcjpwYXNz',
      good,
      `Bearer ${good} ${good}`,
      `Bearer ${good.slice(0, -2)}`,
      `Bearer ${good.replace('bos_session_test_', '')}`,
      `Bearer bos_session_test_${'a'.repeat(8_000)}`,
      'Bearer bos_session_test_',
      'Bearer bos_session_test_..',
      'Bearer sk_test_short',
      `Bearer sk_test_${'x'.repeat(32)}`,
      `Bearer ${acme.secretKey.replace('sk_test', 'sk_live')}`,
      `Bearer ${acme.secretKey}x`,
      `Bearer bos_session_test_${part({ alg: 'none' })}.${part({ ...claims(), sub: 'user_1', jti: 't', exp })}.`,
      `Bearer bos_session_test_${part({ alg: 'none', kid })}.${part({ ...claims(), sub: 'user_1', jti: 't', exp })}.`,
      await signed({ kid: 'other' }),
      await signed({ kid: 5 }),
      await signed({ kid: ['__proto__'] }),
      await signed({}),
      await signed({ kid }, randomBytes(32)),
      await signed({ kid, alg: 'HS512' }, randomBytes(64)),
      await signed({ kid }, undefined, { scp: [...SCOPES] }),
      `Bearer ${good.replace('_test_', '_live_')}`,
      await signed({ kid }, undefined, { ...claims(), aud: undefined }),
      await signed({ kid }, undefined, { ...claims(), aud: 'billingos_live' }),
      await signed({ kid, jwk: { kty: 'oct', k: 'c2VjcmV0' } }),
      await signed({ kid }, undefined, { ...claims(), ten: 5 }),
      await signed({ kid }, undefined, { ...claims(), cus: 'cus_0' }),
      await signed({ kid }, undefined, { ...claims(), key: 'key_0' }),
      await signed({ kid }, undefined, { ...claims(), key: undefined }),
    ];
    const replies = await Promise.all(wrong.map((authorization) => ask(authorization)));
    const answers = replies.map(({ status, text, json }) => [status, text.replace(json.instance, 'req')]);
    expect(new Set(answers.map((answer) => JSON.stringify(answer))).size).toBe(1);
    expect(answers[0]?.[0]).toBe(401);
  });

  it('is a token whose customer’s claims were changed', async () => {
    const token = await acme.sessionToken();
    const [header = '', , signature = ''] = token.split('.');
    const forged = `${header}.${part({ ...claimsOf(token), sub: 'user_2' })}.${signature}`;
    expect((await ask(`Bearer ${forged}`)).status).toBe(401);
  });

  it('stays the same after a day', async () => {
    const token = await acme.sessionToken({ expiresIn: 86_400 });
    server.clock.now = NOW + DAY_MS;
    expect((await ask(`Bearer ${token}`)).status).toBe(401);
  });
});
