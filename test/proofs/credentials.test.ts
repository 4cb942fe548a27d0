import { createHmac } from 'node:crypto';
import { Agent, request } from 'node:http';
import fc from 'fast-check';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { useAttackedServer } from './support/attacked-server.ts';
import { inParallel, report, scale, SEED } from './support/scale.ts';

/** Credentials that are nearly good: not one of them is taken, and each is answered. */

const MUTATIONS = scale(3_000, 100_000);
const WIDTH = 32;
const TIMEOUT_MS = scale(60_000, 600_000);

const server = useAttackedServer();
const agent = new Agent({ keepAlive: true, maxSockets: WIDTH });
/** What the mutations are made of. */
let tokens: string[];
let keys: string[];
beforeAll(() => {
  tokens = server.tenants.map(({ sessionToken }) => sessionToken);
  keys = server.tenants.map(({ secretKey }) => secretKey);
});
afterAll(() => agent.destroy());

/** Tries a credential from an address of its own, so that no attempt is refused for those before. */
function attempt(credential: string, n: number): Promise<number> {
  const address = `10.${(n >> 16) & 255}.${(n >> 8) & 255}.${n & 255}`;
  const path = credential.startsWith('sk_') ? '/v1/catalog' : '/v1/features/usage-metrics';
  return new Promise((resolve, reject) => {
    const headers = { Authorization: `Bearer ${credential}`, 'X-Forwarded-For': address };
    request(server.url + path, { agent, headers }, (response) => {
      response.resume().on('end', () => resolve(response.statusCode ?? 0));
    })
      .on('error', reject)
      .end();
  });
}

async function refused(credentials: readonly string[]): Promise<Map<number, number>> {
  const genuine = new Set([...tokens, ...keys]);
  const counts = new Map<number, number>();
  await inParallel([...credentials.entries()], WIDTH, async ([n, credential]) => {
    if (genuine.has(credential)) return;
    const status = await attempt(credential, n);
    if (status !== 401) expect.soft([status, credential]).toEqual([401, credential]);
    counts.set(status, (counts.get(status) ?? 0) + 1);
  });
  return counts;
}

/** Characters that a header can carry. */
const character = fc.oneof(
  fc.constantFrom(...'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_.=+/~'.split('')),
  fc
    .integer({ min: 0x21, max: 0xff })
    .filter((code) => code < 0x7f || code > 0xa0)
    .map((code) => String.fromCharCode(code)),
);

type Mutate = (text: string) => string;

const somewhere = fc.nat({ max: 5_000 });
const changes: fc.Arbitrary<Mutate> = fc.oneof(
  fc.tuple(somewhere, character).map(
    ([at, other]): Mutate =>
      (text) =>
        splice(text, at, 1, other),
  ),
  fc.tuple(somewhere, character).map(
    ([at, more]): Mutate =>
      (text) =>
        splice(text, at, 0, more),
  ),
  fc.tuple(somewhere, fc.integer({ min: 1, max: 40 })).map(
    ([at, count]): Mutate =>
      (text) =>
        splice(text, at, count, ''),
  ),
  fc.tuple(somewhere, fc.integer({ min: 2, max: 40 })).map(
    ([at, count]): Mutate =>
      (text) =>
        splice(text, at, 0, text.slice(at % text.length, (at % text.length) + count)),
  ),
  somewhere.map((at): Mutate => (text) => {
    const one = text.charAt(at % text.length);
    const other = one === one.toLowerCase() ? one.toUpperCase() : one.toLowerCase();
    // The other case of ÿ, for one, is beyond what a header can carry.
    return splice(text, at, 1, other > '\xff' ? one : other);
  }),
);

function splice(text: string, at: number, count: number, put: string): string {
  const from = at % text.length;
  return text.slice(0, from) + put + text.slice(from + count);
}

it(`of ${MUTATIONS} mutated tokens and keys none is accepted`, { timeout: TIMEOUT_MS }, async () => {
  const genuine = [...tokens, ...keys];
  const mutated = fc
    .tuple(fc.constantFrom(...genuine), fc.array(changes, { minLength: 1, maxLength: 3 }))
    .map(([credential, all]) => all.reduce((text, change) => change(text), credential))
    // A change may undo another, or put what was there.
    .filter((credential) => !genuine.includes(credential));
  const counts = await refused(fc.sample(mutated, { seed: SEED, numRuns: MUTATIONS }));
  expect([...counts]).toEqual([[401, MUTATIONS]]);
  expect((await server.figures()).errors).toEqual([]);
  report(`${counts.get(401)} mutated credentials, each answered with 401`);
});

it('parts of good tokens make no other token', { timeout: TIMEOUT_MS }, async () => {
  const parts = [...tokens.map((token) => token.split('.')), ['', '', '']];
  const headers = parts.map(([header = '']) => header);
  const payloads = parts.map(([, payload = '']) => payload);
  const signatures = parts.map(([, , signature = '']) => signature);
  const mixed = headers.flatMap((header) =>
    payloads.flatMap((payload) => signatures.map((signature) => `${header}.${payload}.${signature}`)),
  );
  expect([...(await refused(mixed)).keys()]).toEqual([401]);
});

