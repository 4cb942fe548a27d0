import { describe, expect, it } from 'vitest';
import type { CredentialSource } from './credentials.ts';
import { AuthenticationError, NetworkError } from './errors.ts';
import {
  loadFromFunction,
  loadFromRoute,
  refreshingSession,
  staticSession,
  type GetSessionToken,
  type SessionGrant,
} from './session.ts';
import { ManualClock } from './testing/clocks.ts';
import { sessionToken } from './testing/tokens.ts';
import type { Transport } from './transport.ts';

const HOUR_S = 3_600;

/** A session whose tokens live an hour by the clock, counted. */
function countedSession(clock: ManualClock, apiUrl?: string) {
  const seen = { loads: 0, failure: undefined as Error | undefined };
  const load = (): Promise<SessionGrant> => {
    seen.loads += 1;
    if (seen.failure !== undefined) return Promise.reject(seen.failure);
    const iat = Math.floor(clock.now() / 1_000);
    const claims = { iss: 'http://api.test', ten: 't', sub: 'u', iat, exp: iat + HOUR_S, jti: seen.loads };
    return Promise.resolve({ sessionToken: sessionToken(claims) });
  };
  return { seen, source: refreshingSession(load, { apiUrl, clock, timeoutMs: 1_000 }) };
}

const renew = (source: CredentialSource, rejected: Awaited<ReturnType<CredentialSource['get']>>) =>
  source.renew!(rejected);

describe('a refreshing session', () => {
  it('asks once for all who come at the same time', async () => {
    const { seen, source } = countedSession(new ManualClock());
    const [first, second] = await Promise.all([source.get(), source.get()]);
    expect(first).toBe(second);
    expect(seen.loads).toBe(1);
  });

  it('replaces the token in the background at 80 % of its life', async () => {
    const clock = new ManualClock();
    const { seen, source } = countedSession(clock);
    const first = await source.get();
    await clock.advance(0.79 * HOUR_S * 1_000);
    await source.get();
    expect(seen.loads).toBe(1);
    await clock.advance(0.02 * HOUR_S * 1_000);
    expect(await source.get()).toBe(first);
    await clock.advance(0);
    expect(await source.get()).not.toBe(first);
    expect(seen.loads).toBe(2);
  });

  it('goes on with the token at hand while a replacement fails', async () => {
    const clock = new ManualClock();
    const { seen, source } = countedSession(clock);
    const first = await source.get();
    seen.failure = new NetworkError('offline');
    await clock.advance(0.9 * HOUR_S * 1_000);
    expect(await source.get()).toBe(first);
    await clock.advance(0);
    expect(await source.get()).toBe(first);
  });

  it('fails when the token is dead and there is no other', async () => {
    const clock = new ManualClock();
    const { seen, source } = countedSession(clock);
    await source.get();
    seen.failure = new NetworkError('offline');
    await clock.advance(HOUR_S * 1_000);
    await expect(source.get()).rejects.toThrow('offline');
  });

  it('still says whose it was when the token is dead and there is no other', async () => {
    const clock = new ManualClock();
    const { seen, source } = countedSession(clock);
    const { customer } = await source.get();
    seen.failure = new NetworkError('offline');
    await clock.advance(HOUR_S * 1_000);
    expect(await source.customer?.()).toBe(customer);
  });

  it('does not say whose it was once they have signed out', async () => {
    const clock = new ManualClock();
    const { seen, source } = countedSession(clock);
    await source.get();
    seen.failure = new AuthenticationError('nobody', { code: 'signed_out' });
    await clock.advance(HOUR_S * 1_000);
    await expect(source.get()).rejects.toMatchObject({ code: 'signed_out' });
    await expect(source.customer?.()).rejects.toMatchObject({ code: 'signed_out' });
  });

  it('renews a refused token once for all who were refused', async () => {
    const { seen, source } = countedSession(new ManualClock());
    const refused = await source.get();
    const [first, second] = await Promise.all([renew(source, refused), renew(source, refused)]);
    expect(first).toBe(second);
    expect(await renew(source, refused)).toBe(first);
    expect(seen.loads).toBe(2);
  });

  it('gives up on a host that never answers', async () => {
    const clock = new ManualClock();
    const never = () => new Promise<SessionGrant>(() => undefined);
    const source = refreshingSession(never, { apiUrl: undefined, clock, timeoutMs: 1_000 });
    const result = expect(source.get()).rejects.toMatchObject({ name: 'TimeoutError' });
    await clock.advance(1_000);
    await result;
  });

  it.each([-HOUR_S * 2, HOUR_S * 24])('is not misled by a clock that is %i s off', async (offS) => {
    const clock = new ManualClock();
    const iat = Math.floor(clock.now() / 1_000) + offS;
    let loads = 0;
    const load = () => {
      loads += 1;
      return Promise.resolve({
        sessionToken: sessionToken({ iss: 'http://api.test', iat, exp: iat + HOUR_S }),
      });
    };
    const source = refreshingSession(load, { apiUrl: undefined, clock, timeoutMs: 1_000 });
    await source.get();
    await clock.advance(0.7 * HOUR_S * 1_000);
    await source.get();
    expect(loads).toBe(1);
  });
});

