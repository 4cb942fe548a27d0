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
afterEach(() => server.stop());

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
    expect((await createSessionRoute(options, () => ({ userId: 'u' }))(REQUEST)).status).toBe(500);
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
