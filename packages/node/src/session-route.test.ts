import { createServer } from 'node:http';
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

  it('answers 401 when nobody is logged in', async () => {
    const response = await createSessionRoute(options, () => Promise.resolve(null))(REQUEST);
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

  it('answers 500 when the API refuses', async () => {
    server.script(problem(401, 'unauthenticated'));
    expect((await createSessionRoute(options, () => ({ userId: 'u' }))(REQUEST)).status).toBe(500);
  });
});

describe('the session handler', () => {
  it("answers Node's requests the same way", async () => {
    const handler = createSessionHandler(options, (request) =>
      request.url === '/u' ? { userId: 'u' } : null,
    );
    const host = createServer((request, response) => void handler(request, response));
    await new Promise<void>((resolve) => {
      host.listen(0, '127.0.0.1', resolve);
    });
    const url = `http://127.0.0.1:${(host.address() as AddressInfo).port}`;
    const [signedIn, signedOut] = await Promise.all([fetch(`${url}/u`), fetch(`${url}/nobody`)]);
    expect(await signedIn.json()).toEqual({ sessionToken: 's', expiresAt: T0, apiUrl: server.url });
    expect(signedIn.headers.get('Cache-Control')).toBe('no-store');
    expect(signedOut.status).toBe(401);
    host.closeAllConnections();
    host.close();
  });
});