it('no header talks the server out of its own key and algorithm', { timeout: TIMEOUT_MS }, async () => {
  const [prefixed = '', payload = '', signature = ''] = tokens[0]?.split('.') ?? [];
  const prefix = 'bos_session_test_';
  const { kid } = decoded(prefixed.slice(prefix.length)) as { kid: string };
  const own = Buffer.from('the attacker’s own key, long enough for all');
  const jwk = { kty: 'oct', k: own.toString('base64url') };
  const headers: readonly (string | object)[] = [
    ...['none', 'None', 'NONE', 'nOnE', '', 'HS384', 'HS512', 'RS256', 'ES256', 'EdDSA', 'dir', 'A128KW'].map(
      (alg) => ({ alg, kid }),
    ),
    { alg: null, kid },
    { alg: ['HS256'], kid },
    { kid },
    { alg: 'HS256' },
    ...[
      '',
      '../../dev/null',
      '/dev/null',
      "' or 1=1 --",
      '__proto__',
      'constructor',
      `${kid}\u0000`,
      `${kid} `,
      kid.toLowerCase(),
    ].map((one) => ({ alg: 'HS256', kid: one })),
    ...[null, 0, [kid], { kid }].map((one) => ({ alg: 'HS256', kid: one })),
    { alg: 'HS256', kid, jwk },
    { alg: 'HS256', jwk },
    { alg: 'HS256', kid, jku: 'http://127.0.0.1:1/keys.json' },
    { alg: 'HS256', kid, x5u: 'http://127.0.0.1:1/cert.pem' },
    { alg: 'HS256', kid, x5c: ['MIIB'] },
    { alg: 'HS256', kid, crit: ['exp'] },
    { alg: 'HS256', kid, b64: false, crit: ['b64'] },
    { alg: 'HS256', kid, zip: 'DEF' },
    { alg: 'HS256', kid, typ: 'JWT' },
    { alg: 'HS256', kid, cty: 'JWT' },
    { kid, alg: 'HS256' },
    `{"alg":"HS256","alg":"none","kid":"${kid}"}`,
    `{"alg":"none","alg":"HS256","kid":"${kid}"}`,
    `{"alg":"HS256","kid":"x","kid":"${kid}"}`,
    `{"alg":"HS256","kid":"${kid}"} `,
    `{"\\u0061lg":"HS256","kid":"${kid}"}`,
    '{}',
    '[]',
    'null',
    '',
  ];
  const forged = headers.flatMap((header) => {
    const encodedHeader = encoded(header);
    const signed = (body: string) =>
      createHmac('sha256', own).update(`${encodedHeader}.${body}`).digest('base64url');
    const nested = encoded({ nested: tokens[0] });
    return [payload, nested].flatMap((body) => [
      `${prefix}${encodedHeader}.${body}.`,
      `${prefix}${encodedHeader}.${body}`,
      `${prefix}${encodedHeader}.${body}.${signature}`,
      `${prefix}${encodedHeader}.${body}.${signed(body)}`,
      `${prefix}${encodedHeader}.${body}.${signature}.${signature}`,
    ]);
  });
  // The one header among them that is the server's own, with its own payload and signature, is the token itself.
  expect([...(await refused(forged)).keys()]).toEqual([401]);
  expect(await attempt(tokens[0] ?? '', 0)).toBe(200);
});

it('no payload that was changed is believed', { timeout: TIMEOUT_MS }, async () => {
  const [header = '', payload = '', signature = ''] = tokens[0]?.split('.') ?? [];
  const claims = decoded(payload) as Record<string, unknown>;
  const values = [
    null,
    '',
    0,
    -1,
    1e300,
    true,
    [],
    {},
    'user_2',
    server.tenants[1]?.id,
    ['*'],
    '*',
    `${String(claims['sub'])}\u0000`,
  ];
  const changed = Object.keys(claims).flatMap((name) => [
    ...values.map((value) => ({ ...claims, [name]: value })),
    Object.fromEntries(Object.entries(claims).filter(([other]) => other !== name)),
  ]);
  const forged = changed.map((one) => `${header}.${encoded(one)}.${signature}`);
  const again = `{"sub":"user_2",${JSON.stringify(claims).slice(1)}`;
  forged.push(`${header}.${encoded(again)}.${signature}`, `${header}.${payload}=.${signature}`);
  expect([...(await refused(forged)).keys()]).toEqual([401]);
});

function encoded(value: string | object): string {
  return Buffer.from(typeof value === 'string' ? value : JSON.stringify(value)).toString('base64url');
}

function decoded(part: string): unknown {
  return JSON.parse(Buffer.from(part, 'base64url').toString());
}