describe('finding the API', () => {
  const token = sessionToken({ iss: 'http://issuer.test/', ten: 't', sub: 'u' });
  const sourceOf = (grant: SessionGrant, apiUrl?: string) =>
    refreshingSession(() => Promise.resolve(grant), { apiUrl, clock: new ManualClock(), timeoutMs: 1_000 });

  it('takes the explicit URL first', async () => {
    const source = sourceOf(
      { sessionToken: token, apiUrl: 'http://route.test' },
      'http://explicit.test/base/',
    );
    expect((await source.get()).apiUrl).toBe('http://explicit.test/base');
  });

  it("takes the route's URL next", async () => {
    const source = sourceOf({ sessionToken: token, apiUrl: 'http://route.test' });
    expect((await source.get()).apiUrl).toBe('http://route.test');
  });

  it("takes the token's issuer last", async () => {
    expect((await sourceOf({ sessionToken: token }).get()).apiUrl).toBe('http://issuer.test');
  });

  it.each(['bos_session_test_opaque', 'bos_session_test_a.!.c', 'a.b.c'])(
    'says so when nobody named it: %s',
    async (bare) => {
      await expect(staticSession(bare, undefined).get()).rejects.toMatchObject({
        name: 'ConfigurationError',
      });
    },
  );

  it('refuses a URL of another kind', async () => {
    await expect(staticSession(token, 'javascript:0').get()).rejects.toMatchObject({
      name: 'ConfigurationError',
    });
  });

  it('refuses a secret key in the place of a session token', async () => {
    await expect(staticSession('sk_test_x', 'http://a.test').get()).rejects.toThrow('secret key');
  });
});

describe('loadFromFunction', () => {
  it('takes null for signed out', async () => {
    const load = loadFromFunction(() => Promise.resolve(null));
    await expect(load()).rejects.toMatchObject({ name: 'AuthenticationError', retryable: false });
  });

  it("counts the host's own failure as one that may pass", async () => {
    const load = loadFromFunction(() => Promise.reject(new Error('fetch failed')));
    await expect(load()).rejects.toMatchObject({ name: 'NetworkError', retryable: true });
  });

  // As pages without types write them.
  const loadFrom = (getSessionToken: () => unknown) => loadFromFunction(getSessionToken as GetSessionToken)();

  it('takes a function that is not async', async () => {
    expect(await loadFrom(() => 'token')).toEqual({ sessionToken: 'token' });
  });

  it('counts what the function throws at once as its failure, too', async () => {
    const load = loadFrom(() => {
      throw new Error('not yet');
    });
    await expect(load).rejects.toMatchObject({ name: 'NetworkError', retryable: true });
  });

  it('takes nothing at all for signed out', async () => {
    await expect(loadFrom(() => undefined)).rejects.toMatchObject({ name: 'AuthenticationError' });
  });

  it.each([42, {}, { sessionToken: 42 }])('says what is wrong with %j', async (given) => {
    await expect(loadFrom(() => given)).rejects.toMatchObject({
      name: 'ConfigurationError',
      message: expect.stringContaining('getSessionToken must give') as string,
    });
  });
});

describe('loadFromRoute', () => {
  const URL_PATH = '/api/billingos-session';
  const routeAnswering = (status: number, json: unknown) => {
    const transport: Transport = () =>
      Promise.resolve({ status, headers: new Headers(), json, stream: undefined });
    return loadFromRoute(URL_PATH, transport, new ManualClock())(new AbortController().signal);
  };

  it('takes over what the route says', async () => {
    const grant = { sessionToken: 'x', expiresAt: '2026-02-03T01:00:00.000Z', apiUrl: 'http://a.test' };
    expect(await routeAnswering(200, grant)).toEqual(grant);
  });

  it.each([401, 403])('takes %i for signed out', async (status) => {
    await expect(routeAnswering(status, {})).rejects.toMatchObject({
      name: 'AuthenticationError',
      retryable: false,
    });
  });

  it.each([
    [200, undefined],
    [200, null],
    [200, { token: 'x' }],
    [404, { error: 'not found' }],
  ])('names the URL when it answers %i with %j', async (status, json) => {
    const result = routeAnswering(status, json);
    await expect(result).rejects.toMatchObject({ name: 'ConfigurationError' });
    await expect(result).rejects.toThrow(URL_PATH);
  });

  it.each([429, 500, 503])('may be tried again after %i', async (status) => {
    await expect(routeAnswering(status, undefined)).rejects.toMatchObject({ status, retryable: true });
  });
});
