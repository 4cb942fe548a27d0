import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { json, problem, ScriptedServer } from '../../../src/client/testing/scripted-server.ts';
import { createSessionHandler, createSessionRoute, type SessionRouteOptions } from './session-route.ts';

const T0 = '2026-02-03T00:00:00.000Z';
const REQUEST = new Request('http://host.test/api/billingos-session');

let server: ScriptedServer;
let options: SessionRouteOptions;
beforeEach(async () => {
  server = await ScriptedServer.start();
  server.script(json(201, { sessionToken: 's', expiresAt: T0, tokenId: 't', allowedOperations: [] }));
  options = { secretKey: 'sk_test_x', apiUrl: server.url, maxRetries: 0 };
});
afterEach(async () => {
  vi.restoreAllMocks();
  await server.stop();
});

describe('the session route', () => {
  it('answers with a token, its end and the API', async () => {
    const route = createSessionRoute({ ...options, expiresIn: 600 }, () => ({
      userId: 'u',
      organizationId: 'o',
    }));
    const response = await route(REQUEST);
    expect(response.status).toBe(200);
    expect(response.headers.get('Cache-Control')).toBe('no-store');
    expect(await response.json()).toEqual({ sessionToken: 's', expiresAt: T0, apiUrl: server.url });
    expect(JSON.parse(server.requests[0]!.body)).toEqual({
      externalUserId: 'u',
      externalOrganizationId: 'o',
      expiresIn: 600,
    });
  });

  it('gives the callback the request', async () => {
    const callback = vi.fn(() => null);
    await createSessionRoute(options, callback)(REQUEST);
    expect(callback).toHaveBeenCalledWith(REQUEST);
  });

  it('tells browsers another URL of the API than the one it uses, when there is one', async () => {
    const publicApiUrl = 'https://usage.example.com/';
    const response = await createSessionRoute({ ...options, publicApiUrl }, () => ({ userId: 'u' }))(REQUEST);
    expect(await response.json()).toMatchObject({ apiUrl: 'https://usage.example.com' });
    expect(server.requests).toHaveLength(1);
  });

  it('is not made for a public URL that is none', () => {
    expect(() => createSessionRoute({ ...options, publicApiUrl: '/usage' }, () => null)).toThrow('"/usage"');
  });

  it.each([null, undefined])('answers 401 when nobody is logged in: %s', async (nobody) => {
    const response = await createSessionRoute(options, () => Promise.resolve(nobody))(REQUEST);
    expect(response.status).toBe(401);
    expect(response.headers.get('Cache-Control')).toBe('no-store');
    expect(server.requests).toEqual([]);
  });

  it('answers 500 without the reason when the callback throws', async () => {
    const onError = vi.fn();
    const route = createSessionRoute({ ...options, onError }, () => {
      throw new Error('database password is hunter2');
    });
    const response = await route(REQUEST);
    expect(response.status).toBe(500);
    expect(await response.text()).not.toContain('hunter2');
    expect(onError).toHaveBeenCalledTimes(1);
  });

  it('answers even when onError throws', async () => {
    const onError = () => {
      throw new Error('the log is full');
    };
    const route = createSessionRoute({ ...options, onError }, () => Promise.reject(new Error('no database')));
    expect((await route(REQUEST)).status).toBe(500);
  });

  it('answers 500 when the API refuses', async () => {
    server.script(problem(401, 'unauthenticated'));
    const route = createSessionRoute({ ...options, onError: vi.fn() }, () => ({ userId: 'u' }));
    expect((await route(REQUEST)).status).toBe(500);
  });

  it.each([new Error('no\n database'), 'no database'])(
    "writes one line to the server's log where there is no onError: %s",
    async (failure) => {
      const log = vi.spyOn(console, 'error').mockReturnValue();
      // eslint-disable-next-line @typescript-eslint/prefer-promise-reject-errors -- hosts reject with anything
      await createSessionRoute(options, () => Promise.reject(failure))(REQUEST);
      expect(log.mock.calls).toEqual([['BillingOS session route: no database']]);
    },
  );

  it('writes nothing to the log where there is an onError', async () => {
    const log = vi.spyOn(console, 'error').mockReturnValue();
    await createSessionRoute({ ...options, onError: vi.fn() }, () => Promise.reject(new Error('no')))(
      REQUEST,
    );
    expect(log).not.toHaveBeenCalled();
  });

  it.each([
    [{ id: 'secret', email: 'secret' }, '{id, email}'],
    [{ userId: '' }, '{userId}'],
    [{ userId: 7 }, '{userId}'],
    [{}, '{}'],
    [Array.from({ length: 11 }, () => 'secret'), '{0, 1, 2, 3, 4, 5, 6, 7, 8, 9, …}'],
    ['secret', 'a string'],
    [false, 'a boolean'],
  ])('says what the callback returned when it is no user: %j', async (found, shape) => {
    const onError = vi.fn<(error: unknown) => void>();
    const response = await createSessionRoute({ ...options, onError }, () => found as never)(REQUEST);
    expect(response.status).toBe(500);
    expect(server.requests).toEqual([]);
    expect(onError.mock.calls).toMatchObject([
      [
        {
          name: 'ConfigurationError',
          message: `The callback returned ${shape}; return { userId }, a non-empty string, or null.`,
        },
      ],
    ]);
  });
});

describe('the session handler', () => {
  const hosts: Server[] = [];
  afterEach(() => {
    for (const host of hosts.splice(0)) {
      host.closeAllConnections();
      host.close();
    }
  });

  /** A host with these handlers, tried one after the other as Express does. */
  async function serve(...handlers: ((request: IncomingMessage, response: ServerResponse) => unknown)[]) {
    const host = createServer((request, response) => {
      for (const handler of handlers) handler(request, response);
    });
    hosts.push(host);
    await new Promise<void>((resolve) => {
      host.listen(0, '127.0.0.1', resolve);
    });
    return `http://127.0.0.1:${(host.address() as AddressInfo).port}`;
  }

  it("answers Node's requests the same way", async () => {
    const url = await serve(
      createSessionHandler(options, (request) => (request.url === '/u' ? { userId: 'u' } : null)),
    );
    const [signedIn, signedOut] = await Promise.all([fetch(`${url}/u`), fetch(`${url}/nobody`)]);
    expect(await signedIn.json()).toEqual({ sessionToken: 's', expiresAt: T0, apiUrl: server.url });
    expect(signedIn.headers.get('Cache-Control')).toBe('no-store');
    expect(signedOut.status).toBe(401);
  });

  it('leaves alone what somebody else has answered', async () => {
    let done: Promise<void> | undefined;
    const handler = createSessionHandler(options, () => null);
    const url = await serve(
      (request, response) => {
        done = handler(request, response);
      },
      (_request, response) => response.writeHead(503).end(),
    );
    expect((await fetch(url)).status).toBe(503);
    await done;
  });
});
